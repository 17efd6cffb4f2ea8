/** Column names and types from the first segment, where the job names none. */

import { StreamkitError } from "../base/error.ts";
import { type Column, type Database, DuckdbError } from "../duckdb/database.ts";
import { type Sql, sql } from "../duckdb/sql.ts";
import { MAX_LINE_BYTES } from "./json.ts";
import type { Segment } from "./read-segment.ts";

/** Looks at the whole segment; broken lines don't count. Throws code `input` where nothing can be found. */
export async function inferColumns(
  database: Database,
  segment: Segment,
  { format, delimiter }: { readonly format: string; readonly delimiter: string },
): Promise<readonly Column[]> {
  const read = format === "csv" ? readCsv(segment, delimiter) : readJson(segment.path);
  let columns: readonly Column[];
  try {
    columns = await database.describe(sql`SELECT * FROM (${read})`);
  } catch (error) {
    if (!(error instanceof DuckdbError)) throw error;
    throw new StreamkitError(
      "input",
      `No schema was found in the first lines; give one with schema: or --schema`,
      {
        cause: error,
      },
    );
  }
  const isUnknown = columns.length === 0 || (columns.length === 1 && columns[0]?.name === "json");
  if (isUnknown)
    throw new StreamkitError(
      "input",
      "The first lines are no JSON objects; name the format with format: or --format",
    );
  return columns.map(({ name, type }) => ({ name, type: withoutZone(type) }));
}

function readJson(path: string): Sql {
  return sql`SELECT * FROM read_json(${path}, format = 'newline_delimited', ignore_errors = true, sample_size = -1,
    maximum_object_size = ${MAX_LINE_BYTES})`;
}

function readCsv(segment: Segment, delimiter: string): Sql {
  if (segment.header === undefined) throw new StreamkitError("bug", "A CSV segment without its header");
  const names = segment.header.map((name) => sql`${name}`);
  return sql`SELECT * FROM read_csv(${segment.path}, header = false, names = [${names}], delim = ${delimiter}, quote = '"',
    escape = '"', ignore_errors = true, sample_size = -1)`;
}

/** Event times are UTC: an instant is a TIMESTAMP. */
function withoutZone(type: string): string {
  return type.replaceAll("TIMESTAMP WITH TIME ZONE", "TIMESTAMP");
}
