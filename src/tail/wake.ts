/**
 * Waking up when something is written: the system tells of changes in folders, where it can. What it tells is
 * a hint; what counts is found by looking, now and then.
 */

import { type FSWatcher, watch } from "node:fs";
import path from "node:path";
import type { Clock } from "../base/clock.ts";

export interface Wake {
  /** Resolves after so long, or when something changed, or `signal` aborts. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
  /** Wakes whoever sleeps. */
  notify(): void;
  close(): void;
}

/** Of more folders than this, changes are only found by looking. */
const MAX_WATCHED_FOLDERS = 256;

/** `noticed` is told of the path that changed; undefined where something in a folder came, went or moved. */
export function openWake(
  folders: readonly string[],
  clock: Clock,
  noticed: (path: string | undefined) => void,
): Wake {
  let awake = new AbortController();
  const notify = (): void => awake.abort();
  const watchers: FSWatcher[] = [];
  for (const folder of folders.slice(0, MAX_WATCHED_FOLDERS)) {
    try {
      const watcher = watch(folder, (event, name) => {
        noticed(event === "rename" || name === null ? undefined : path.join(folder, name));
        notify();
      });
      watcher.on("error", () => watcher.close());
      watchers.push(watcher);
    } catch {
      // No such folder yet, or no watches left: what is written there is found by looking.
    }
  }
  return {
    async sleep(durationMs, signal) {
      if (signal?.aborted === true) return;
      // A signal that lives long would keep what AbortSignal.any makes of it.
      signal?.addEventListener("abort", notify);
      await clock.sleep(durationMs, awake.signal);
      signal?.removeEventListener("abort", notify);
      if (awake.signal.aborted) awake = new AbortController();
    },
    notify,
    close() {
      for (const watcher of watchers) watcher.close();
    },
  };
}
