/** The dead letters of a batch by the kind of their reason, for the words on the way. */

import type { Database, Row } from "../../duckdb/database.ts";
import { id, sql } from "../../duckdb/sql.ts";
import { SHARED_REASON } from "../../formats/shared-reason.ts";
import type { LetterKind } from "../outcome.ts";
import { relation } from "../stream.ts";

/** Kinds of a batch that are told apart, the most frequent first. */
const MAX_KINDS = 20;
/** Of a line that may be very long. */
const MAX_LINE_CHARACTERS = 200;

/** What a reason quotes, but for a column's name at its start, and its numbers do not make a kind. */
const KIND = sql`regexp_extract(reason, '^"[^"]*"') || regexp_replace(
  regexp_replace(reason, '^"[^"]*"', ''), '"(?:[^"\\\\]|\\\\.)*"|''[^'']*''|[0-9][0-9T:.,Z+-]*', '…', 'g')`;

export async function letterKinds(database: Database): Promise<readonly LetterKind[]> {
  const own = sql`(SELECT * REPLACE (replace(reason, ${SHARED_REASON}, '') AS reason), rowid AS _place
    FROM ${id(relation.deadLetters)})`;
  const rows = await database.rows(sql`
    SELECT source, query, ${KIND} AS kind, count(*) AS count, first(reason ORDER BY _place) AS reason,
      first(origin ORDER BY _place) AS origin, first(byte_offset ORDER BY _place) AS byte_offset,
      left(first(line ORDER BY _place), ${MAX_LINE_CHARACTERS}) AS line
    FROM ${own} GROUP BY ALL ORDER BY count DESC, min(_place) LIMIT ${MAX_KINDS}`);
  return rows.map((row) => ({
    source: textOf(row["source"]),
    query: textOf(row["query"]),
    kind: String(row["kind"]),
    count: Number(row["count"]),
    reason: String(row["reason"]),
    origin: textOf(row["origin"]),
    byteOffset: row["byte_offset"] === null ? null : Number(row["byte_offset"]),
    line: textOf(row["line"]),
  }));
}

function textOf(value: Row[string] | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
