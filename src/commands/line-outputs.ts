/** Where a command's lines go: `--out -`, `--out file:PATH`, `--out kafka://HOST:PORT/TOPIC` and others. */

import { closeSync, openSync } from "node:fs";
import path from "node:path";
import { messageOf, StreamkitError } from "../base/error.ts";
import { countLines } from "../collect/inputs/frames.ts";
import { resolveOutput } from "../collect/outputs/list.ts";
import type { LineOutput as KafkaLines, LineKey } from "../kafka/line-output.ts";
import { parseKafkaUrl } from "../kafka/options.ts";
import { type ByteOutput, fdOutput } from "../runtime/stdio.ts";
import type { Context } from "./context.ts";
import type { KafkaOptions } from "./kafka-options.ts";

export interface LineOutput {
  /** False where each line is a message of its own, so that a header would be one too. */
  readonly takesHeader: boolean;
  write(lines: Uint8Array | string): Promise<void> | void;
  close(): Promise<void>;
}

/** Throws code `usage` where the URL is none of an output. Opens nothing. */
export function checkOutput(url: string): void {
  try {
    resolveOutput(url);
  } catch (error) {
    throw new StreamkitError("usage", `--out: ${messageOf(error)}`, { cause: error });
  }
}

export interface Keyed {
  /** What each line's key is, where lines are messages. */
  readonly key: LineKey;
  readonly kafka: KafkaOptions;
}

/** Opens what `checkOutput` lets through. A file is replaced. Throws code `io`. */
export async function openOutput(url: string, context: Context, { key, kafka }: Keyed): Promise<LineOutput> {
  if (url === "-") return { takesHeader: true, write: (lines) => context.stdout.send(lines), close: noClose };
  const lines = await openKafka(url, context, kafka, key);
  if (lines === undefined)
    return url.startsWith("file:") ? openFile(url.slice(5)) : openOther(url, context, kafka);
  return {
    takesHeader: false,
    write: (block) => lines.write(typeof block === "string" ? Buffer.from(block) : block),
    close: () => lines.close(),
  };
}

/** A topic to write lines to; undefined where the URL is of something else. */
export async function openKafka(
  url: string,
  { clock }: Pick<Context, "clock">,
  { connection, baseFolder }: KafkaOptions,
  key?: LineKey,
): Promise<KafkaLines | undefined> {
  const found = kafkaUrl(url);
  if (found === undefined) return undefined;
  const { openKafkaLines } = await import("../kafka/line-output.ts");
  const config = { ...connection.config, ...found.parameters };
  const reach = { connection: { ...connection, brokers: found.brokers, config }, baseFolder, clock };
  return openKafkaLines(reach, found.topic, key);
}

/** What collecting writes to. Its failures are not waited out here. */
async function openOther(url: string, context: Context, kafka: KafkaOptions): Promise<LineOutput> {
  const { kind, options } = resolveOutput(url);
  const { clock, stdout, env } = context;
  const baseFolder = ".";
  const stageFolder = path.join(".streamkit-collect", "out", encodeURIComponent(url));
  const opened = { clock, stdout, env, kafka, baseFolder, stageFolder, committed: undefined };
  const output = await kind.open(options, opened);
  return {
    takesHeader: true,
    async write(lines) {
      const bytes = typeof lines === "string" ? Buffer.from(lines) : lines;
      if (bytes.length > 0) await output.deliver([{ bytes, events: countLines(bytes), headers: {} }]);
    },
    async close() {
      await output.sync();
      await output.committed?.();
      await output.close();
    },
  };
}

/** A file that is replaced. Throws code `io`. */
export function openFile(path: string): LineOutput {
  const fd = openForWriting(path);
  const output: ByteOutput = fdOutput(fd, false);
  return { takesHeader: true, write: (lines) => output.send(lines), close: async () => closeSync(fd) };
}

async function noClose(): Promise<void> {}

function openForWriting(path: string): number {
  try {
    return openSync(path, "w");
  } catch (error) {
    throw new StreamkitError("io", `Cannot write "${path}": ${messageOf(error)}`, { cause: error });
  }
}

function kafkaUrl(url: string): ReturnType<typeof parseKafkaUrl> {
  try {
    return parseKafkaUrl(url);
  } catch (error) {
    throw new StreamkitError("usage", `--out: ${messageOf(error)}`, { cause: error });
  }
}
