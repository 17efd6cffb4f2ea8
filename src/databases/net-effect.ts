/** What a batch does to a keyed table in the end: one row a key, computed before anything is sent. */

import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { Feed } from "./target.ts";

/**
 * SELECT of `n`, `op` and the feed's columns. `n` counts the batch's rows from 1, in their order, and is the
 * same when the batch is repeated; of the rows of one key the last one stays.
 */
export function netRows({ mode, key, columns }: Pick<Feed, "mode" | "key" | "columns">, relation: Sql): Sql {
  const names = columns.map(({ name }) => id(name));
  const op = mode === "append" ? raw("'upsert'") : raw("_op");
  const numbered = sql`SELECT row_number() OVER () AS ${NUMBER}, ${op} AS ${OP}, ${names} FROM ${relation}`;
  if (mode === "append") return numbered;
  const keys = key.map((name) => id(name));
  const of = keys.length === 0 ? raw("") : sql`PARTITION BY ${keys}`;
  return sql`SELECT * FROM (${numbered})
    QUALIFY row_number() OVER (${of} ORDER BY ${NUMBER} DESC) = 1 ORDER BY ${NUMBER}`;
}

/** No column of a query is called so: the engine keeps such names for itself. */
export const NUMBER = id("_streamkit_n");
export const OP = id("_streamkit_op");

/** A condition: the row's key has a NULL in it. */
export function hasNullKey(key: readonly string[]): Sql {
  return key.length === 0
    ? raw("false")
    : join(
        key.map((name) => sql`${id(name)} IS NULL`),
        " OR ",
      );
}
