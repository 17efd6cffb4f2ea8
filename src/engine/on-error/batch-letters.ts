/** The batch's dead letters: of lines that could not be read, of rows that a query failed on. */

import { id, type Sql, sql } from "../../duckdb/sql.ts";
import type { DeadLetter } from "../../formats/read-segment.ts";
import { definitionsOf, emptyTable } from "../input.ts";
import { DEAD_LETTER_COLUMNS } from "../outputs.ts";
import { CHECKPOINT, relation } from "../stream.ts";

/** Makes the batch's table, with what could not be read of each source. */
export function deadLetterTable(unread: ReadonlyMap<string, readonly DeadLetter[]>, batchId: number): Sql {
  const rows = [...unread].flatMap(([source, letters]) =>
    letters.map(
      ({ origin, offset, line, reason }) =>
        sql`(${source}, ${origin}, ${offset}, ${line}, ${reason}, ${batchId}, NULL)`,
    ),
  );
  const empty = emptyTable(relation.deadLetters, DEAD_LETTER_COLUMNS);
  return rows.length === 0 ? empty : sql`${empty}; INSERT INTO ${id(relation.deadLetters)} VALUES ${rows}`;
}

/** The table of all batches; one that was made before queries had dead letters gets their column. */
export function keptLetterTable(): Sql {
  const table = id(CHECKPOINT, "dead_letters");
  return sql`CREATE TABLE IF NOT EXISTS ${table} (${definitionsOf(DEAD_LETTER_COLUMNS)});
    ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS query VARCHAR`;
}

export function keepLetters(): Sql {
  return sql`INSERT INTO ${id(CHECKPOINT, "dead_letters")} BY NAME FROM ${id(relation.deadLetters)}`;
}
