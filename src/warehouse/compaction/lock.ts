/** One compaction of a table at a time. */

import { StreamkitError } from "../../base/error.ts";
import { joinPath, type Store } from "../store.ts";
import { manifestFolder } from "./manifest.ts";

export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** Tells a process of this host from all others that have, or will have, its number. */
  readonly identityOf: (pid: number) => string;
}

interface Holder {
  readonly host?: string;
  readonly pid?: number;
  readonly identity?: string;
}

/** Throws code `io` where another process has it. What a killed one of this host has left is taken over. */
export async function lockTable(
  store: Store,
  folder: string,
  { host, pid, identityOf }: Owner,
): Promise<AsyncDisposable> {
  const path = joinPath(manifestFolder(folder), "lock");
  const text = JSON.stringify({ host, pid, identity: identityOf(pid) } satisfies Holder);
  const release = { [Symbol.asyncDispose]: () => store.remove(path) };
  if (await store.create(path, text)) return release;
  const found = await textOf(store, path);
  const holder = JSON.parse(found ?? "{}") as Holder;
  const isGone = holder.host === host && identityOf(holder.pid ?? 0) !== holder.identity;
  if (
    found === undefined
      ? await store.create(path, text)
      : isGone && (await takeOver(store, path, found, text))
  )
    return release;
  throw new StreamkitError(
    "io",
    `Another process compacts this table: ${holder.pid ?? "?"} on ${holder.host ?? "?"}; if it doesn't run ` +
      `any more, remove ${joinPath(store.url, path)}`,
  );
}

async function textOf(store: Store, path: string): Promise<string | undefined> {
  const found = await store.read(path);
  return found === undefined ? undefined : Buffer.from(found).toString();
}

/**
 * Of several that find a dead one's lock, one may remove it: who has the mark, and still finds that lock. Who
 * dies with the mark leaves the lock to a person.
 */
async function takeOver(store: Store, path: string, dead: string, text: string): Promise<boolean> {
  const mark = `${path}-taken-over`;
  if (!(await store.create(mark, text))) return false;
  try {
    if ((await textOf(store, path)) !== dead) return false;
    await store.remove(path);
    return await store.create(path, text);
  } finally {
    await store.remove(mark);
  }
}
