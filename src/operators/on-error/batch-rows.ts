/**
 * The rows of a batch that a query reads, as units that can be hidden from it: for the time being the query's
 * input tables are others with fewer rows, under the same names.
 */

import type { Column, Database } from "../../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { rowsWithTry } from "../../duckdb/try.ts";
import { rowJson } from "../../formats/json-rows.ts";
import { rowNumber } from "../../sql/stream.ts";
import { asideTable, type Described, putInto } from "./letters.ts";
import type { Units } from "./sift.ts";

/** A table that a query reads: a source's, or the rows of a query before it. */
export interface InputTable {
  readonly name: string;
  readonly columns: readonly Column[];
  /** Sources' tables are seen by all connections. */
  readonly isTemporary: boolean;
}

export interface BatchRows extends Units, Described {
  /** The tables hold all rows again. */
  restore(): Promise<void>;
}

const ASIDE = "_aside_rows";

/** Numbers of rows of a table, from 0. */
export interface LateRows {
  readonly table: string;
  readonly numbers: Sql;
}

export interface RowsAtHand {
  /** Numbers of rows of the only table that surely fail. */
  readonly suspects?: Sql | undefined;
  /** Rows that come after all others, so that where rows fail together, these are blamed. */
  readonly late?: readonly LateRows[];
}

/** The rows of all tables, one table after the other. */
export async function openBatchRows(
  database: Database,
  tables: readonly InputTable[],
  { suspects, late = [] }: RowsAtHand,
): Promise<BatchRows> {
  const hasLate = await numberRows(database, tables, late);
  const { rows } = await database.row(
    sql`SELECT sum(rows)::BIGINT AS rows FROM (${join(
      tables.map(({ name }) => sql`SELECT count(*) AS rows FROM ${id(wholeOf(name))}`),
      " UNION ALL ",
    )})`,
  );
  const count = Number(rows);
  await database.run(asideTable(ASIDE));
  const show = async (from: number, to: number): Promise<void> => {
    const statements = tables.map(({ name, columns, isTemporary }) => {
      const names = columns.map((column) => id(column.name));
      return sql`CREATE OR REPLACE ${raw(isTemporary ? "TEMP " : "")}TABLE ${id(name)} AS
        SELECT ${names} FROM ${id(wholeOf(name))} WHERE _position >= ${from} AND _position < ${to}
          AND _position NOT IN (SELECT position FROM ${id(ASIDE)}) ORDER BY _number`;
    });
    await database.run(join(statements, ";\n"));
  };
  return {
    count,
    show,
    putAside: (found) => putInto(database, ASIDE, found),
    ...(suspects === undefined || tables.length !== 1 || hasLate
      ? {}
      : {
          async suspects() {
            await show(0, count);
            const found = await rowsWithTry(database, suspects);
            return found.map((row) => Number(Object.values(row)[0])).toSorted((a, b) => a - b);
          },
        }),
    aside: ASIDE,
    described: join(
      tables.map(
        ({ name, columns }) => sql`SELECT _position AS position, ${name} AS stream, _number AS number,
          ${rowJson(columns)} AS line FROM ${id(wholeOf(name))}`,
      ),
      " UNION ALL ",
    ),
    async restore() {
      const statements = tables.map(
        ({ name }) => sql`DROP TABLE IF EXISTS ${id(name)};
          ALTER TABLE ${id(originalOf(name))} RENAME TO ${id(name)}; DROP TABLE ${id(wholeOf(name))}`,
      );
      await database.run(join(statements, ";\n"));
    },
  };
}

/**
 * Puts the tables aside, and makes copies with the columns `_number`, the row's place in its table, and
 * `_position`, its place among the units. Tells whether the two differ.
 */
async function numberRows(
  database: Database,
  tables: readonly InputTable[],
  late: readonly LateRows[],
): Promise<boolean> {
  const found = late.filter(({ table }) => tables.some(({ name }) => name === table));
  const lateOf = new Map<string, readonly number[]>();
  for (const { name } of tables) {
    const own = found.filter(({ table }) => table === name).map(({ numbers }) => numbers);
    if (own.length === 0) continue;
    const rows = await rowsWithTry(database, sql`SELECT DISTINCT * FROM (${join(own, " UNION ALL ")})`);
    lateOf.set(
      name,
      rows.map((row) => Number(Object.values(row)[0])),
    );
  }
  const parts: Sql[] = tables.map(({ name, columns }, index) => {
    const numbers = lateOf.get(name) ?? [];
    const isLate =
      numbers.length === 0
        ? raw("false")
        : sql`_number IN (SELECT unnest(string_split(${numbers.join(",")}, ',')::BIGINT[]))`;
    return sql`SELECT ${index} AS _table, _number, ${isLate} AS _is_late
      FROM (SELECT ${rowNumber(columns)} AS _number FROM ${id(name)})`;
  });
  await database.run(sql`CREATE OR REPLACE TEMP TABLE ${id(POSITIONS)} AS
    SELECT _table, _number, row_number() OVER (ORDER BY _is_late, _table, _number) - 1 AS _position
    FROM (${join(parts, " UNION ALL ")})`);
  for (const [index, { name, columns }] of tables.entries())
    await database.run(sql`CREATE OR REPLACE TEMP TABLE ${id(wholeOf(name))} AS
        SELECT r.*, p._position FROM (SELECT *, ${rowNumber(columns)} AS _number FROM ${id(name)}) AS r
          JOIN ${id(POSITIONS)} AS p ON p._table = ${index} AND p._number = r._number ORDER BY p._position;
      ALTER TABLE ${id(name)} RENAME TO ${id(originalOf(name))}`);
  return [...lateOf.values()].some((numbers) => numbers.length > 0);
}

const POSITIONS = "_aside_positions";

function wholeOf(table: string): string {
  return `_whole_${table}`;
}

function originalOf(table: string): string {
  return `_original_${table}`;
}
