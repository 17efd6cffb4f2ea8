/** What DuckDB says of its functions, as far as planning needs it. */

import type { Database } from "../duckdb/database.ts";
import { sql } from "../duckdb/sql.ts";

/** They differ from one moment to the next by themselves, but these are the same all through a job. */
const STEADY: ReadonlySet<string> = new Set([
  "error",
  "current_database",
  "current_schema",
  "current_schemas",
  "in_search_path",
]);

export interface FunctionNames {
  readonly aggregates: ReadonlySet<string>;
  readonly volatile: ReadonlySet<string>;
}

export async function functionNames(database: Database): Promise<FunctionNames> {
  const rows = await database.rows(sql`
    SELECT DISTINCT function_name AS name, function_type = 'aggregate' AS is_aggregate FROM duckdb_functions()
    WHERE function_type = 'aggregate' OR stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')`);
  const named = (isAggregate: boolean): string[] =>
    rows.filter((row) => row["is_aggregate"] === isAggregate).map((row) => String(row["name"]));
  return {
    aggregates: new Set([...named(true), "count_star"]),
    volatile: new Set(named(false).filter((name) => !STEADY.has(name))),
  };
}
