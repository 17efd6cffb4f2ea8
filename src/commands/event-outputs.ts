/** Where `tail` writes: `--out -`, `--out file:PATH` (appended to), `--out kafka://HOST:PORT/TOPIC`. */

import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, readSync } from "node:fs";
import { messageOf, StreamkitError } from "../base/error.ts";
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
  return lines === undefined ? fileOutput(url.slice("file:".length), goesOn) : kafkaOutput(lines);
}

/** Who reads our stdout has it when the system has: nobody tells more. */
function stdoutOutput({ stdout }: Context): EventOutput {
  return {
    write: async ({ bytes }) => stdout.write(bytes),
    settle: async () => {},
    close: async () => {},
  };
}

const LINE_FEED = 10;

/** A file that is appended to, and synced before positions are kept. */
function fileOutput(path: string, goesOn: boolean): EventOutput {
  const descriptor = openToAppend(path);
  endLastLine(descriptor, goesOn);
  const output = fdOutput(descriptor, false);
  let isSynced = true;
  return {
    async write({ bytes }) {
      isSynced = false;
      output.write(bytes);
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

const BLOCK_BYTES = 65_536;

/** What is written next begins a line: a last line that a dying run left without its end is cut off. */
function endLastLine(descriptor: number, goesOn: boolean): void {
  const stats = fstatSync(descriptor);
  if (!stats.isFile() || stats.size === 0) return;
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  for (let end = stats.size; end > 0; end -= BLOCK_BYTES) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const count = readSync(descriptor, block, 0, end - start, start);
    const found = block.subarray(0, count).lastIndexOf(LINE_FEED);
    if (found < 0 && start > 0) continue;
    const whole = start + found + 1;
    if (whole === stats.size) return;
    if (goesOn) ftruncateSync(descriptor, whole);
    else fdOutput(descriptor, false).write("\n");
    return;
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
