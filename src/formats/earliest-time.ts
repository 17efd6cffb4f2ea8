/**
 * The earliest event time in a segment, found at a fraction of what reading it costs: only the columns that
 * the time is made of are looked at. It is never later than that of any row that `readSegment` makes of the
 * segment: where lines don't fit, that is asked itself.
 */

import { readFile, rm } from "node:fs/promises";
import type { Database, Row } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { attributeJoin } from "./attributes.ts";
import { rowUnlessUnfit } from "./input-errors.ts";
import { plainPath, readSegment } from "./read-segment.ts";
import { type Reading, shapeIn, timed } from "./reading.ts";
import type { Segment } from "./segment.ts";
import { isRowForLine } from "./segment-lines.ts";

/** Microseconds; null where no row has a time, `-infinity` where one is before all others. */
export type EarliestTime = bigint | null | "-infinity";

/** `table` is free for the call's own use. */
export async function earliestTime(
  database: Database,
  segment: Segment,
  reading: Reading,
  timeColumn: string,
  table: string,
): Promise<EarliestTime> {
  const fast = await unlessUnfit(database, segment, reading, timeColumn);
  if (fast !== undefined) return earliestOf(fast);
  const { figures } = await readSegment(database, segment, reading, table, earliestIn(id(table), timeColumn));
  await database.run(sql`DROP TABLE ${id(table)}`);
  return earliestOf(figures);
}

/** Undefined where a line does not fit, as far as it is looked at. */
async function unlessUnfit(
  database: Database,
  segment: Segment,
  reading: Reading,
  timeColumn: string,
): Promise<Row | undefined> {
  const { format, select } = reading;
  const shape = await shapeIn(segment, reading);
  const { plain, bytes } = await plainPath(segment.path, format, shape);
  if (plain === undefined) return undefined;
  // A time that is computed may be computed from any column.
  if (select.text.trim() !== "*" && format.exact?.isNeeded?.(shape) === true) return undefined;
  try {
    const records = sql`FROM (${raw(format.read(plain, shape).text)})${attributeJoin(segment.attributes)}`;
    const rows = timed(sql`SELECT ${select} ${records}`, reading);
    const found = await rowUnlessUnfit(database, earliestIn(sql`(${rows})`, timeColumn));
    if (found === undefined || !format.mayJoinLines) return found;
    const isWhole = isRowForLine(
      Number(found["rows"]),
      bytes ?? (await readFile(segment.path)),
      format,
      format.columns(shape).length,
    );
    return isWhole ? found : undefined;
  } finally {
    if (plain !== segment.path) await rm(plain, { force: true });
  }
}

function earliestIn(rows: Sql, timeColumn: string): Sql {
  return sql`SELECT rows, CASE WHEN isfinite(least_time) THEN epoch_us(least_time) END AS us,
      coalesce(least_time = '-infinity'::TIMESTAMP, false) AS is_endless
    FROM (SELECT count(*) AS rows, min(${id(timeColumn)}::TIMESTAMP) AS least_time FROM ${rows})`;
}

function earliestOf(row: Row): EarliestTime {
  if (row["is_endless"] === true) return "-infinity";
  return typeof row["us"] === "bigint" ? row["us"] : null;
}
