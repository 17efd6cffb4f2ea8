/** NDJSON of a batch, as every sink that writes text writes it. */

import { open, rm } from "node:fs/promises";
import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { rowJson } from "../formats/json-rows.ts";
import type { SinkBatch, SinkInput } from "./sink.ts";

/**
 * - `bare`: the row
 * - `changes`: the row; in update and complete mode with `_op` and `_batch`
 * - `wrapped`: `{"query":…,"batch":…,"op":…,"row":{…}}`, `op` in update and complete mode only; with
 *   `"partition":…` before the batch where each partition has batches of its own
 */
export type JsonLineStyle = "bare" | "changes" | "wrapped";

/** Blocks of lines, each line with its line feed, in the rows' order; of the last `maxRows` rows. */
export async function* jsonLines(
  database: Database,
  input: SinkInput,
  batch: Pick<SinkBatch, "id" | "relation" | "rows">,
  style: JsonLineStyle,
  { partition, maxRows }: { readonly partition?: number | undefined; readonly maxRows?: number } = {},
): AsyncGenerator<string> {
  const skipped = Math.max(0, batch.rows - (maxRows ?? batch.rows));
  const last = skipped === 0 ? raw("") : sql` LIMIT ${batch.rows - skipped} OFFSET ${skipped}`;
  const query = sql`SELECT ${lineOf(input, batch.id, style, partition)} FROM ${id(batch.relation)}${last}`;
  for await (const lines of database.textBlocks(query)) yield `${lines.join("\n")}\n`;
}

/** A batch of more rows than DuckDB hands over at once is worth a file. */
const MIN_ROWS_TO_STAGE = 2048;
const READ_BYTES = 1_048_576;

/**
 * The same lines as bytes. Many of them are written by DuckDB into the file `staged`, which is removed again:
 * three times as fast as texts that become strings of JavaScript on the way.
 */
export async function* jsonLineBytes(
  database: Database,
  input: SinkInput,
  batch: Pick<SinkBatch, "id" | "relation" | "rows">,
  style: JsonLineStyle,
  staged: string,
): AsyncGenerator<Uint8Array> {
  if (batch.rows < MIN_ROWS_TO_STAGE) {
    for await (const text of jsonLines(database, input, batch, style)) yield Buffer.from(text);
    return;
  }
  // As CSV of one column that is never quoted: a line of JSON has no control characters.
  await database.run(sql`COPY (SELECT ${lineOf(input, batch.id, style)} FROM ${id(batch.relation)})
    TO ${staged} (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')`);
  const file = await open(staged, "r");
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES);
      if (bytesRead === 0) break;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
    await rm(staged, { force: true });
  }
}

/** A VARCHAR expression: a row of the batch as a line of this style. */
export function lineOf(input: SinkInput, batchId: number, style: JsonLineStyle, partition?: number): Sql {
  const hasOp = input.mode !== "append";
  if (style === "changes" && hasOp) {
    const extra: Column[] = [
      { name: "_op", type: "VARCHAR" },
      { name: "_batch", type: "BIGINT" },
    ];
    const row = rowJson(input.columns);
    const more = rowJson(extra).text.replaceAll('"_batch" := "_batch"', `"_batch" := ${batchId}`);
    // Two JSON objects made one: the first without its closing brace, the second without its opening one.
    return sql`concat((${row})[:-2], ',', (${raw(more)})[2:])`;
  }
  if (style !== "wrapped") return rowJson(input.columns);
  const of = partition === undefined ? "" : `"partition":${partition},`;
  const head = `{"query":${JSON.stringify(input.query)},${of}"batch":${batchId},`;
  const op = hasOp ? sql`concat('"op":"', _op, '",')` : raw("''");
  return sql`concat(${head}, ${op}, '"row":', ${rowJson(input.columns)}, '}')`;
}
