/** What the answers of `/api/v1` look like: the OpenAPI document is made of these; tests check them. */

import { z } from "@hono/zod-openapi";

const count = z.int().min(0);
const timeMs = z.number().describe("Milliseconds since 1970-01-01T00:00:00Z");

const columnSchema = z
  .strictObject({
    name: z.string(),
    type: z.string().describe("DuckDB's name of the type"),
  })
  .openapi("Column");

export const errorSchema = z.strictObject({ error: z.string() }).openapi("Error");

export const querySchema = z
  .strictObject({
    name: z.string(),
    mode: z.enum(["append", "update", "complete"]),
    key: z.array(z.string()).describe("The columns that name a row; empty where every row is new"),
    columns: z.array(columnSchema),
    rows: count.describe("Rows that are kept for readers"),
    sequence: count.describe("The number of the query's last change"),
    omittedRows: count.describe("Rows that were too many to be shown"),
  })
  .openapi("Query");

export const queriesSchema = z
  .strictObject({ instance: z.string(), queries: z.array(querySchema) })
  .openapi("Queries");

const rowSchema = z
  .record(z.string(), z.unknown())
  .openapi("Row", { description: "Column → value. Numbers have all their digits, also beyond 2^53." });

export const rowsSchema = z
  .strictObject({
    query: z.string(),
    mode: z.enum(["append", "update", "complete"]),
    key: z.array(z.string()),
    columns: z.array(columnSchema),
    instance: z.string().describe("Sequence numbers count within it"),
    sequence: count,
    omittedRows: count,
    rows: z.array(rowSchema).describe("From the one that changed longest ago to the newest"),
  })
  .openapi("Rows");

const reportSchema = z
  .looseObject({
    batch: count.describe("0 before the first batch"),
    startedAtMs: timeMs.nullable(),
    schedulingDelayMs: z.number().describe("How long after its trigger the batch started"),
    processingMs: z.number(),
    inputRows: count,
    inputBytes: count,
    lateRows: count,
    deadLetters: count,
    watermarkMs: timeMs.nullable().describe("The least watermark over the sources after the batch"),
    maxEventTimeMs: timeMs.nullable(),
    outputRows: z.record(z.string(), count).describe("Query → rows it emitted"),
  })
  .openapi("BatchReport");

const totalsSchema = z.strictObject({
  batches: count,
  inputRows: count,
  inputBytes: count,
  lateRows: count,
  deadLetters: count,
  outputRows: count,
});

const feedSchema = z.strictObject({
  kind: z.enum(["engine", "lines"]),
  ended: z.boolean(),
  reason: z.string().optional().describe('Why it ended, as in "the input ended"'),
  brokenLines: count,
});

export const statusSchema = reportSchema
  .extend({
    job: z.string(),
    instance: z.string(),
    feed: feedSchema,
    totals: totalsSchema,
  })
  .openapi("Status", { description: "The last batch's report, and what it belongs to" });

export const batchesSchema = z
  .strictObject({ job: z.string(), batches: z.array(reportSchema) })
  .openapi("Batches");

export const graphSchema = z
  .strictObject({
    job: z.string(),
    nodes: z.array(
      z.strictObject({
        id: z.string(),
        kind: z.enum(["source", "query", "sink", "dead_letters", "late"]),
        name: z.string(),
        type: z.string().describe("The kind of a source or a sink; a query's output mode"),
        sql: z.string().optional(),
        table: z.string().optional().describe("The name by which SQL finds what a sink writes"),
        rows: count.nullable().describe("Emitted by the last batch; null where nobody counts them"),
        rowsPerSecond: z.number().nullable().describe("Over the last batches"),
        lateRows: count.describe("Of a source, since the journal begins"),
        deadLetters: count.describe("Of a source or a query, since the journal begins"),
      }),
    ),
    edges: z.array(z.strictObject({ from: z.string(), to: z.string() })),
  })
  .openapi("Graph", { description: "Empty where the server only follows a job" });

