/**
 * The one schema of job files. Validation, error texts, the JSON Schema for editors and the reference part of
 * the README all come from it. Sources and sinks bring their own options (`sources/list.ts`,
 * `sinks/list.ts`); the schema is put together from them by `jobSchema`.
 */

import { z } from "zod";
import { delimiterField, durationField, jobNameField, nameField, shareField, sizeField } from "./fields.ts";

/** What a room of connectors tells the schema: a name and the options below it. */
export interface ConnectorOptions {
  readonly name: string;
  readonly summary: string;
  readonly options: z.ZodType;
}

/**
 * Without the `;` at its end; ends with a line feed, so that it can stand in parentheses after a comment too.
 */
const sqlText = z
  .string()
  .regex(/\S/, "an SQL query is expected")
  .transform((text) => `${text.replace(/[;\s]+$/, "")}\n`);

/** Nobody has named a format: files tell it, and everything else is JSON. */
export const AUTO_FORMAT = "auto";

const OUTPUT_MODES = ["append", "update", "complete"] as const;
export type OutputMode = (typeof OUTPUT_MODES)[number];

const querySchema = z.strictObject({
  sql: sqlText.describe("plain DuckDB SQL; streams, tables and other queries are its tables"),
  mode: z
    .enum(OUTPUT_MODES)
    .default("append")
    .describe(
      "append: a row once, when it can't change; update: rows that changed in a batch; complete: all rows",
    ),
  key: z
    .array(z.string())
    .min(1)
    .optional()
    .describe("update mode: the columns that name a row; the GROUP BY's keys if left out"),
  lateness: durationField
    .optional()
    .describe("update mode: how long after the watermark has passed it a window still takes rows"),
  on_error: z
    .enum(["dead_letter", "stop"])
    .or(z.null())
    .or(z.literal("null").transform(() => null))
    .default("dead_letter")
    .describe(
      "what becomes of a row with which the SQL fails (a cast, an overflow, a regex): `dead_letter` puts " +
        "it aside and goes on, `stop` ends the job and names it, `null` makes NULL of what fails",
    ),
  state: z
    .union([z.literal("unbounded"), z.strictObject({ keep: durationField })])
    .optional()
    .describe(
      "`unbounded`: rows may be kept for ever; `{keep: 1h}`: a join matches rows at most that far apart",
    ),
});

const tableSchema = z.strictObject({
  from: z.string().describe("file:PATH of a CSV, JSON or Parquet file; gzip and zstd are unpacked"),
  refresh: durationField
    .default(60_000)
    .describe("how often to look whether the file has changed; `1m` if left out"),
});

const exampleRow = z.record(
  z.string(),
  z.unknown().refine((value) => !holdsRounded(value), "integers beyond 2^53 are expected in quotes"),
);

const keepSchema = z.strictObject({
  rows: z
    .int("a whole number is expected")
    .min(0, "at least 0 is expected")
    .default(100_000)
    .describe("the newest so many"),
  size: sizeField.default(67_108_864).describe("of their lines and reasons; `64MiB` if left out"),
  age: durationField.default(2_592_000_000).describe("since their batch; `30d` if left out"),
});

const testSchema = z.strictObject({
  name: z.string().regex(/\S/, "a name is expected").describe("what the example shows"),
  input: z
    .record(nameField, z.union([z.string(), z.array(z.union([z.string(), exampleRow]))]))
    .default({})
    .describe("by source: rows as mappings (formats json and csv), or its lines as text"),
  expect: z
    .record(z.string(), z.array(exampleRow))
    .describe(
      "by query (or source, `late`, `dead_letters`): its rows, in any order; " +
        "columns that none of them names are not compared",
    ),
  batches: z
    .union([
      z.enum(["one", "each"]),
      z.array(z.int("a whole number is expected").min(0, "at least 0 is expected")).min(1),
    ])
    .optional()
    .describe(
      "one: all rows in one batch; each: a row a batch; a list: how many rows each takes; " +
        "one and each, if left out",
    ),
});

