/** NDJSON of a batch, as every sink that writes text writes it. */

import type { Column, Database } from "../duckdb/database.ts";
import { lineBytes } from "../duckdb/line-bytes.ts";
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

/** The same lines as bytes. `staged`: see `lineBytes`. */
export function jsonLineBytes(
  database: Database,
  input: SinkInput,
  batch: Pick<SinkBatch, "id" | "relation" | "rows">,
  style: JsonLineStyle,
  staged: string,
): AsyncGenerator<Uint8Array> {
  const lines = sql`SELECT ${lineOf(input, batch.id, style)} FROM ${id(batch.relation)}`;
  return lineBytes(database, { lines, count: batch.rows, staged });
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
