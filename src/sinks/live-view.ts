/** What `process` draws on a terminal: one table a query, and a line that says how the job is doing. */

import { counted } from "../base/units.ts";
import type { Column } from "../duckdb/database.ts";
import type { ByteOutput } from "../runtime/stdio.ts";
import { openRegion, type Region, sizeOf } from "../terminal/region.ts";
import { type Style, styleOf } from "../terminal/style.ts";
import { layOut } from "../terminal/table.ts";
import { cutTo, widthOf } from "../terminal/text.ts";
import { shownColumns } from "./live-cells.ts";

export interface LiveTable {
  readonly title: string;
  /** Rows of a key stand where they are, in the order of their keys. */
  readonly isKeyed: boolean;
  readonly columns: readonly Column[];
  /** By key in update mode, else by arrival; the latest last. */
  readonly rows: Map<string, readonly (string | null)[]>;
  /** The keys of all rows there are, as far as they are counted. */
  readonly names: Set<string>;
  /** Of rows without a key, all that ever came. */
  arrivals: number;
}

export interface LiveView {
  readonly tables: LiveTable[];
  /** The line below the tables; undefined for none. */
  status: string | undefined;
  draw(): void;
  /** What is shown stays on the terminal: the job is over. */
  leave(): void;
}

/** Tables of the same terminal are drawn together. */
const views = new WeakMap<ByteOutput, LiveView>();

export function liveViewOf(stdout: ByteOutput): LiveView {
  const known = views.get(stdout);
  if (known !== undefined) return known;
  const style = styleOf(stdout);
  let region: Region | undefined;
  const view: LiveView = {
    tables: [],
    status: undefined,
    draw() {
      region ??= openRegion(stdout);
      region.show(linesOf(view, sizeOf(stdout), style));
    },
    leave() {
      // The job's last words come where the line was.
      const lines = linesOf(view, sizeOf(stdout), style);
      region?.show(view.status === undefined ? lines : lines.slice(0, -1));
      region?.leave();
      region = undefined;
      view.tables.splice(0);
      view.status = undefined;
    },
  };
  views.set(stdout, view);
  return view;
}

/** Title, column names, and the blank line after the rows. */
const FRAME_LINES = 3;
const LEAST_ROWS = 1;

export function linesOf(
  { tables, status }: Pick<LiveView, "tables" | "status">,
  { columns, rows }: { readonly columns: number; readonly rows: number },
  style: Style,
): readonly string[] {
  const filled = tables.filter((table) => table.rows.size > 0);
  // The cursor stands below the last line: more than that would scroll, and could not be drawn over.
  const statusLines = status === undefined ? 0 : 1;
  const room = rows - 1 - statusLines;
  const fitting = filled.slice(0, Math.max(1, Math.floor(room / (FRAME_LINES + LEAST_ROWS))));
  const shares = shared(
    fitting.map((table) => FRAME_LINES + table.rows.size),
    room,
  );
  const lines = fitting.flatMap((table, index) =>
    tableLines(table, Math.max(LEAST_ROWS, (shares[index] ?? 0) - FRAME_LINES), columns, style),
  );
  const hidden = filled.length - fitting.length;
  const more = hidden === 0 ? "" : ` · a taller terminal shows ${counted(hidden, "more table")}`;
  const last = status === undefined ? [] : [cutTo(`${status}${more}`, columns)];
  return [...lines.slice(0, Math.max(0, room)), ...last];
}

/** Lines for each: the small ones have what they want, the others the same of the rest. */
function shared(wanted: readonly number[], room: number): number[] {
  const shares = wanted.map(() => 0);
  let left = room;
  let waiting = wanted.length;
  for (const { want, index } of wanted
    .map((want, index) => ({ want, index }))
    .toSorted((a, b) => a.want - b.want)) {
    shares[index] = Math.min(want, Math.floor(left / waiting));
    left -= shares[index];
    waiting -= 1;
  }
  return shares;
}

const MAX_COLUMN_CELLS = 40;

function tableLines(table: LiveTable, maxRows: number, maxCells: number, style: Style): readonly string[] {
  const latest = [...table.rows].slice(-maxRows);
  if (table.isKeyed) latest.sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  const cells = latest.map(([, row]) => row);
  const laidOutWith = (maxDecimals: number) => {
    const shown = shownColumns(table.columns, cells, maxDecimals);
    return { ...shown, ...layOut(shown.columns, shown.rows, { maxCells, maxColumnCells: MAX_COLUMN_CELLS }) };
  };
  const exact = laidOutWith(4);
  const laidOut = exact.hiddenColumns > 0 ? laidOutWith(2) : exact;
  const facts = [...(laidOut.date === undefined ? [] : [laidOut.date]), countText(table, latest.length)].join(
    " · ",
  );
  const title = cutTo(table.title, maxCells);
  const room = maxCells - widthOf(title) - 2;
  return [
    room > 0 ? `${style.bold(title)}  ${style.dim(cutTo(facts, room))}` : style.bold(title),
    style.bold(laidOut.header),
    ...laidOut.rows,
    "",
  ];
}

const MAX_EXACT = 10_000;

/** `8 of 500 rows`; of rows that only come, `the last 8 of 500`. */
function countText({ isKeyed, names, arrivals, rows }: LiveTable, shown: number): string {
  const all = isKeyed ? Math.max(names.size, rows.size) : arrivals;
  const total = `${all.toLocaleString("en-US")}${isKeyed && all >= MAX_EXACT ? "+" : ""}`;
  if (all === 1) return "1 row";
  if (all === shown) return `${total} rows`;
  return `${isKeyed ? "" : "the last "}${shown} of ${total} rows`;
}
