/** A terminal's view of the rows: one table a query, redrawn in place after each batch. */

import type { Database } from "../duckdb/database.ts";
import { id, join, raw, sql } from "../duckdb/sql.ts";
import type { ByteOutput } from "../runtime/stdio.ts";
import type { Sink, SinkBatch, SinkContext, SinkInput } from "./sink.ts";

const MAX_ROWS = 20;
const MAX_CELL_CHARACTERS = 40;
const CLEAR_TO_END = "\u001b[0J";
const BOLD = "\u001b[1m";
const PLAIN = "\u001b[0m";

interface Table {
  readonly title: string;
  readonly isKeyed: boolean;
  readonly columns: readonly string[];
  readonly rightAligned: readonly boolean[];
  /** By key in update mode, else by arrival; at most MAX_ROWS, the latest last. */
  readonly rows: Map<string, readonly string[]>;
  arrivals: number;
}

interface Screen {
  readonly tables: Table[];
  drawnLines: number;
}

/** Tables of the same terminal are drawn together. */
const screens = new WeakMap<ByteOutput, Screen>();

export function openLiveTable({ input, stdout, shard }: SinkContext): Sink {
  const screen = screens.get(stdout) ?? { tables: [], drawnLines: 0 };
  screens.set(stdout, screen);
  // Partitions that are run each for itself come and go, and share the table of their query.
  const shared = shard === undefined ? undefined : screen.tables.find(({ title }) => title === input.query);
  const table: Table = shared ?? {
    title: input.query,
    isKeyed: input.key.length > 0,
    columns: input.columns.map(({ name }) => name),
    rightAligned: input.columns.map(({ type }) => /INT|DOUBLE|FLOAT|DECIMAL/.test(type)),
    rows: new Map(),
    arrivals: 0,
  };
  if (shared === undefined) screen.tables.push(table);
  return {
    async write(database, batch) {
      if (batch.rows === 0) return;
      for (const { key, op, cells } of await lastRows(database, input, batch)) {
        table.arrivals += 1;
        const name = input.key.length > 0 ? key : String(table.arrivals);
        table.rows.delete(name);
        if (op !== "delete") table.rows.set(name, cells);
      }
      for (const name of [...table.rows.keys()].slice(0, -MAX_ROWS)) table.rows.delete(name);
      draw(screen, stdout);
    },
    position: () => undefined,
    close: async () => {},
  };
}

interface ShownRow {
  readonly key: string;
  readonly op: string;
  readonly cells: readonly string[];
}

async function lastRows(database: Database, input: SinkInput, batch: SinkBatch): Promise<ShownRow[]> {
  const cells = input.columns.map(({ name }) => sql`coalesce(${id(name)}::VARCHAR, '')`);
  const key =
    input.key.length === 0 ? raw("''") : sql`concat_ws(chr(0), ${join(input.key.map((name) => id(name)))})`;
  const op = input.mode === "append" ? raw("'upsert'") : raw("_op");
  const rows =
    await database.rows(sql`SELECT ${key} AS key, ${op} AS op, to_json([${cells}])::VARCHAR AS cells
    FROM ${id(batch.relation)} OFFSET ${Math.max(0, batch.rows - MAX_ROWS)}`);
  return rows.map((row) => ({
    key: String(row["key"]),
    op: String(row["op"]),
    cells: JSON.parse(String(row["cells"])) as string[],
  }));
}

const DEFAULT_SIZE = { columns: 80, rows: 24 };
/** Title, names, and the blank line after the rows. */
const FRAME_LINES = 3;

/** More than the terminal holds would scroll, and what has scrolled away can't be drawn over. */
function draw(screen: Screen, stdout: ByteOutput): void {
  const size = stdout.size?.() ?? DEFAULT_SIZE;
  const tables = screen.tables.filter(({ rows }) => rows.size > 0);
  const linesEach = Math.floor((size.rows - 1) / Math.max(1, tables.length));
  const maxRows = Math.max(1, Math.min(MAX_ROWS, linesEach - FRAME_LINES));
  const lines = tables.flatMap((table) => linesOf(table, maxRows, size.columns)).slice(0, size.rows - 1);
  const up = screen.drawnLines > 0 ? `\u001b[${screen.drawnLines}A\r` : "";
  stdout.write(`${up}${CLEAR_TO_END}${lines.join("\n")}\n`);
  screen.drawnLines = lines.length;
}

/** The latest rows; those of a key in the order of their keys, so that they stay where they are. */
function linesOf(
  { title, isKeyed, columns, rightAligned, rows }: Table,
  maxRows: number,
  maxCharacters: number,
): string[] {
  const latest = [...rows].slice(-maxRows);
  if (isKeyed) latest.sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  const shown = latest.map(([, cells]) => cells.map((cell) => short(cell, MAX_CELL_CHARACTERS)));
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...shown.map((cells) => cells[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, index) =>
      rightAligned[index] === true ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0),
    );
    return short(padded.join("  ").trimEnd(), maxCharacters);
  };
  return [`${BOLD}${title}${PLAIN}`, `${BOLD}${line(columns)}${PLAIN}`, ...shown.map(line), ""];
}

function short(line: string, maxCharacters: number): string {
  const text = line.replaceAll(/\p{Cc}/gu, " ");
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters - 1)}…` : text;
}
