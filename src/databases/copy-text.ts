/**
 * Rows as lines of tab-separated text with `\N` for NULL, as `COPY … FROM STDIN` reads them. DuckDB writes
 * the bytes: no row becomes an object of JavaScript.
 */

import { open, rm } from "node:fs/promises";
import type { Database } from "../duckdb/database.ts";
import { join, literal, raw, type Sql, sql } from "../duckdb/sql.ts";

/** A batch of more rows than DuckDB hands over at once is worth a file. */
const MIN_ROWS_TO_STAGE = 2048;
const READ_BYTES = 1_048_576;

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
export async function* copyLines(
  database: Database,
  { cells, rows, count, staged }: CopyRequest,
): AsyncGenerator<Uint8Array> {
  const line = sql`concat_ws(chr(9), ${join(cells)})`;
  if (count < MIN_ROWS_TO_STAGE) {
    for await (const lines of database.textBlocks(sql`SELECT ${line} FROM (${rows})`))
      yield Buffer.from(`${lines.join("\n")}\n`);
    return;
  }
  try {
    // As CSV of one column that is never quoted: a line has none of the characters that CSV knows.
    await database.run(sql`COPY (SELECT ${line} FROM (${rows}))
      TO ${staged} (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')`);
    const file = await open(staged, "r");
    try {
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES);
        if (bytesRead === 0) break;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  } finally {
    await rm(staged, { force: true });
  }
}

interface CopyRequest {
  readonly cells: readonly Sql[];
  readonly rows: Sql;
  readonly count: number;
  readonly staged: string;
}
