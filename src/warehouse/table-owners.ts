/**
 * Whose a table is: `_streamkit/owners/WRITER.json` for each writer with a checkpoint, which readers pass
 * over. Writers of several names may stand side by side, as files bear their names, where they say so.
 */

import { type Claimant, markText, mayTake, type Owner, readMark, refusalOf } from "../base/owner.ts";
import { joinPath, type Store } from "./store.ts";

interface Mark extends Owner {
  /** Who has taken the table over since; its own mark stands beside this one. */
  readonly takenBy?: Owner;
}

export interface TableClaim {
  readonly store: Store;
  readonly folder: string;
  /** As people call it. */
  readonly table: string;
  /** Names the files. */
  readonly writer: string;
  readonly claimant: Claimant;
  /** Whether others may write to the table too. */
  readonly besideOthers: boolean;
  /** Whether the checkpoint knows the table: one that was made before there were marks finds none. */
  readonly isKnown: boolean;
}

/**
 * Throws code `job` where it is another job's. Otherwise the mark may be left: in a table that nobody has
 * written to, when there are rows, as a run without any leaves nothing.
 */
export async function claimTable(
  claim: TableClaim,
): Promise<{ take(moment: "opened" | "written"): Promise<void> }> {
  const { store, folder, writer, claimant } = claim;
  const { owner, adopts } = claimant;
  const isDurable = owner.checkpoint !== "";
  const path = joinPath(ownersFolder(folder), `${writer}.json`);
  const own = isDurable ? await markAt(store, path) : undefined;
  if (own?.takenBy !== undefined && !adopts) throw refused(claim, own.takenBy);
  if (own !== undefined && !mayTake(own, claimant)) throw refused(claim, own);
  const isMine = own?.checkpoint === owner.checkpoint && own.takenBy === undefined;
  const others = isMine ? [] : await othersIn(claim);
  const [first] = others;
  const isWelcome = claim.besideOthers || adopts || (isDurable && claim.isKnown);
  if (first !== undefined && !isWelcome) throw refused(claim, first.mark);
  const isEmpty = own === undefined && others.length === 0 && !claim.isKnown;
  let isTaken = !isDurable;
  return {
    async take(moment) {
      if (isTaken || (isEmpty && moment === "opened")) return;
      if (adopts && !claim.besideOthers)
        for (const { path: place, mark } of others)
          await store.write(place, markText({ ...mark, takenBy: owner } as Mark));
      if (own === undefined || markText(own) !== markText(owner)) await store.write(path, markText(owner));
      isTaken = true;
    },
  };
}

/** Of the engine's making: a run without a checkpoint has the job's name and a number of its own. */
const RUN_NAME = /_[\da-z]{4,7}$/;

/**
 * Tells writers that were runs without a checkpoint: nobody writes their batches again, nor removes them.
 * Each other one has left its mark before its first file; what has neither is an older version's, and not
 * told.
 */
export async function finalWriters(store: Store, folder: string): Promise<(writer: string) => boolean> {
  const marks = (await store.list(ownersFolder(folder))).map(({ path }) => path.split("/").at(-1) ?? "");
  const durable = new Set(marks.map((name) => name.replace(/\.json$/, "")));
  return (writer) => RUN_NAME.test(writer) && !durable.has(writer);
}

const ownersFolder = (folder: string): string => joinPath(folder, "_streamkit/owners");

async function markAt(store: Store, path: string): Promise<Mark | undefined> {
  const found = await store.read(path);
  return found === undefined ? undefined : readMark(Buffer.from(found).toString());
}

/** Other jobs that write to the table: of a job that processes share, each partition has a mark. */
async function othersIn({ store, folder, claimant: { owner } }: TableClaim) {
  const others: { readonly path: string; readonly mark: Mark }[] = [];
  for (const { path } of await store.list(ownersFolder(folder))) {
    const mark = path.endsWith(".json") ? await markAt(store, path) : undefined;
    if (mark === undefined || mark.takenBy !== undefined) continue;
    const isOwn = owner.checkpoint !== "" && mark.checkpoint === owner.checkpoint;
    const isPartition = owner.checkpoint !== "" && mark.job === owner.job;
    if (!isOwn && !isPartition) others.push({ path, mark });
  }
  return others;
}

function refused({ table, store, claimant, writer }: TableClaim, mark: Owner) {
  const isSameName = mark.job === claimant.owner.job;
  return refusalOf(`The table ${table} in ${store.url}`, mark, claimant, {
    wouldDo: isSameName ? `remove the rows that "${writer}" has written` : "write between its rows",
    wayOut: isSameName ? "" : ", or write side by side with beside_others: true in parquet",
  });
}
