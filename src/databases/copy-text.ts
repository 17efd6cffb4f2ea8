/**
 * Rows as lines of tab-separated text with `\N` for NULL, as `COPY … FROM STDIN` reads them.
 */

import type { Database } from "../duckdb/database.ts";
import { lineBytes } from "../duckdb/line-bytes.ts";
import { join, literal, raw, type Sql, sql } from "../duckdb/sql.ts";

/** One VARCHAR value of a line. `mayHold`: whether it may have characters that mean something there. */
export function cell(value: Sql, { mayHold }: { readonly mayHold: boolean }): Sql {
  const escaped = mayHold
    ? ESCAPES.reduce((text, [from, to]) => sql`replace(${text}, ${raw(from)}, ${literal(to)})`, value)
    : value;
  return sql`coalesce(${escaped}, ${literal("\\N")})`;
}

/** The backslash comes first. The last one is what separates columns in the file that DuckDB writes. */
const ESCAPES = [
  ["chr(92)", "\\\\"],
  ["chr(9)", "\\t"],
  ["chr(10)", "\\n"],
  ["chr(13)", "\\r"],
  ["chr(1)", "\\x01"],
] as const;

/** `cells`: expressions over `rows`, a SELECT. */
export function copyLines(
  database: Database,
  { cells, rows, count, staged }: CopyRequest,
): AsyncGenerator<Uint8Array> {
  const lines = sql`SELECT concat_ws(chr(9), ${join(cells)}) FROM (${rows})`;
  return lineBytes(database, { lines, count, staged });
}

interface CopyRequest {
  readonly cells: readonly Sql[];
  readonly rows: Sql;
  readonly count: number;
  readonly staged: string;
}