export const lettersSchema = z
  .strictObject({
    letters: z.array(
      z.strictObject({
        source: z.string().nullable().describe("The stream; null for a group or window of a query"),
        query: z.string().nullable().describe("The query that failed; null where a line became no row"),
        kind: z.string(),
        count,
        reason: z.string().describe("Of the first one of the last batch that had any, as what follows"),
        origin: z.string().nullable(),
        byteOffset: z.number().nullable(),
        line: z.string().nullable().describe("Its first characters"),
        batch: count.describe("The last batch that had any"),
      }),
    ),
  })
  .openapi("DeadLetters");

export const lateSchema = z
  .strictObject({
    late: z.array(
      z.strictObject({
        source: z.string(),
        rows: count,
        earliestMs: timeMs.describe("The earliest event time of them"),
        watermarkMs: timeMs.describe("The source's, before the last batch that had any"),
        isOfEnd: z.boolean().optional().describe("Whether an end of the input has closed what was open"),
        delayMs: z.number().describe("The source's `watermark:`"),
        leftOutOf: z.array(z.string()).describe("Queries that have no row of them"),
        batch: count.describe("The last batch that had any"),
      }),
    ),
  })
  .openapi("LateRows");

const MAX_SQL_ROWS = 100_000;

export const sqlBody = z
  .strictObject({
    sql: z.string().min(1).max(100_000).describe("One query that reads; tables are `NAME` and `live.NAME`"),
    format: z.enum(["json", "ndjson", "csv", "parquet"]).default("json"),
    limit: z.int().min(1).max(MAX_SQL_ROWS).default(1000).describe("The first rows, so many"),
  })
  .openapi("SqlRequest");

export const sqlSchema = z
  .strictObject({ columns: z.array(columnSchema), rows: z.array(rowSchema) })
  .openapi("SqlAnswer");

export const sqlTablesSchema = z
  .strictObject({ tables: z.array(z.strictObject({ name: z.string(), columns: z.array(z.string()) })) })
  .openapi("SqlTables");

export const healthSchema = z
  .strictObject({ ok: z.literal(true), instance: z.string(), sequence: count, subscribers: count })
  .openapi("Health");

export const readinessSchema = z
  .strictObject({ ready: z.boolean(), state: z.enum(["starting", "running", "ended", "failed"]) })
  .openapi("Readiness");

export const dashboardSchema = z
  .looseObject({ title: z.string(), panels: z.array(z.looseObject({ title: z.string() })) })
  .openapi("GrafanaDashboard");

export const eventSchema = z
  .string()
  .describe("Events `snapshot` and `delta`, whose data is the WebSocket's message, and `ended`");

export const nameParameter = z.object({ name: z.string().min(1).describe("The query's name") });

/** Bun and Deno give the flag `?follow` as "". */
const flag = z.enum(["", "true", "false", "1", "0"]).optional();

const keyParameter = z
  .union([z.string(), z.array(z.string())])
  .optional()
  .describe("COLUMN=VALUE: only rows with this value. May be repeated: values of a column are alternatives.");

const resumeParameters = {
  instance: z.string().optional().describe("The instance that `after` counts in"),
  after: z.coerce.number().int().min(0).optional().describe("Only changes with a higher number"),
};

export const MAX_ROWS = 20_000;

export const rowsParameters = z.object({
  follow: flag.describe("Goes on with every change, as NDJSON, for as long as it is read"),
  key: keyParameter,
  limit: z.coerce.number().int().min(1).max(MAX_ROWS).optional().describe("The last rows, so many"),
  ...resumeParameters,
});

export const eventsParameters = z.object({ key: keyParameter, ...resumeParameters });

export const batchesParameters = z.object({
  limit: z.coerce.number().int().min(1).max(1000).optional().describe("The last batches, so many"),
});
