/** The batch's dead letters: of lines that could not be read, of rows that a query failed on. */

import { insertInto } from "../../duckdb/insert.ts";
import { id, join, type Sql, sql } from "../../duckdb/sql.ts";
import type { DeadLetters } from "../../formats/dead-letters.ts";
import { emptyTable } from "../../sql/input.ts";
import { relation } from "../../sql/stream.ts";
import { DEAD_LETTER_COLUMNS } from "../outputs.ts";

/** What could not be read of a source. */
export interface UnreadOfSource {
  readonly source: string;
  readonly letters: DeadLetters;
}

/**
 * Makes the batch's relation, with what could not be read of each source: a view of the files where they are
 * many, and of a table that holds the others and takes more.
 */
export function deadLetterRelation(unread: readonly UnreadOfSource[] = [], batchId = 0): Sql {
  const added = id(relation.newLetters);
  const few: Sql[] = [];
  const many: Sql[] = [];
  for (const { source, letters } of unread) {
    if (letters.count === 0) continue;
    const rows = sql`SELECT ${source} AS source, origin, byte_offset, line, reason,
      ${batchId}::BIGINT AS batch,
      NULL::VARCHAR AS query FROM (${letters.rows})`;
    if (letters.files.length === 0) few.push(insertInto(added, rows));
    else many.push(rows);
  }
  const all = join([...many, sql`SELECT * FROM ${added}`], " UNION ALL ");
  return join(
    [
      emptyTable(relation.newLetters, DEAD_LETTER_COLUMNS),
      ...few,
      sql`CREATE OR REPLACE TEMP VIEW ${id(relation.deadLetters)} AS ${all}`,
    ],
    "; ",
  );
}
