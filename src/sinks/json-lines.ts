/** NDJSON of a batch, as every sink that writes text writes it. */

import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { rowJson } from "../formats/json-rows.ts";
import type { SinkBatch, SinkInput } from "./sink.ts";

/**
 * - `bare`: the row
 * - `changes`: the row; in update and complete mode with `_op` and `_batch`
 * - `wrapped`: `{"query":…,"batch":…,"op":…,"row":{…}}`, `op` in update and complete mode only
 */
export type JsonLineStyle = "bare" | "changes" | "wrapped";

/** Blocks of lines, each line with its line feed, in the rows' order. */
export async function* jsonLines(
  database: Database,
  input: SinkInput,
  batch: SinkBatch,
  style: JsonLineStyle,
): AsyncGenerator<string> {
  const query = sql`SELECT ${lineOf(input, batch.id, style)} FROM ${id(batch.relation)}`;
  for await (const lines of database.textBlocks(query)) yield `${lines.join("\n")}\n`;
}

function lineOf(input: SinkInput, batchId: number, style: JsonLineStyle): Sql {
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
  const head = `{"query":${JSON.stringify(input.query)},"batch":${batchId},`;
  const op = hasOp ? sql`concat('"op":"', _op, '",')` : raw("''");
  return sql`concat(${head}, ${op}, '"row":', ${rowJson(input.columns)}, '}')`;
}
