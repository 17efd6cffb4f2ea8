/**
 * Which batches of which writers are in a table's compacted files. Their own files, which a batch that is
 * written again would replace by name, are gone: a writer whose checkpoint does not know of such a batch
 * would write its rows a second time. Kept in the table as `_streamkit/compacted.json`.
 */

import { StreamkitError } from "../../base/error.ts";
import { batchOfFile } from "../hive-layout.ts";
import { joinPath, type Store } from "../store.ts";
import { readManifests } from "./manifest.ts";

const FILE = "_streamkit/compacted.json";

/** The highest batch of each writer. */
type Batches = Readonly<Record<string, number>>;

interface CompactedBatches {
  readonly version: 1;
  /** By the files' paths in the table. */
  readonly files: Readonly<Record<string, Batches>>;
}

/** A file to be made, and those that it is made of: paths in the table. */
export interface Merge {
  readonly file: string;
  readonly of: readonly string[];
}

/** Before anybody sees the new files. Of those that are neither `there` nor new nothing is remembered. */
export async function noteCompacted(
  store: Store,
  folder: string,
  merges: readonly Merge[],
  there: ReadonlySet<string>,
  isFinalWriter: (writer: string) => boolean,
): Promise<void> {
  if (merges.length === 0) return;
  const known = await compactedIn(store, folder);
  const files: Record<string, Batches> = {};
  for (const [file, batches] of Object.entries(known)) if (there.has(file)) files[file] = batches;
  for (const { file, of } of merges)
    files[file] = highest(of.map((path) => known[path] ?? batchesOf(path, isFinalWriter)));
  const text = JSON.stringify({ version: 1, files } satisfies CompactedBatches, undefined, 1);
  await store.write(joinPath(folder, FILE), `${text}\n`);
}

async function compactedIn(store: Store, folder: string): Promise<CompactedBatches["files"]> {
  const found = await store.read(joinPath(folder, FILE));
  return found === undefined ? {} : (JSON.parse(Buffer.from(found).toString()) as CompactedBatches).files;
}

/** Of a writer that comes back: of others nothing has to be remembered. */
function batchesOf(path: string, isFinalWriter: (writer: string) => boolean): Batches {
  const found = batchOfFile(path);
  return found === undefined || isFinalWriter(found.writer) ? {} : { [found.writer]: found.batch };
}

function highest(all: readonly Batches[]): Batches {
  const batches = new Map<string, number>();
  for (const [writer, batch] of all.flatMap((each) => Object.entries(each)))
    batches.set(writer, Math.max(batches.get(writer) ?? 0, batch));
  return Object.fromEntries(batches);
}

/** Throws code `job` where compacted files have batches of the writer that its checkpoint has not. */
export async function refuseCompacted(
  store: Store,
  folder: string,
  { table, writer, committedBatch }: { table: string; writer: string; committedBatch: number },
): Promise<void> {
  const batchIn = (batches: Batches): number => (Object.hasOwn(batches, writer) ? (batches[writer] ?? 0) : 0);
  const isUnknown = (batches: Batches): boolean => batchIn(batches) > committedBatch;
  const noted = Object.entries(await compactedIn(store, folder)).filter(([, batches]) => isUnknown(batches));
  const files: string[] = [];
  const isUnderWay = new Set(
    (await readManifests(store, folder)).flatMap((manifest) =>
      manifest.new.map((name) => joinPath(manifest.partition, name)),
    ),
  );
  for (const [file] of noted)
    if (isUnderWay.has(file) || (await store.exists(joinPath(folder, file)))) files.push(file);
  const [first] = files;
  if (first === undefined) return;
  const batch = Math.max(...noted.map(([, batches]) => batchIn(batches)));
  throw new StreamkitError(
    "job",
    `the table ${table} in ${store.url} was compacted, and holds rows of "${writer}" up to batch ${batch}, ` +
      `but this checkpoint knows of ${committedBatch === 0 ? "none" : committedBatch}: it would write them ` +
      "again. Nothing was written.\n  Ways out: go on with the checkpoint that wrote them; give the job " +
      "another name, if its input does not have those rows again; or remove what it wrote, which is in\n" +
      files
        .slice(0, MAX_SHOWN_FILES)
        .map((file) => `    ${file}`)
        .join("\n") +
      (files.length > MAX_SHOWN_FILES ? `\n    and ${files.length - MAX_SHOWN_FILES} more` : ""),
  );
}

const MAX_SHOWN_FILES = 5;
