/** An answer as a table for people: as wide and as long as their terminal. */

import { counted } from "../base/units.ts";
import type { Database } from "../duckdb/database.ts";
import { id, join, type Sql, sql } from "../duckdb/sql.ts";
import type { ByteOutput } from "../runtime/stdio.ts";
import { sizeOf } from "../terminal/region.ts";
import { styleOf } from "../terminal/style.ts";
import { layOut } from "../terminal/table.ts";
import { shownText, widthOf } from "../terminal/text.ts";

const MAX_COLUMN_CELLS = 60;
/** More rows are for the other formats; the table says how many there are. */
const MAX_ROWS = 1000;
/** The header, its rule, the count and the next prompt. */
const FRAME_LINES = 4;
const LEAST_ROWS = 5;
/** No cell shows more of a value, be it of a million characters. */
const MAX_CHARACTERS = 400;

type Output = Pick<ByteOutput, "isTerminal" | "isStyled" | "size">;

export async function renderTable(database: Database, query: Sql, output: Output): Promise<string> {
  const { columns: maxCells, rows: lines } = output.isTerminal
    ? sizeOf(output)
    : { columns: Number.POSITIVE_INFINITY, rows: MAX_ROWS + FRAME_LINES };
  const columns = await database.describe(query);
  const cells = columns.map(({ name }) => sql`left(${id(name)}::VARCHAR, ${MAX_CHARACTERS}) AS ${id(name)}`);
  const { rows, total } = await database.firstRows(
    sql`SELECT ${join(cells)} FROM (${query})`,
    Math.max(LEAST_ROWS, lines - FRAME_LINES),
  );
  const { dim, bold } = styleOf(output);
  const isFigure = columns.map(
    ({ type }) => /INT|DOUBLE|FLOAT|DECIMAL/.test(type) && !/[[(]\]|STRUCT|MAP/.test(type),
  );
  const laidOut = layOut(
    columns.map(({ name }, index) => ({ name: shownText(name), isFigure: isFigure[index] === true })),
    rows.map((row) => row.map(cellText)),
    { maxCells, maxColumnCells: MAX_COLUMN_CELLS },
  );
  const body = [dim(laidOut.rule), ...laidOut.rows.map((line) => dimmedNulls(line, dim)), noticeOf()];
  return `${[bold(laidOut.header), ...body].join("\n")}\n`;

  function noticeOf(): string {
    const hidden = laidOut.hiddenColumns;
    const isWhole = rows.length === total;
    const parts = [
      isWhole ? counted(total, "row") : `${rows.length.toLocaleString("en-US")} of ${counted(total, "row")}`,
      ...(hidden === 0 ? [] : [`${columns.length - hidden} of ${columns.length} columns`]),
    ];
    const notice = parts.join(", ");
    const remedy = "; the format csv has all";
    const hasRoom = widthOf(notice) + remedy.length + 2 <= maxCells;
    return `(${notice}${(isWhole && hidden === 0) || !hasRoom ? "" : remedy})`;
  }
}

/** Nothing is no text: a text that could be taken for it is quoted. */
function cellText(value: unknown): string {
  if (value === null) return "NULL";
  const text = String(value);
  return text === "NULL" ? '"NULL"' : shownText(text);
}

function dimmedNulls(line: string, dim: (text: string) => string): string {
  return line.replaceAll(/(?<![^ ])NULL(?![^ ])/g, dim("NULL"));
}
