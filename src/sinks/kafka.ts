/**
 * A topic of Kafka. With a checkpoint, a batch is one transaction, which also commits the batch's id as an
 * offset of a group of its own: after a crash, that tells whether the batch is there.
 */

import { z } from "zod";
import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { Database } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import { durationField } from "../job/fields.ts";
import type { Reach } from "../kafka/client.ts";
import { connectionFields, parseKafkaUrl } from "../kafka/options.ts";
import { isInTopic } from "../kafka/topic-search.ts";
import { type Mark, markIn, openTopicWriter, type Records } from "../kafka/topic-writer.ts";
import { collectGarbage } from "../runtime/garbage.ts";
import { lineOf } from "./json-lines.ts";
import {
  type Probe,
  rowsLike,
  type Sink,
  type SinkBatch,
  type SinkContext,
  type SinkInput,
  type SinkKind,
} from "./sink.ts";

const options = z.strictObject({
  ...connectionFields,
  topic: z.string().describe("the topic, which must be there"),
  key: z
    .string()
    .optional()
    .describe("SQL of the message's key, like `symbol`; records of a key go to one partition, in order"),
  partition: z.string().optional().describe("SQL of the partition's number; NULL lets the key decide"),
  timestamp: z
    .string()
    .optional()
    .describe(
      "SQL of the message's timestamp, like `window_start`; now if left out. A topic rejects timestamps " +
        "more than an hour ahead, as `window_end` may be, unless its message.timestamp.after.max.ms allows " +
        "them",
    ),
  headers: z
    .record(z.string(), z.string())
    .default({})
    .describe("headers by name, each SQL of its text; NULL leaves it out"),
  value: z.string().optional().describe("SQL of the message's text; the row as JSON if left out"),
  retry_for: durationField
    .default(60_000)
    .describe(
      "how long a batch is retried while the broker answers but the topic rejects it for the time being " +
        "(too few replicas, no leader), a minute if left out; a broker that is away is waited for",
    ),
  deletes: z
    .enum(["object", "tombstone"])
    .default("object")
    .describe(
      'modes update and complete: a deleted row as `"_op": "delete"`, or as a message without a value',
    ),
});

type Options = z.infer<typeof options>;

export const kafkaSink: SinkKind<Options> = {
  name: "kafka",
  summary: "a topic of Kafka, one transaction a batch; URL `kafka://HOST:PORT/TOPIC`",
  options,
  modes: ["append", "update", "complete"],
  fromUrl(url) {
    const found = parseKafkaUrl(url);
    return found && { brokers: found.brokers, topic: found.topic, ...found.parameters };
  },
  probes,
  target: ({ brokers, topic }) => `${brokers}/${topic}`,
  open: openKafkaSink,
};

interface KafkaSinkPosition {
  readonly batch: number;
  /** The last batch that had rows; checkpoints before this was kept lack it. */
  readonly written?: number;
}

async function openKafkaSink(given: Options, context: SinkContext): Promise<Sink> {
  const { input, isDurable, writer: name, baseFolder, clock, stop } = context;
  const reach = { connection: given, baseFolder, clock };
  const query = recordsQuery(given, input);
  const committed = context.committed as KafkaSinkPosition | undefined;
  const group = markGroup(name);
  const writer = await openTopicWriter({
    reach,
    topic: given.topic,
    stop,
    retryForMs: given.retry_for,
    transaction: isDurable ? { id: `streamkit-${name}-${given.topic}`, group } : undefined,
  });
  let committedBatch = committed?.batch ?? 0;
  let writtenBatch = committed?.written ?? 0;
  /** A batch that may be there, as a crash has left its plan behind, and there is no mark to tell. */
  let doubtful: number | undefined;
  try {
    if (isDurable) {
      const mark = ownMark(await writer.mark()) ?? (await formerMark(reach, given.topic, context));
      writtenBatch = foundBatch(mark, writtenBatch, given.topic, context);
      if (mark?.text !== markText(context) && context.plannedAtMs !== undefined)
        doubtful = context.plannedBatch;
    }
  } catch (error) {
    await writer.close();
    throw error;
  }
  const isThere = async (batch: AsyncIterable<Records>): Promise<boolean> => {
    const sinceMs = context.plannedAtMs ?? 0;
    const found = await isInTopic(reach, { topic: given.topic, group, records: batch, sinceMs });
    if (found)
      logger("kafka").info(
        `The topic "${given.topic}" holds all records of batch ${doubtful} from before the crash, though ` +
          "the broker has forgotten its mark: it is not written again",
      );
    return found;
  };
  return {
    async write(database, batch) {
      committedBatch = batch.id;
      if (batch.rows === 0 || batch.id <= writtenBatch) return;
      if (batch.id === doubtful && (await isThere(records(database, batch, query)))) {
        writtenBatch = batch.id;
        return;
      }
      const mark = { offset: batch.id, text: markText(context) };
      await writer.write(() => records(database, batch, query), mark);
      writtenBatch = batch.id;
    },
    position: (): KafkaSinkPosition => ({ batch: committedBatch, written: writtenBatch }),
    close: () => writer.close(),
  };
}

