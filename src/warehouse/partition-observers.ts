/**
 * Who is told of a table's partitions. Each is told after the commit that made it so, and perhaps once more
 * after a crash: what it does must bear that.
 */

import { answerText } from "../base/answer-text.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { runHookCommand } from "./hook-command.ts";
import { joinPath, type Store } from "./store.ts";

interface Partition {
  /** `dt=2026-01-05/hour=09`; "" is the whole of a table without partitions. */
  readonly path: string;
}

export interface PartitionObserver {
  /** Files are in partitions that had none before, as far as this process knows. */
  opened?(partitions: readonly Partition[]): Promise<void>;
  /** No row is to come, as the watermark goes; late rows may make it so again. */
  completed?(partitions: readonly Partition[]): Promise<void>;
  /** The folders are about to be removed. */
  dropped?(partitions: readonly Partition[]): Promise<void>;
}

/** An empty file `_SUCCESS` in the folder, as Hadoop's jobs leave it. */
export function successFiles(store: Store, folder: string): PartitionObserver {
  return {
    async completed(partitions) {
      for (const { path } of partitions) {
        await store.write(joinPath(folder, path, "_SUCCESS"), "");
        failpoint("partition-marked");
      }
    },
  };
}

interface HookTarget {
  readonly store: Store;
  readonly folder: string;
  readonly table: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const HOOK_TIMEOUT_MS = 60_000;

/** A shell command for each partition, which finds it in its environment. Throws code `io` where it fails. */
export function commandHook(command: string, { store, folder, table, env }: HookTarget): PartitionObserver {
  return {
    async completed(partitions) {
      for (const { path } of partitions)
        await runShell(command, {
          ...env,
          STREAMKIT_TABLE: table,
          STREAMKIT_PARTITION: path,
          STREAMKIT_LOCATION: joinPath(store.url, folder, path),
        });
    },
  };
}

/** A POST of `{"table", "partition", "location"}` for each partition. Throws code `io` where it fails. */
export function urlHook(url: string, { store, folder, table }: HookTarget): PartitionObserver {
  return {
    async completed(partitions) {
      for (const { path } of partitions) {
        const body = JSON.stringify({ table, partition: path, location: joinPath(store.url, folder, path) });
        const headers = { "content-type": "application/json" };
        const signal = AbortSignal.timeout(HOOK_TIMEOUT_MS);
        const answer = await fetch(url, { method: "POST", headers, body, signal }).catch((error: unknown) => {
          throw hookError(`can't be reached: ${messageOf(error)}`, error);
        });
        await answerText(answer);
        if (!answer.ok) throw hookError(`answered ${answer.status}`);
      }
    },
  };
}

async function runShell(command: string, env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const { code, signal } = await runHookCommand(command, env, HOOK_TIMEOUT_MS).catch((error: unknown) => {
    throw hookError(`can't be run: ${messageOf(error)}`, error);
  });
  if (code === 0) return;
  throw hookError(code === null ? `was ended by ${String(signal)}` : `ended with exit code ${code}`);
}

function hookError(what: string, cause?: unknown): StreamkitError {
  return new StreamkitError("io", `The hook of completed partitions ${what}; the next start calls it again`, {
    component: "parquet",
    retryable: true,
    cause,
  });
}
