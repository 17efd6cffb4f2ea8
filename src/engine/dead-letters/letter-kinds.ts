/** The dead letters of a batch by the kind of their reason, for the words on the way. */

import type { Database, Row } from "../../duckdb/database.ts";
import { id, sql } from "../../duckdb/sql.ts";
import { SHARED_REASON } from "../../formats/shared-reason.ts";
import { relation } from "../../sql/stream.ts";
import type { LetterKind } from "../batch-progress.ts";

/** Kinds of a batch that are told apart, the most frequent first. */
const MAX_KINDS = 20;
/** Of a line that may be very long. */
const MAX_LINE_CHARACTERS = 200;

/** What a reason quotes, but for a column's name at its start, and its numbers do not make a kind. */
const KIND = sql`regexp_extract(reason, '^"[^"]*"') || regexp_replace(
  regexp_replace(reason, '^"[^"]*"', ''), '"(?:[^"\\\\]|\\\\.)*"|''[^'']*''|[0-9][0-9T:.,Z+-]*', '…', 'g')`;

/** Letters of a batch whose reasons are looked at; of the others only the number is told. */
const MAX_TOLD_APART = 100_000;

export async function letterKinds(database: Database): Promise<readonly LetterKind[]> {
  const own = sql`(SELECT * REPLACE (replace(reason, ${SHARED_REASON}, '') AS reason),
      row_number() OVER () AS _place
    FROM (FROM ${id(relation.deadLetters)} LIMIT ${MAX_TOLD_APART}))`;
  const rows = await database.rows(sql`
    SELECT source, query, kind, count, shown.reason AS reason, shown.origin AS origin,
      shown.byte_offset AS byte_offset, shown.line AS line
    FROM (SELECT source, query, ${KIND} AS kind, count(*) AS count, min(_place) AS place,
        arg_min(struct_pack(reason := reason, origin := origin, byte_offset := byte_offset,
          line := left(line, ${MAX_LINE_CHARACTERS})), _place) AS shown
      FROM ${own} GROUP BY ALL)
    ORDER BY count DESC, place LIMIT ${MAX_KINDS}`);
  const others = await database.rows(sql`SELECT source, query, ${OTHERS} AS kind, count(*) AS count,
      ${OTHERS} AS reason, first(origin) AS origin, NULL AS byte_offset, NULL AS line
    FROM (FROM ${id(relation.deadLetters)} OFFSET ${MAX_TOLD_APART}) GROUP BY ALL ORDER BY count DESC`);
  return [...rows, ...others].map((row) => ({
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

const OTHERS = "more of a batch than 100,000, whose reasons are not told apart";

function textOf(value: Row[string] | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
