/** A query's answer as a table for people. */

import type { Database } from "../duckdb/database.ts";
import { id, join, type Sql, sql } from "../duckdb/sql.ts";

const MAX_CELL_CHARACTERS = 60;
/** More rows are for the other formats; the table says how many there are. */
const MAX_ROWS = 1000;

export async function renderTable(database: Database, query: Sql, isTerminal: boolean): Promise<string> {
  const columns = await database.describe(query);
  const cells = columns.map(({ name }) => sql`${id(name)}::VARCHAR AS ${id(name)}`);
  // In a database of its own, so that SHOW TABLES does not find it.
  await database.run(sql`ATTACH ':memory:' AS _answer;
    CREATE TABLE _answer.rows AS SELECT ${join(cells)} FROM (${query})`);
  const total = Number((await database.row(sql`SELECT count(*) AS rows FROM _answer.rows`))["rows"]);
  const rows = await database.rows(sql`FROM _answer.rows LIMIT ${MAX_ROWS}`);
  const texts = rows.map((row) =>
    columns.map(({ name }) => short(row[name] === null ? "NULL" : String(row[name]))),
  );
  const widths = columns.map(({ name }, index) =>
    Math.max(name.length, ...texts.map((row) => row[index]?.length ?? 0)),
  );
  const isNumber = columns.map(({ type }) => /INT|DOUBLE|FLOAT|DECIMAL/.test(type));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) =>
        isNumber[index] === true ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const header = line(columns.map(({ name }) => name));
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  const count = `${total.toLocaleString("en-US")} ${total === 1 ? "row" : "rows"}`;
  const more = total > MAX_ROWS ? `${count}, the first ${MAX_ROWS} shown; --format csv has all` : count;
  const bold = (text: string): string => (isTerminal ? `\u001b[1m${text}\u001b[0m` : text);
  return `${[bold(header), rule, ...texts.map(line), `(${more})`].join("\n")}\n`;
}

function short(cell: string): string {
  return cell.length > MAX_CELL_CHARACTERS ? `${cell.slice(0, MAX_CELL_CHARACTERS - 1)}…` : cell;
}
