/** From what the lane took to a segment: values as lines, attributes beside them, offsets of dead letters. */

import { writeFile } from "node:fs/promises";
import { messageOf, StreamkitError } from "../base/error.ts";
import type { Column } from "../duckdb/database.ts";
import type { Format } from "../formats/format.ts";
import { MAX_LINE_BYTES } from "../formats/json.ts";
import type { Piece, Segment } from "../formats/segment.ts";
import { type Framing, offsetOfLine, type Taken } from "../kafka/lane.ts";
import type { TakeForm } from "../kafka/reader.ts";
import { openRegistryDecoder, type RegistryDecoder, registryColumns } from "../kafka/registry/decoder.ts";
import { partitionName } from "../kafka/topics.ts";
import { attributeColumns, attributesOf, type KafkaSourceOptions, selectionOf } from "./kafka-options.ts";
import type { SourceContext } from "./source.ts";

const LINE_FEED = 10;

export interface Content {
  /** How the lane must give what goes into the segment at `path`. */
  form(path: string): Omit<TakeForm, "maxBytes">;
  /** The segment of what was taken in that form; without records if nothing was. */
  segment(taken: Taken | undefined, path: string): Promise<Segment>;
  /** What a schema registry says of the value's columns. */
  columns(): Promise<readonly Column[] | undefined>;
  close(): void;
}

export async function contentReader(options: KafkaSourceOptions, context: SourceContext): Promise<Content> {
  const { format } = context;
  const columns = attributeColumns(options);
  const decoder = await decoderOf(options, context);
  if (options.tombstones === "keep" && format.name !== "json" && decoder === undefined)
    throw new StreamkitError("job", `tombstones: keep is for the formats json, avro and protobuf`);
  const framing = decoder !== undefined ? "raw" : format.name === "json" ? "json" : LINES_OF[format.blank];
  const shape = { framing, attributes: attributesOf(options), tombstones: options.tombstones } as const;
  return {
    form: (path) => ({
      ...shape,
      ...(decoder === undefined ? { file: path } : {}),
      ...(columns.length === 0 ? {} : { attributesFile: attributesPath(path) }),
    }),
    async segment(taken, path) {
      if (taken === undefined) {
        await writeWhole(path, "");
        return { path, sizeBytes: 0, pieces: [], header: undefined };
      }
      const lines = decoder === undefined ? plainLines(taken) : await decodedLines(decoder, taken, path);
      return {
        path,
        ...lines,
        header: undefined,
        attributes:
          columns.length === 0
            ? undefined
            : {
                path: attributesPath(path),
                columns,
                maxLineBytes: limitFor(taken.longestRowBytes, 2 * MAX_LINE_BYTES),
              },
      };
    },
    columns: async () => {
      const selection = selectionOf(options);
      const [topic] = "topics" in selection ? selection.topics : [];
      return decoder === undefined || topic === undefined ? undefined : registryColumns(decoder, topic);
    },
    close: () => decoder?.close(),
  };
}

/** What is said of lines that may be longer than usual: a power of two, so that few statements differ. */
function limitFor(longestBytes: number, usualBytes: number): number | undefined {
  return longestBytes < usualBytes ? undefined : 2 ** Math.ceil(Math.log2(longestBytes + 1));
}

function attributesPath(path: string): string {
  return `${path}.attributes`;
}

/** Blank lines are left out where they are no records, so that each line is one. */
const LINES_OF: Readonly<Record<Format["blank"], Framing>> = {
  record: "lines",
  empty: "full-lines",
  "white space": "text-lines",
  comment: "full-lines",
};

interface Lines {
  readonly sizeBytes: number;
  readonly pieces: readonly Piece[];
  readonly maxLineBytes: number | undefined;
  /** Of lines that could not be decoded. */
  readonly reasons: ReadonlyMap<number, string> | undefined;
}

type TakenPartition = Taken["partitions"][number];

function plainLines({ partitions, sizeBytes, longestBytes }: Taken): Lines {
  const pieces = partitions.map((partition) => pieceOf(partition, partition.startByte));
  return { sizeBytes, pieces, maxLineBytes: limitFor(longestBytes, MAX_LINE_BYTES), reasons: undefined };
}

async function decodedLines(decoder: RegistryDecoder, taken: Taken, path: string): Promise<Lines> {
  const blocks: Buffer[] = [];
  const pieces: Piece[] = [];
  const reasons = new Map<number, string>();
  let [firstLine, sizeBytes] = [0, 0];
  for (const partition of taken.partitions) {
    const payloads = taken.bytes?.subarray(partition.startByte, partition.startByte + partition.bytes);
    const lengths = taken.lengths?.subarray(firstLine, firstLine + partition.lines);
    if (payloads === undefined || lengths === undefined) throw new StreamkitError("bug", "Nothing to decode");
    const { lines, unfit } = await decoder.decode(partition.topic, payloads, lengths);
    for (const { index, reason } of unfit) reasons.set(firstLine + index, reason);
    blocks.push(lines);
    pieces.push(pieceOf(partition, sizeBytes));
    firstLine += partition.lines;
    sizeBytes += lines.length;
  }
  await writeWhole(path, Buffer.concat(blocks));
  const longestBytes = Math.max(0, ...blocks.map(longestLine));
  return { sizeBytes, pieces, maxLineBytes: limitFor(longestBytes, MAX_LINE_BYTES), reasons };
}

/** With its line feed; 0 where none can be longer than usual. */
function longestLine(lines: Buffer): number {
  if (lines.length < MAX_LINE_BYTES) return 0;
  let longest = 0;
  for (let start = 0; start < lines.length; ) {
    const feed = lines.indexOf(LINE_FEED, start);
    const end = feed < 0 ? lines.length : feed + 1;
    longest = Math.max(longest, end - start);
    start = end;
  }
  return longest;
}

async function writeWhole(path: string, bytes: Uint8Array | string): Promise<void> {
  try {
    await writeFile(path, bytes);
  } catch (error) {
    throw segmentError(error);
  }
}

/** Code `io`: what was fetched is not lost by it, as no offset of it is committed. */
export function segmentError(error: unknown): StreamkitError {
  return new StreamkitError(
    "io",
    `A segment can't be written: ${messageOf(error)}. Nothing is lost: the next start reads on`,
    { component: "kafka", cause: error },
  );
}

function pieceOf(partition: TakenPartition, startByte: number): Piece {
  const name = partitionName(partition);
  return {
    origin: name,
    originOffset: partition.firstOffset,
    segmentOffset: startByte,
    partition: { name, lines: partition.lines, offsetOf: (line) => offsetOfLine(partition, line) },
  };
}

async function decoderOf(
  { registry }: KafkaSourceOptions,
  { format: { name } }: SourceContext,
): Promise<RegistryDecoder | undefined> {
  if (name !== "avro" && name !== "protobuf") return undefined;
  if (registry === undefined)
    throw new StreamkitError(
      "job",
      `format ${name} needs the schema registry: registry: { url: … } in kafka`,
    );
  const { url, ...login } = registry;
  return openRegistryDecoder(name, { url, ...defined(login) });
}

/** Without what is undefined. */
function defined<Value>(given: Readonly<Record<string, Value | undefined>>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}
