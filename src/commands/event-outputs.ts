/** Where `tail` writes: `--out -`, `--out file:PATH` (appended to), `--out kafka://HOST:PORT/TOPIC`. */

import { closeSync, fdatasyncSync, fstatSync, openSync } from "node:fs";
import { messageOf, StreamkitError } from "../base/error.ts";
import { refuseOwned } from "../base/file-mark.ts";
import { settleLastLine } from "../base/last-line.ts";
import { headersJson, repeated, valuesOf } from "../collect/outputs/messages.ts";
import type { LineOutput as KafkaLines } from "../kafka/line-output.ts";
import { fdOutput } from "../runtime/stdio.ts";
import type { EventOutput } from "../tail/output.ts";
import type { Context } from "./context.ts";
import type { KafkaOptions } from "./kafka-options.ts";
import { openKafka } from "./line-outputs.ts";

/**
 * Opens what `checkOutput` lets through. `goesOn`: a run before may have died in the middle of a line, which
 * comes again. Throws code `io`.
 */
export async function openEventOutput(
  url: string,
  context: Context,
  { kafka, goesOn }: { readonly kafka: KafkaOptions; readonly goesOn: boolean },
): Promise<EventOutput> {
  if (url === "-") return stdoutOutput(context);
  const lines = await openKafka(url, context, kafka);
  if (lines !== undefined) return kafkaOutput(lines);
  const path = url.slice("file:".length);
  await refuseOwned(path);
  return fileOutput(path, goesOn);
}

/** Who reads our stdout has it when the system has: nobody tells more. */
function stdoutOutput({ stdout }: Context): EventOutput {
  return {
    write: ({ bytes }) => stdout.send(bytes),
    settle: async () => {},
    close: async () => {},
  };
}

/** A file that is appended to, and synced before positions are kept. */
function fileOutput(path: string, goesOn: boolean): EventOutput {
  const descriptor = openToAppend(path);
  settleLastLine(descriptor, goesOn ? "cut" : "end");
  const output = fdOutput(descriptor, false);
  let isSynced = true;
  return {
    async write({ bytes }) {
      isSynced = false;
      await output.send(bytes);
    },
    async settle() {
      // What is no file on a disk, like a terminal or /dev/null, has nothing to sync.
      if (!isSynced && fstatSync(descriptor).isFile()) fdatasyncSync(descriptor);
      isSynced = true;
    },
    close: async () => closeSync(descriptor),
  };
}

function openToAppend(path: string): number {
  try {
    return openSync(path, "a+");
  } catch (error) {
    throw new StreamkitError("io", `Cannot write "${path}": ${messageOf(error)}`, { cause: error });
  }
}

/** A message an event, keyed by its file so that a file's events keep their order. */
function kafkaOutput(lines: KafkaLines): EventOutput {
  return {
    write(block) {
      const { file, ...others } = block.headers;
      const count = block.events;
      const names = Object.entries(others);
      return lines.write(valuesOf([block]), {
        ...(file === undefined ? {} : { keys: repeated(file, count) }),
        ...(names.length === 0 ? {} : { headers: repeated(headersJson(names), count) }),
      });
    },
    settle: () => lines.settle(),
    close: () => lines.close(),
  };
}
