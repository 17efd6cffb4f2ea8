/** From what the lane took to a segment: values as lines, attributes beside them, offsets of dead letters. */

import { writeFile } from "node:fs/promises";
import { messageOf, StreamkitError } from "../base/error.ts";
import type { Column } from "../duckdb/database.ts";
import type { AttributeColumn } from "../formats/attributes.ts";
import type { Format } from "../formats/format.ts";
import type { Piece, Segment } from "../formats/read-segment.ts";
import type { Framing, Taken, TakeRequest } from "../kafka/lane.ts";
import { openRegistryDecoder, type RegistryDecoder, registryColumns } from "../kafka/registry/decoder.ts";
import { partitionName } from "../kafka/topics.ts";
import { attributeColumns, attributesOf, type KafkaSourceOptions, selectionOf } from "./kafka-options.ts";
import type { SourceContext } from "./source.ts";

export interface Content {
  /** How the lane must give values. */
  readonly form: Omit<TakeRequest, "partitions" | "maxBytes">;
  /** The segment of what was taken, in a file at `path`; without records if nothing was. */
  write(taken: Taken | undefined, path: string): Promise<Segment>;
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
  return {
    form: {
      framing: decoder !== undefined ? "raw" : format.name === "json" ? "json" : LINES_OF[format.blank],
      attributes: [...attributesOf(options), "offset"],
      tombstones: options.tombstones,
    },
    async write(taken, path) {
      if (taken === undefined) {
        await writeFile(path, "");
        return { path, sizeBytes: 0, pieces: [], header: undefined };
      }
      const lines = decoder === undefined ? plainLines(taken) : await decodedLines(decoder, taken);
      await writeWhole(path, lines.bytes);
      const attributes = { path: `${path}.attributes`, columns: [...columns, OFFSET_COLUMN] };
      if (columns.length > 0) await writeWhole(attributes.path, taken.attributes ?? "");
      return {
        path,
        sizeBytes: lines.bytes.length,
        pieces: lines.pieces,
        header: undefined,
        attributes: columns.length > 0 ? attributes : undefined,
        reasons: lines.reasons,
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

/** Blank lines are left out where they are no records, so that each line is one. */
const LINES_OF: Readonly<Record<Format["blank"], Framing>> = {
  record: "lines",
  empty: "full-lines",
  "white space": "text-lines",
};

/** Stands last in the attributes' file, so that a dead letter can tell where its record is. */
const OFFSET_COLUMN: AttributeColumn = { name: "_offset", type: "BIGINT", isHidden: true };

interface Lines {
  readonly bytes: Buffer;
  readonly pieces: readonly Piece[];
  /** Of lines that could not be decoded. */
  readonly reasons: ReadonlyMap<number, string> | undefined;
}

type TakenPartition = Taken["partitions"][number];

function plainLines(taken: Taken): Lines {
  let firstLine = 0;
  const pieces = taken.partitions.map((partition): Piece => {
    const piece = pieceOf(taken, partition, {
      firstLine,
      lines: partition.lines,
      startByte: partition.startByte,
    });
    firstLine += partition.lines;
    return piece;
  });
  return { bytes: taken.bytes, pieces, reasons: undefined };
}

async function decodedLines(decoder: RegistryDecoder, taken: Taken): Promise<Lines> {
  const blocks: Buffer[] = [];
  const pieces: Piece[] = [];
  const reasons = new Map<number, string>();
  let [firstLine, startByte, record] = [0, 0, 0];
  for (const partition of taken.partitions) {
    const count = partition.lines;
    const payloads = taken.bytes.subarray(partition.startByte, partition.startByte + partition.bytes);
    const lengths = (taken.lengths ?? new Int32Array()).subarray(record, record + count);
    const { lines, unfit } = await decoder.decode(partition.topic, payloads, lengths);
    for (const { index, reason } of unfit) reasons.set(firstLine + index, reason);
    blocks.push(lines);
    pieces.push(pieceOf(taken, partition, { firstLine, lines: count, startByte }));
    record += count;
    firstLine += count;
    startByte += lines.length;
  }
  return { bytes: Buffer.concat(blocks), pieces, reasons };
}

/** Throws code `io`: what was fetched is not lost by it, as no offset of it is committed. */
async function writeWhole(path: string, bytes: Uint8Array | string): Promise<void> {
  try {
    await writeFile(path, bytes);
  } catch (error) {
    throw new StreamkitError(
      "io",
      `The segment "${path}" can't be written: ${messageOf(error)}. Nothing is lost: the next start reads on`,
      { component: "kafka", cause: error },
    );
  }
}

interface Place {
  readonly firstLine: number;
  readonly lines: number;
  readonly startByte: number;
}

function pieceOf(taken: Taken, partition: TakenPartition, { firstLine, lines, startByte }: Place): Piece {
  const name = partitionName(partition);
  const { firstOffset, lastOffset, records } = partition;
  const isGapless = lastOffset - firstOffset + 1 === records && records === lines;
  const offsetOf = (line: number): number =>
    isGapless ? firstOffset + line : offsetInAttributes(taken, firstLine + line);
  return {
    origin: name,
    originOffset: firstOffset,
    segmentOffset: startByte,
    partition: { name, lines, offsetOf },
  };
}

const LINE_FEED = 10;

/** The last value of an attributes' line. */
function offsetInAttributes({ attributes }: Taken, line: number): number {
  if (attributes === undefined) return -1;
  let start = 0;
  for (let passed = 0; passed < line; passed += 1) start = attributes.indexOf(LINE_FEED, start) + 1;
  const text = attributes.toString("utf8", start, attributes.indexOf(LINE_FEED, start));
  return Number(text.slice(text.lastIndexOf(",") + 1));
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