/** A group that nobody consumes in: one that is called as the job may be somebody's. */
function markGroup(name: string): string {
  return `streamkit-${name}`;
}

/** Undefined for an offset that somebody else has committed in the group of the marks. */
function ownMark(mark: Mark | undefined): Mark | undefined {
  return mark !== undefined && MARK_FORM.test(mark.text) ? mark : undefined;
}

/** Former versions marked their batches in the group of the job's name, where others may have committed. */
async function formerMark(reach: Reach, topic: string, context: SinkContext): Promise<Mark | undefined> {
  if (context.plannedBatch === 0) return undefined;
  const mark = await markIn(reach, topic, context.writer);
  return mark?.text.startsWith(`${context.checkpointId} `) === true ? mark : undefined;
}

/** A checkpoint's id, and a query's name. */
const MARK_FORM = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12} \S/;

/** Says which checkpoint's batch it is, and of which rows. */
function markText({ checkpointId, input }: SinkContext): string {
  return `${checkpointId} ${input.query}`;
}

/**
 * The last batch of this checkpoint that the topic holds. `written`: the last that the checkpoint knows of.
 * Throws code `io` where the two can't be of one story.
 */
function foundBatch(mark: Mark | undefined, written: number, topic: string, context: SinkContext): number {
  const { committedBatch, plannedBatch, checkpointId } = context;
  const refuse = (message: string): StreamkitError =>
    new StreamkitError("io", `The topic "${topic}" ${message}`, { component: "kafka" });
  // The broker forgets the marks of jobs that have not run for a week (offsets.retention.minutes); what a
  // crash left in doubt then is looked for in the topic itself.
  if (mark === undefined) return written;
  if (!mark.text.startsWith(`${checkpointId} `)) {
    if (written === 0) return 0;
    throw refuse(
      `was last written by another checkpoint of this job, while this one has written it up to batch ` +
        `${written}: go on with the other one, or begin with a new one`,
    );
  }
  if (mark.text !== markText(context)) return written;
  // The next batch may only be there if it was planned: a copy would plan another one, and skip it.
  if (mark.offset > plannedBatch)
    throw refuse(
      `has batch ${mark.offset} of this checkpoint, which itself is at batch ${committedBatch}: it is an ` +
        "older copy. Put the newer one back, or begin with a new one",
    );
  if (mark.offset < written)
    throw refuse(
      `has this checkpoint's batches up to ${mark.offset}, but ${written} was written: the topic is an ` +
        "older copy. Put the newer one back, or begin with a new checkpoint",
    );
  return mark.offset;
}

interface RecordsQuery {
  /** SELECT value, key, partition, timestamp, headers over rows. */
  select(rows: Sql, batchId: number): Sql;
  readonly hasPartition: boolean;
  readonly hasTimestamp: boolean;
  readonly hasHeaders: boolean;
}

/** The types of the options whose SQL gives a part of a record. */
const PARTS = { key: "VARCHAR", partition: "INTEGER", timestamp: "TIMESTAMP", value: "VARCHAR" } as const;

function text(expression: string | undefined, type: string): Sql {
  return expression === undefined ? raw(`NULL::${type}`) : sql`CAST((${raw(expression)}) AS ${raw(type)})`;
}

/** A text is its UTF-8 bytes, whatever it holds; bytes of their own are a BLOB. */
function isBytes(expression: string | undefined): Sql {
  return expression === undefined ? raw("false") : sql`typeof((${raw(expression)})) = 'BLOB'`;
}

/** The text, or the hexadecimal digits of a BLOB, which DuckDB's own text of it gives exactly. */
function payload(expression: string | undefined): Sql {
  const written = text(expression, "VARCHAR");
  return sql`CASE WHEN ${isBytes(expression)} THEN hex((${written})::BLOB) ELSE ${written} END`;
}

function probes(given: Options, input: SinkInput): readonly Probe[] {
  const rows = rowsLike(input);
  const probe = (keyPath: readonly string[], expression: string | undefined, type: string): Probe => ({
    keyPath,
    select: sql`SELECT ${text(expression, type)} AS part FROM ${rows}`,
  });
  return [
    ...Object.entries(PARTS).map(([name, type]) => probe([name], given[name as keyof typeof PARTS], type)),
    ...Object.entries(given.headers).map(([name, expression]) =>
      probe(["headers", name], expression, "VARCHAR"),
    ),
    { keyPath: [], select: recordsQuery(given, input).select(rows, 0) },
  ];
}

