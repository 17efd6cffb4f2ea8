/** Jobs that read Kafka, as files of the finished binary, and how tests start them. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rowsOf } from "../support/running.ts";

export const CANDLES = `SELECT symbol, window_start, first(price ORDER BY ts, n) AS open, sum(n) AS total,
      count(*) AS events FROM tumble(quotes, ts, INTERVAL 1 SECOND) GROUP BY ALL`;
export const QUOTE_SCHEMA = "{ n: BIGINT, symbol: VARCHAR, price: DOUBLE, ts: TIMESTAMP }";

export interface JobText {
  readonly from: string;
  readonly sql: string;
  /** Further lines of the source, each of two or more spaces' indent. */
  readonly source?: string;
  readonly schema?: string;
  /** Lines below `sinks:`. */
  readonly sinks?: string;
  readonly head?: string;
}

/** Writes a job whose source and query are `quotes` and `out`; returns the file. */
export function writeJob(folder: string, job: JobText): string {
  const { from, sql, source = "", schema, sinks = '  - { from: out, to: "-" }', head = "" } = job;
  const file = join(folder, "job.yaml");
  const schemaLine = schema === undefined ? "" : `    schema: ${schema}\n`;
  writeFileSync(
    file,
    `name: kafka_test\n${head}sources:\n  quotes:\n    from: ${from}\n${schemaLine}${source}` +
      `queries:\n  out: |\n    ${sql}\nsinks:\n${sinks}\n`,
  );
  return file;
}

/** The rows of a file that may not be there yet. */
export function rowsAt(file: string): Record<string, unknown>[] {
  return existsSync(file) ? rowsOf(readFileSync(file, "utf8")) : [];
}

/** What `to: "-"` printed, without the query and the batch around each row. */
export function printedRows(text: string): Record<string, unknown>[] {
  return rowsOf<{ row: Record<string, unknown> }>(text).map(({ row }) => row);
}
