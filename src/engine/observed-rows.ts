/** A batch's rows for those who look on: the dashboard and the journal. Bounded, whatever the rows are. */

import { depthOfText, MAX_DEPTH, shown } from "../base/depth.ts";
import { readExactJson } from "../base/exact-json.ts";
import type { Database } from "../duckdb/database.ts";
import { id, raw, sql } from "../duckdb/sql.ts";
import { excerptJson } from "../formats/json-rows.ts";
import { lineOf } from "../sinks/json-lines.ts";
import type { Json, QueryOutput, RowChange } from "./batch-progress.ts";
import { type Output, sinkInputOf } from "./outputs.ts";

/** Observers are shown the last rows of a query and batch, so many of them: sinks are for all. */
const MAX_ROWS = 2000;
/** Of their JSON. */
const MAX_CHARS = 2 ** 20;
/** A longer row is cut. */
const MAX_ROW_BYTES = 2 ** 16;
const MAX_CELL_CHARS = 4096;
/** Those of the key, and the first ones: one more than the dashboard shows, so that it marks the rest. */
const MAX_COLUMNS = 201;

/** A batch's rows as JSON values. */
export async function observedRows(
  database: Database,
  output: Output,
  batch: { readonly id: number; readonly rows: number },
): Promise<QueryOutput> {
  const { name, mode, key } = output;
  const columns = shownColumns(output);
  const changes = (await lastLines(database, output, batch)).map((line): RowChange => {
    const { op, row } = readExactJson(line) as { op?: RowChange["op"]; row: Record<string, Json> };
    return { op: op ?? "upsert", row: depthOfText(line) > MAX_DEPTH ? shownRow(row) : row };
  });
  const omittedRows = Math.max(0, batch.rows - changes.length);
  return { query: name, mode, key, columns, changes, omittedRows };
}

function shownRow(row: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shown(value)]));
}

/** In the order of the rows. */
async function lastLines(
  database: Database,
  output: Output,
  batch: { readonly id: number; readonly rows: number },
): Promise<readonly string[]> {
  if (batch.rows === 0) return [];
  const skipped = Math.max(0, batch.rows - MAX_ROWS);
  const last = skipped === 0 ? raw("") : sql` LIMIT ${MAX_ROWS} OFFSET ${skipped}`;
  const columns = shownColumns(output);
  const whole = lineOf({ ...sinkInputOf(output), columns }, batch.id, "wrapped");
  const op = output.mode === "append" ? raw("''") : sql`concat('"op":"', _op, '",')`;
  const cut = sql`concat('{', ${op}, '"row":', ${excerptJson(columns, MAX_CELL_CHARS)}, '}')`;
  const lines: string[] = [];
  let first = 0;
  let chars = 0;
  const query = sql`SELECT CASE WHEN strlen(${whole}) <= ${MAX_ROW_BYTES} THEN ${whole} ELSE ${cut} END
    FROM (FROM ${id(output.relation)}${last})`;
  for await (const block of database.textBlocks(query))
    for (const line of block) {
      lines.push(line);
      chars += line.length;
      // The newest row is shown in any case.
      for (; chars > MAX_CHARS && first < lines.length - 1; first += 1) {
        chars -= lines[first]?.length ?? 0;
        lines[first] = "";
      }
    }
  return lines.slice(first);
}

function shownColumns({ columns, key }: Output): Output["columns"] {
  if (columns.length <= MAX_COLUMNS) return columns;
  const named = new Set(key);
  let room = MAX_COLUMNS - named.size;
  return columns.filter(({ name }) => {
    if (named.has(name)) return true;
    room -= 1;
    return room >= 0;
  });
}
