/** The only way to add rows to a table. */

import { type Sql, sql } from "./sql.ts";

/** Columns are matched by name, in any order. `rows` is a SELECT whose columns have the table's names. */
export function insertInto(table: Sql, rows: Sql): Sql {
  return sql`INSERT INTO ${table} BY NAME ${rows}`;
}
