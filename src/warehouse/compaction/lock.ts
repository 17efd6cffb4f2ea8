/** One compaction of a table at a time. */

import { StreamkitError } from "../../base/error.ts";
import { joinPath, type Store } from "../store.ts";
import { manifestFolder } from "./manifest.ts";

export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** Whether a process of this host lives. */
  readonly isAlive: (pid: number) => boolean;
}

/** Throws code `io` where another process has it. What a killed one of this host has left is taken over. */
export async function lockTable(
  store: Store,
  folder: string,
  { host, pid, isAlive }: Owner,
): Promise<AsyncDisposable> {
  const path = joinPath(manifestFolder(folder), "lock");
  const text = JSON.stringify({ host, pid });
  const release = { [Symbol.asyncDispose]: () => store.remove(path) };
  if (await store.create(path, text)) return release;
  const found = await store.read(path);
  const other = JSON.parse(found === undefined ? "{}" : Buffer.from(found).toString()) as Partial<Owner>;
  const isLeft = other.host === host && other.pid !== undefined && !isAlive(other.pid);
  if (found === undefined || isLeft) {
    await store.remove(path);
    if (await store.create(path, text)) return release;
  }
  throw new StreamkitError(
    "io",
    `Another process compacts this table: ${other.pid ?? "?"} on ${other.host ?? "?"}; if it doesn't run ` +
      `any more, remove ${joinPath(store.url, path)}`,
  );
}
