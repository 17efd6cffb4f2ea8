/** A terminal's view of one query's rows: the latest of them, and how many there are. */

import type { Column, Database } from "../duckdb/database.ts";
import { id, join, raw, sql } from "../duckdb/sql.ts";
import { type LiveTable, liveViewOf } from "./live-view.ts";
import type { Sink, SinkBatch, SinkContext, SinkInput } from "./sink.ts";

/** More than any terminal shows. */
const MAX_ROWS = 200;
/** Rows of a table are counted so far: of more it says "10,000+". */
const MAX_COUNTED_ROWS = 10_000;

export function openLiveTable({ input, stdout, shard }: SinkContext): Sink {
  const view = liveViewOf(stdout);
  // Partitions that are run each for itself come and go, and share the table of their query.
  const shared = shard === undefined ? undefined : view.tables.find(({ title }) => title === input.query);
  const table: LiveTable = shared ?? {
    title: input.query,
    isKeyed: input.key.length > 0,
    columns: input.columns,
    rows: new Map(),
    names: new Set(),
    arrivals: 0,
  };
  if (shared === undefined) view.tables.push(table);
  return {
    async write(database, batch) {
      if (batch.rows === 0) return;
      const replacesAll = input.mode === "complete" && input.key.length === 0;
      if (replacesAll) table.rows.clear();
      if (table.isKeyed) await countNames(table, database, input, batch);
      const before = replacesAll ? 0 : table.arrivals;
      const rows = await lastRows(database, input, batch);
      table.arrivals = before + batch.rows;
      rows.forEach(({ key, op, cells }, index) => {
        const name = table.isKeyed ? key : String(table.arrivals - rows.length + index);
        table.rows.delete(name);
        if (op !== "delete") table.rows.set(name, cells);
      });
      for (const name of [...table.rows.keys()].slice(0, -MAX_ROWS)) table.rows.delete(name);
      view.draw();
    },
    position: () => undefined,
    close: async () => {},
  };
}

/** Which rows there are, as far as they are counted. */
async function countNames(
  { names, rows: shown }: LiveTable,
  database: Database,
  input: SinkInput,
  { relation }: SinkBatch,
): Promise<void> {
  const rows = await database.rows(sql`SELECT ${keyOf(input)} AS key, ${opOf(input)} AS op
    FROM ${id(relation)} LIMIT ${MAX_COUNTED_ROWS}`);
  for (const { key, op } of rows) {
    if (op === "delete") {
      names.delete(String(key));
      shown.delete(String(key));
    } else if (names.size < MAX_COUNTED_ROWS) names.add(String(key));
  }
}

interface ShownRow {
  readonly key: string;
  readonly op: string;
  /** Null where the value is. */
  readonly cells: readonly (string | null)[];
}

async function lastRows(database: Database, input: SinkInput, batch: SinkBatch): Promise<ShownRow[]> {
  const cells = input.columns.map((column) => sql`${cellOf(column)}`);
  const rows = await database.rows(sql`SELECT ${keyOf(input)} AS key, ${opOf(input)} AS op,
    to_json([${cells}])::VARCHAR AS cells
    FROM ${id(batch.relation)} OFFSET ${Math.max(0, batch.rows - MAX_ROWS)}`);
  return rows.map((row) => ({
    key: String(row["key"]),
    op: String(row["op"]),
    cells: JSON.parse(String(row["cells"])) as (string | null)[],
  }));
}

/** No cell shows more of a value, be it of a million characters. */
const MAX_CHARACTERS = 400;

function cellOf({ name }: Column) {
  return sql`left(${id(name)}::VARCHAR, ${MAX_CHARACTERS})`;
}

function keyOf({ key }: SinkInput) {
  return key.length === 0 ? raw("''") : sql`concat_ws(chr(0), ${join(key.map((name) => id(name)))})`;
}

function opOf({ mode }: SinkInput) {
  return mode === "append" ? raw("'upsert'") : raw("_op");
}