/** The schema of a whole job, with the given sources and sinks, and formats by their names. */
export function jobSchema(
  sources: readonly ConnectorOptions[],
  sinks: readonly ConnectorOptions[],
  formats: readonly string[],
) {
  const sourceSchema = z.strictObject({
    from: z
      .union([z.string(), oneOf(sources)])
      .describe(
        "where the records come from: a file, folder or glob, an endpoint URL (`-`, `tail:GLOB`, " +
          "`kafka://HOST:PORT/TOPIC`, `http://HOST:PORT/PATH`, `tcp://HOST:PORT`, " +
          "`syslog://HOST:PORT`), or one of these with options",
      ),
    format: z
      .enum([...(formats as readonly [string, ...string[]]), AUTO_FORMAT])
      .default(AUTO_FORMAT)
      .describe(
        "how a line becomes a record; `auto`: what the first file is by content and name, else json; " +
          "`streamkit formats` lists them, `streamkit formats FILE` guesses",
      ),
    schema: z
      .record(z.string(), z.string())
      .optional()
      .describe("column names and DuckDB types, also nested; found from the first lines if left out"),
    timezone: z
      .string()
      .optional()
      .describe("what times without a UTC offset are in: an IANA name like `Europe/Berlin`; UTC if left out"),
    select: z.string().default("*").describe("projection of each parsed record, like `*, epoch_ms(t) AS ts`"),
    time: z
      .string()
      .optional()
      .describe(
        "the event-time column: `ts` if there is one, else that of `received`; numbers since 1970 as " +
          "`epoch_ms(t)`, also epoch_s, epoch_us and epoch_ns, or beside them `epoch_ms(t) AS name`",
      ),
    watermark: durationField
      .default(0)
      .describe("how far out of order events may come, like `5s`; 0 if left out"),
    max_ahead: z
      .union([durationField, z.literal("off")])
      .optional()
      .describe(
        "event times further ahead of the clock are dead letters and move no watermark: `1h`, `off`; " +
          "if left out, `off` for files and the simulator, and `1d` for what comes live, " +
          "unless all its times are ahead",
      ),
    max_bad: shareField
      .optional()
      .describe(
        "how many of 100,000 lines may be unreadable, like `50%`, before the job stops; `off`: all; " +
          "if left out, it stops where not one of the first 100,000 can be read",
      ),
    received: nameField
      .optional()
      .describe("adds a TIMESTAMP column of this name: when the batch that takes the row was planned"),
    idle: durationField
      .default(30_000)
      .describe("a source silent for so long stops holding the watermark; `30s` if left out"),
    rate: z.number().positive("a number over 0 is expected").optional().describe("records a second at most"),
    pattern: z.string().optional().describe("format regex: the pattern, with named groups `(?<name>…)`"),
    log_format: z
      .string()
      .optional()
      .describe("formats nginx and apache: the `log_format` or `LogFormat` of the server's configuration"),
    delimiter: delimiterField
      .optional()
      .describe(
        "format csv: what separates values, one character or `tab`; found from the header if left out",
      ),
  });
  const sinkSchema = z.strictObject({
    from: z.string().describe("the query, source, `dead_letters` or `late` whose rows are written"),
    to: z.string().optional().describe("an endpoint URL: `-`, `file:PATH`"),
    adopt: z
      .boolean()
      .optional()
      .describe("true: take over a file or table that another job, or another checkpoint, has written"),
    ...connectorFields(sinks),
  });
  return z.strictObject({
    name: jobNameField
      .optional()
      .describe("names output files and groups of Kafka; the job file's own name if left out"),
    batch: durationField
      .default(1000)
      .describe("time between micro-batches, `1s` if left out; 0 = as soon as there is input"),
    checkpoint: z
      .string()
      .optional()
      .describe("folder that keeps state and progress; memory only if left out"),
    sources: z.record(nameField, sourceSchema).describe("the streams that come in"),
    tables: z.record(nameField, tableSchema).default({}).describe("static tables to join with"),
    queries: z
      .record(nameField, z.union([sqlText, querySchema]))
      .default({})
      .describe("SQL by name; text alone is a query in append mode"),
    dead_letters: z
      .strictObject({ keep: keepSchema })
      .prefault({ keep: {} })
      .describe("dead letters that the checkpoint keeps: `{keep: {rows: 100000, size: 64MiB, age: 30d}}`"),
    sinks: z.array(sinkSchema).default([]).describe("where rows go; standard output if there is none"),
    tests: z
      .array(testSchema)
      .default([])
      .describe("examples for `streamkit test`: input rows, expected rows"),
  });
}

export type JobSchema = ReturnType<typeof jobSchema>;
/** Every job has a name: where the file gives none, the file's own. */
export type JobConfig = z.output<JobSchema> & { readonly name: string };
export type SourceConfig = JobConfig["sources"][string];
export type SinkConfig = JobConfig["sinks"][number];
export type QueryConfig = z.output<typeof querySchema>;
export type OnError = QueryConfig["on_error"];
export type TestConfig = z.output<typeof testSchema>;
export type TableConfig = z.output<typeof tableSchema>;

export function queryConfig(query: JobConfig["queries"][string]): QueryConfig {
  return typeof query === "string" ? { sql: query, mode: "append", on_error: "dead_letter" } : query;
}

function connectorFields(connectors: readonly ConnectorOptions[]): Record<string, z.ZodOptional> {
  return Object.fromEntries(
    connectors.map(({ name, summary, options }) => [name, options.describe(summary).optional()]),
  );
}

function oneOf(connectors: readonly ConnectorOptions[]) {
  return z.strictObject(connectorFields(connectors)).refine((value) => Object.keys(value).length === 1, {
    message: `exactly one of ${connectors.map(({ name }) => name).join(", ")} is expected`,
  });
}

/** Whether a number in the value has lost its last digits, or may have. */
function holdsRounded(value: unknown): boolean {
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value);
  return typeof value === "object" && value !== null && Object.values(value).some(holdsRounded);
}
