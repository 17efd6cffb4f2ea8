/**
 * One compaction of a table at a time. Who wants it leaves an empty file whose name says who that is, and
 * then looks who else has left one: of those that began together the first by name goes on. Nobody removes
 * another one's file but where its process is gone, and names are never used again, so that it does not
 * matter how many find a dead one's.
 */

import { type Clock, systemClock } from "../../base/clock.ts";
import { StreamkitError } from "../../base/error.ts";
import { type Holder, isGone, markOf, type ProcessMark } from "../../base/process-mark.ts";
import { isHiddenName, joinPath, type Store, type StoredFile } from "../store.ts";
import { manifestFolder } from "./manifest.ts";

export interface TableLock extends AsyncDisposable {
  /** Between steps: the process is alive. Throws code `io` where another one has taken it for dead. */
  keep(): Promise<void>;
}

/** Who is silent for so long, on another machine, is taken for dead. */
export const LEASE_MS = 30 * 60_000;
const RENEW_MS = 60_000;
/** For rivals that began at the same moment, to see each other and give way. */
const MAX_LOOKS = 100;
const LOOK_MS = 50;

/** What older versions left: a file with the mark in it. */
const OLD_NAMES = new Set(["lock", "lock-taken-over"]);

interface Claim {
  readonly path: string;
  readonly name: string;
  readonly mark: Partial<ProcessMark>;
  readonly isHeld: boolean;
  readonly silentMs: number;
}

/** Throws code `io` where another process has it. What a dead one has left is taken away. */
export async function lockTable(
  store: Store,
  folder: string,
  owner: Holder,
  clock: Clock = systemClock,
): Promise<TableLock> {
  const own = `${nameOf(markOf(owner))}.${crypto.randomUUID().slice(0, 8)}`;
  const at = (prefix: string): string => joinPath(manifestFolder(folder), `${prefix}-${own}`);
  const release = async (): Promise<void> => {
    await store.remove(at("held"));
    await store.remove(at("lock"));
  };
  await store.write(at("lock"), "");
  try {
    await outlast(store, folder, { owner, own, clock });
    await store.write(at("held"), "");
  } catch (error) {
    await release();
    throw error;
  }
  await sweep(store, folder);
  let renewedMs = clock.nowMs();
  return {
    async keep() {
      const nowMs = clock.nowMs();
      if (nowMs - renewedMs < RENEW_MS) return;
      if (!(await store.exists(at("lock"))))
        throw new StreamkitError("io", `Another process has taken over ${joinPath(store.url, folder)}`);
      await store.write(at("lock"), "");
      renewedMs = nowMs;
    },
    [Symbol.asyncDispose]: release,
  };
}

interface Contest {
  readonly owner: Holder;
  readonly own: string;
  readonly clock: Clock;
}

/** Returns when nobody else is left. */
async function outlast(store: Store, folder: string, { owner, own, clock }: Contest): Promise<void> {
  for (let look = 1; ; look += 1) {
    const others: Claim[] = [];
    for (const claim of await claimsOf(store, folder, clock.nowMs())) {
      if (claim.name === own) continue;
      if (isGone(claim.mark, owner, { silentMs: claim.silentMs, leaseMs: LEASE_MS }))
        await store.remove(claim.path);
      else others.push(claim);
    }
    const [first] = others;
    if (first === undefined) return;
    const mustGiveWay = others.find(({ isHeld, name }) => isHeld || name < own);
    if (mustGiveWay !== undefined || look === MAX_LOOKS) throw inUse(mustGiveWay ?? first, store);
    await clock.sleep(LOOK_MS);
  }
}

async function claimsOf(store: Store, folder: string, nowMs: number): Promise<readonly Claim[]> {
  const found: Claim[] = [];
  for (const file of await store.list(manifestFolder(folder))) {
    const claim = await claimOf(store, file, nowMs);
    if (claim !== undefined) found.push(claim);
  }
  return found;
}

async function claimOf(
  store: Store,
  { path, modifiedAtMs }: StoredFile,
  nowMs: number,
): Promise<Claim | undefined> {
  const name = path.split("/").at(-1) ?? "";
  const silentMs = nowMs - modifiedAtMs;
  if (OLD_NAMES.has(name)) {
    const found = await store.read(path);
    if (found === undefined) return undefined;
    return { path, name, mark: markIn(Buffer.from(found).toString()), isHeld: true, silentMs };
  }
  const match = /^(lock|held)-(([\w-]+)\.[\da-f]{8})$/.exec(name);
  if (match?.[2] === undefined || match[3] === undefined) return undefined;
  return { path, name: match[2], mark: markOfName(match[3]), isHeld: match[1] === "held", silentMs };
}

/** Of what can't be read nobody knows whose it is: it stays for as long as a lease. */
function markIn(text: string): Partial<ProcessMark> {
  try {
    return JSON.parse(text) as Partial<ProcessMark>;
  } catch {
    return {};
  }
}

function nameOf({ host, pid, identity, machine }: ProcessMark): string {
  return Buffer.from(JSON.stringify([host, pid, identity, machine])).toString("base64url");
}

function markOfName(name: string): Partial<ProcessMark> {
  try {
    const text = Buffer.from(name, "base64url").toString();
    const [host, pid, identity, machine] = JSON.parse(text) as [string, number, string, string | null];
    return { host, pid, identity, ...(machine === null ? {} : { machine }) };
  } catch {
    return {};
  }
}

function inUse({ mark, path }: Claim, store: Store): StreamkitError {
  const minutes = LEASE_MS / 60_000;
  return new StreamkitError(
    "io",
    `Another process compacts this table: ${mark.pid ?? "?"} on ${mark.host ?? "?"}; if it doesn't run any ` +
      `more, remove ${joinPath(store.url, path)}, or wait until it was silent for ${minutes} minutes`,
  );
}

/** Small files on their way to a name, which only who has the lock writes here: of a dead one. */
async function sweep(store: Store, folder: string): Promise<void> {
  for (const { path } of await store.list(manifestFolder(folder)))
    if (isHiddenName(path)) await store.remove(path);
}
