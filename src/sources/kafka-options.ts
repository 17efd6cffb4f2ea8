/** The options of a source that reads Kafka. */

import { z } from "zod";
import { type Sql, sql } from "../duckdb/sql.ts";
import type { AttributeColumn } from "../formats/attributes.ts";
import { timeField } from "../job/fields.ts";
import type { Attribute } from "../kafka/lane.ts";
import { connectionFields } from "../kafka/options.ts";
import { parsePartitionName, type Selection } from "../kafka/topics.ts";

/** What is known of a message beside its value, as a column: how it is read from the lane's CSV. */
const ATTRIBUTES: Readonly<Record<Attribute, Omit<AttributeColumn, "name">>> = {
  key: { type: "VARCHAR", fileType: "VARCHAR", value: keyText },
  timestamp: {
    type: "TIMESTAMP",
    fileType: "BIGINT",
    value: (ms) => sql`make_timestamp(${ms} * 1000)`,
  },
  topic: { type: "VARCHAR" },
  partition: { type: "INTEGER" },
  offset: { type: "BIGINT" },
  headers: {
    type: "STRUCT(name VARCHAR, value VARCHAR)[]",
    fileType: "VARCHAR",
    value: (json) =>
      sql`list_transform(${json}::JSON::JSON[], lambda pair: {'name': pair->>0, 'value': pair->>1})`,
  },
};

/**
 * The lane's `\xHH` of a key with line ends as its text, as headers have it: a record of the lane is one
 * line, a value of ours need not be.
 */
function keyText(key: Sql): Sql {
  const mayBeText = sql`starts_with(${key}, '\\x')
    AND (contains(${key}, '\\x0A') OR contains(${key}, '\\x0D'))
    AND NOT contains(${key}, '\\x00') AND NOT starts_with(${key}, '\\x5C\\x78')`;
  return sql`CASE WHEN ${mayBeText} THEN coalesce(TRY(decode(${key}::BLOB)), ${key}) ELSE ${key} END`;
}

const attributeNames = Object.keys(ATTRIBUTES) as Attribute[];

const registryOptions = z.strictObject({
  url: z.string().describe("the schema registry's address, like `http://127.0.0.1:8081`"),
  username: z.string().optional().describe("for basic authentication"),
  password: z.string().optional().describe("for basic authentication: take it from ${NAME}"),
  token: z.string().optional().describe("a bearer token: take it from ${NAME}"),
});

const partitionField = z.string().regex(/^[^/]+\/\d+$/, "a partition is expected, written TOPIC/PARTITION");
const offsetField = z.int("a whole number is expected").min(0, "a number from 0 on is expected");

export const kafkaSourceOptions = z
  .strictObject({
    ...connectionFields,
    topics: z
      .union([z.string(), z.array(z.string()).min(1)])
      .optional()
      .describe("a topic, or a list of topics"),
    pattern: z
      .string()
      .optional()
      .describe("in the place of `topics`: a regular expression of whole topic names; new topics are found"),
    group: z
      .string()
      .optional()
      .describe(
        "the group that offsets are mirrored to, for tools that show lag; the job's name if left out",
      ),
    start: z
      .union(
        [
          z.enum(["earliest", "latest"]),
          z.strictObject({ timestamp: timeField }),
          z.strictObject({ offsets: z.record(partitionField, offsetField) }),
        ],
        { error: "earliest or latest is expected, or in a job file {timestamp: …} or {offsets: …}" },
      )
      .default("earliest")
      .describe(
        "where a new checkpoint begins: earliest, latest, `{timestamp: 2026-01-05T14:30:00Z}` or " +
          "`{offsets: {TOPIC/PARTITION: N}}`, where partitions that it leaves out begin at their earliest",
      ),
    isolation: z
      .enum(["read_committed", "read_uncommitted"])
      .default("read_committed")
      .describe("whether records of transactions that are open or were given up are read"),
    attributes: z
      .partialRecord(z.enum(attributeNames), z.string())
      .default({})
      .describe(
        "columns beside those of the value: any of key, timestamp, topic, partition, offset and headers, " +
          "each with its column's name, like `{timestamp: ts}`",
      ),
    tombstones: z
      .enum(["skip", "keep"])
      .default("skip")
      .describe("messages without a value: left out, or rows whose columns of the value are NULL"),
    on_gap: z
      .enum(["fail", "skip"])
      .default("fail")
      .describe("when records that were not read yet are gone from the broker: stop, or go on without them"),
    partition_rate: z
      .number()
      .positive("a number over 0 is expected")
      .optional()
      .describe("records a second of one partition at most; `rate` of the source is for all of them"),
    share: z
      .union([z.string(), z.array(z.string()).min(1)])
      .optional()
      .describe(
        "several processes with this job and group share the partitions: the columns whose values decide a " +
          "record's partition (what its key is made of)",
      ),
    registry: registryOptions
      .optional()
      .describe("formats avro and protobuf: the schema registry, `url`, `username`, `password`, `token`"),
  })
  .refine(({ topics, pattern }) => (topics === undefined) !== (pattern === undefined), {
    message: "exactly one of topics and pattern is expected",
  })
  .superRefine((options, context) => {
    const { start } = options;
    const selection = selectionOf(options);
    if (typeof start === "string" || !("offsets" in start) || !("topics" in selection)) return;
    for (const name of Object.keys(start.offsets))
      if (!selection.topics.includes(parsePartitionName(name).topic))
        context.addIssue({
          code: "custom",
          path: ["start", "offsets", name],
          message: `a partition of ${selection.topics.join(", ")} is expected`,
        });
  });

export type KafkaSourceOptions = z.infer<typeof kafkaSourceOptions>;

export function selectionOf({ topics, pattern }: Pick<KafkaSourceOptions, "topics" | "pattern">): Selection {
  if (pattern !== undefined) return { pattern };
  return { topics: typeof topics === "string" ? [topics] : (topics ?? []) };
}

/** In the order in which the lane gives them. */
export function attributesOf({ attributes }: KafkaSourceOptions): readonly Attribute[] {
  return attributeNames.filter((name) => attributes[name] !== undefined);
}

export function attributeColumns(options: KafkaSourceOptions): readonly AttributeColumn[] {
  return attributesOf(options).map((name) => ({
    ...ATTRIBUTES[name],
    name: options.attributes[name] ?? name,
  }));
}
