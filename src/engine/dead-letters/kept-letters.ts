/**
 * Dead letters that a checkpoint keeps: the newest ones, within bounds of rows, bytes and age. The table is
 * rewritten only when it is a quarter beyond them, so that a batch with letters costs little.
 */

import type { Database } from "../../duckdb/database.ts";
import { insertInto } from "../../duckdb/insert.ts";
import { id, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { definitionsOf } from "../../sql/input.ts";
import { CHECKPOINT, relation } from "../../sql/stream.ts";
import { DEAD_LETTER_COLUMNS } from "../outputs.ts";

export interface KeepBounds {
  readonly rows: number;
  /** Of lines and reasons, with `ROW_BYTES` for the rest of each letter. */
  readonly size: number;
  readonly age: number;
}

export interface KeptLetters {
  /** What the commit of a batch with so many letters must do. */
  statements(letters: number, plannedAtMs: number): Promise<readonly Sql[]>;
}

const ROW_BYTES = 64;
const SLACK = 1.25;
const KEPT = id(CHECKPOINT, "dead_letters");
/** Of the batch that a letter is of. */
const PLANNED_AT = "planned_at";
const COLUMNS = [...DEAD_LETTER_COLUMNS, { name: PLANNED_AT, type: "TIMESTAMP" }];

/** Makes the table; one of a former version gets the columns that it lacks. */
export async function openKeptLetters(database: Database, bounds: KeepBounds): Promise<KeptLetters> {
  await database.run(sql`CREATE TABLE IF NOT EXISTS ${KEPT} (${definitionsOf(COLUMNS)});
    ALTER TABLE ${KEPT} ADD COLUMN IF NOT EXISTS query VARCHAR;
    ALTER TABLE ${KEPT} ADD COLUMN IF NOT EXISTS ${id(PLANNED_AT)} TIMESTAMP`);
  let kept: Size | undefined;

  return {
    async statements(letters, plannedAtMs) {
      kept ??= await sizeOf(database, sql`FROM ${KEPT}`);
      const cutoffMs = (kept.oldestMs ?? plannedAtMs) + SLACK * bounds.age;
      if (letters === 0 && plannedAtMs < cutoffMs) return [];
      const newest = newestOf(letters, bounds.rows, plannedAtMs);
      const added = await sizeOf(database, newest);
      const rows = kept.rows + added.rows;
      const bytes = kept.bytes + added.bytes;
      const isWithin = rows <= SLACK * bounds.rows && bytes <= SLACK * bounds.size && plannedAtMs < cutoffMs;
      // A commit that fails ends the run, so what it adds may be counted before.
      kept = isWithin ? { rows, bytes, oldestMs: kept.oldestMs ?? plannedAtMs } : undefined;
      return isWithin ? [insertInto(KEPT, newest)] : [rewritten(newest, bounds, plannedAtMs)];
    },
  };
}

interface Size {
  readonly rows: number;
  readonly bytes: number;
  readonly oldestMs: number | undefined;
}

const BYTES = sql`coalesce(strlen(line), 0) + coalesce(strlen(reason), 0) + ${ROW_BYTES}`;

async function sizeOf(database: Database, letters: Sql): Promise<Size> {
  const row = await database.row(sql`SELECT count(*) AS rows, coalesce(sum(${BYTES}), 0)::BIGINT AS bytes,
    epoch_ms(min(${id(PLANNED_AT)})) AS oldest FROM (${letters})`);
  return {
    rows: Number(row["rows"]),
    bytes: Number(row["bytes"]),
    oldestMs: row["oldest"] === null ? undefined : Number(row["oldest"]),
  };
}

/** Of the batch's letters, which are so many. */
function newestOf(letters: number, maxRows: number, plannedAtMs: number): Sql {
  const skipped = Math.max(0, letters - maxRows);
  const rest = skipped === 0 ? raw("") : sql` OFFSET ${skipped}`;
  return sql`SELECT *, epoch_ms(${plannedAtMs}::BIGINT) AS ${id(PLANNED_AT)}
    FROM (FROM ${id(relation.deadLetters)}${rest})`;
}

function rewritten(added: Sql, bounds: KeepBounds, plannedAtMs: number): Sql {
  const names = COLUMNS.map(({ name }) => id(name));
  const cutoff = sql`epoch_ms(${Math.ceil(plannedAtMs - bounds.age)}::BIGINT)`;
  const isYoung = sql`coalesce(${id(PLANNED_AT)} >= ${cutoff}, true)`;
  return sql`CREATE OR REPLACE TABLE ${KEPT} AS SELECT ${names} FROM (
      SELECT *, sum(${BYTES}) OVER (ORDER BY _place DESC) AS _bytes,
        count(*) OVER (ORDER BY _place DESC) AS _rows
      FROM (SELECT *, row_number() OVER () AS _place FROM (SELECT ${names} FROM ${KEPT} WHERE ${isYoung}
        UNION ALL SELECT ${names} FROM (${added}))))
    WHERE _rows <= ${bounds.rows} AND _bytes <= ${bounds.size} ORDER BY _place`;
}
