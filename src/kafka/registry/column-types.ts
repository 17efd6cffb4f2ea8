/** Types of DuckDB for what is put together of named fields. */

import type { Column } from "../../duckdb/database.ts";
import { id } from "../../duckdb/sql.ts";

/** DuckDB has no STRUCT without fields. */
export function structType(fields: readonly Column[]): string {
  if (fields.length === 0) return "JSON";
  return `STRUCT(${fields.map(({ name, type }) => `${id(name).text} ${type}`).join(", ")})`;
}

/** The columns of several records in one table; what has two types in them is JSON. */
export function mergedColumns(records: readonly (readonly Column[])[]): Column[] {
  const columns = new Map<string, string>();
  for (const { name, type } of records.flat()) {
    const known = columns.get(name);
    columns.set(name, known === undefined || known === type ? type : "JSON");
  }
  return [...columns].map(([name, type]) => ({ name, type }));
}