function recordsQuery(given: Options, input: SinkInput): RecordsQuery {
  const headers = Object.entries(given.headers).map(
    ([name, expression]) => sql`CASE WHEN (${raw(expression)}) IS NULL THEN NULL
      WHEN ${isBytes(expression)} THEN json_array(${name}, NULL, ${payload(expression)})::VARCHAR
      ELSE json_array(${name}, ${text(expression, "VARCHAR")})::VARCHAR END`,
  );
  const isDelete =
    given.deletes === "tombstone" && input.mode !== "append" ? raw("_op = 'delete'") : raw("false");
  return {
    hasPartition: given.partition !== undefined,
    hasTimestamp: given.timestamp !== undefined,
    hasHeaders: headers.length > 0,
    select(rows, batchId) {
      const line = given.value === undefined ? lineOf(input, batchId, "changes") : payload(given.value);
      const key = given.key ?? defaultKey(input.key);
      const headerList =
        headers.length === 0 ? raw("NULL::VARCHAR") : sql`concat('[', concat_ws(',', ${join(headers)}), ']')`;
      return sql`SELECT CASE WHEN ${isDelete} THEN NULL ELSE ${line} END AS value,
        ${payload(key)} AS key,
        coalesce(${text(given.partition, PARTS.partition)}, -1) AS partition,
        epoch_ms(${text(given.timestamp, PARTS.timestamp)})::DOUBLE AS timestamp,
        ${headerList} AS headers, ${isBytes(given.value)} AS value_is_bytes, ${isBytes(key)} AS key_is_bytes
        FROM ${rows}`;
    },
  };
}

/** In update and complete mode the row's own key, so that a compacted topic holds the table. */
function defaultKey(key: readonly string[]): string | undefined {
  const [only] = key;
  if (only === undefined) return undefined;
  if (key.length === 1) return id(only).text;
  const fields = key.map((name) => sql`${id(name)} := ${id(name)}`);
  return sql`to_json(struct_pack(${fields}))::VARCHAR`.text;
}

/** Rows a request: enough that what it costs by itself does not count. */
const ROWS_A_REQUEST = 16_384;
/** But of large ones fewer: several requests are held at a time. */
const CHARS_A_REQUEST = 4 * 2 ** 20;

async function* records(database: Database, batch: SinkBatch, query: RecordsQuery): AsyncGenerator<Records> {
  let gathered: Block[] = [];
  let [rows, chars] = [0, 0];
  for await (const whole of database.columnBlocks(query.select(id(batch.relation), batch.id)))
    for (const block of parts(whole)) {
      gathered.push(block);
      rows += block[0]?.length ?? 0;
      chars += charsIn(block);
      if (rows < ROWS_A_REQUEST && chars < CHARS_A_REQUEST) continue;
      yield requestOf(gathered, query);
      gathered = [];
      if (chars >= CHARS_A_REQUEST) collectGarbage();
      [rows, chars] = [0, 0];
    }
  if (rows > 0) yield requestOf(gathered, query);
}

type Block = readonly (readonly unknown[])[];

function charsIn([values = []]: Block): number {
  return values.reduce((sum: number, value) => sum + (typeof value === "string" ? value.length : 0), 0);
}

/** A block of large values row by row. */
function* parts(block: Block): Generator<Block> {
  const rows = block[0]?.length ?? 0;
  if (charsIn(block) < CHARS_A_REQUEST) yield block;
  else for (let row = 0; row < rows; row += 1) yield block.map((column) => column.slice(row, row + 1));
}

function requestOf(blocks: readonly Block[], query: RecordsQuery): Records {
  const column = (index: number): readonly unknown[] => blocks.flatMap((block) => block[index] ?? []);
  return {
    values: bytesColumn(column(0), column(5)),
    keys: bytesColumn(column(1), column(6)),
    ...(query.hasPartition ? { partitions: Int32Array.from(column(2), Number) } : {}),
    ...(query.hasTimestamp
      ? {
          timestampsMs: Float64Array.from(column(3), (value) =>
            value === null ? Number.NaN : Number(value),
          ),
        }
      : {}),
    ...(query.hasHeaders ? { headers: textColumn(column(4)) } : {}),
  };
}

/** `areBytes`: whether they are hexadecimal digits, the same for all. */
function bytesColumn(texts: readonly unknown[], [areBytes]: readonly unknown[]): Records["values"] {
  if (areBytes !== true) return textColumn(texts);
  const lengths = Int32Array.from(texts, (text) => (typeof text === "string" ? text.length / 2 : -1));
  return { bytes: Buffer.from(texts.join(""), "hex"), lengths };
}

const LARGE_TEXT_BYTES = 65_536;

/** Texts as bytes one after the other; -1 is the length of none. */
function textColumn(texts: readonly unknown[]): Records["values"] {
  const lengths = Int32Array.from(texts, (text) => (typeof text === "string" ? Buffer.byteLength(text) : -1));
  const sizeBytes = lengths.reduce((sum, length) => sum + Math.max(0, length), 0);
  // One text of many is made faster; of a few large ones it would be one more copy.
  if (sizeBytes < LARGE_TEXT_BYTES * texts.length) return { bytes: Buffer.from(texts.join("")), lengths };
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let at = 0;
  for (const text of texts) if (typeof text === "string") at += bytes.write(text, at);
  return { bytes, lengths };
}
