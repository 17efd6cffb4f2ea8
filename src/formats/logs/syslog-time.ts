/** The time before a syslog message. */

import { join, raw, type Sql, sql } from "../../duckdb/sql.ts";
import type { Shape } from "../format.ts";
import { inUtc } from "./layout/log-columns.ts";
import { MAX_AHEAD_MS, UNKNOWN_ZONE, YEARS_BACK, ZONE_HOURS } from "./syslog-patterns.ts";

export type TimeShape = Pick<Shape, "timezone" | "writtenAtMs">;

const ISO_TIME = String.raw`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?`;
const OFFSET = String.raw`(?:Z|[+-]\d\d:?\d\d)`;

/** NULL where the text is no time. Without an offset it is one of the source's zone. */
export function isoTime(text: Sql, { timezone }: TimeShape): Sql {
  const time = sql`replace(${text}, ',', '.')`;
  return sql`CASE WHEN regexp_full_match(${time}, ${ISO_TIME + OFFSET})
      THEN CAST(TRY_CAST(${time} AS TIMESTAMPTZ) AS TIMESTAMP)
    WHEN regexp_full_match(${time}, ${ISO_TIME})
      THEN ${inUtc(sql`TRY_CAST(${time} AS TIMESTAMP)`, timezone)} END`;
}

/**
 * From the struct of `STAMPED_PARTS` to a TIMESTAMP, NULL where there is no such day or zone. Without an
 * offset or a zone it is one of the source's zone. Without a year it is in the latest one in which it is not
 * more than a day ahead of `writtenAtMs`, when the line was written or received: that is the same whenever
 * the line is read again.
 */
export function stampedTime(stamped: Sql, shape: TimeShape): Sql {
  const { timezone, writtenAtMs } = shape;
  const part = (name: string): Sql => sql`${stamped}.${raw(name)}`;
  const zones = [...ZONE_HOURS].map(([name, hours]) => sql`WHEN ${name} THEN ${hours}`);
  const offset = sql`to_hours(CASE ${part("zone")} ${join(zones, " ")} END)`;
  const given = sql`nullif(concat(${part("year_first")}, ${part("year_middle")}, ${part("year_last")}), '')`;
  const clock = sql`regexp_replace(replace(${part("clock")}, ',', '.'), '(\\.\\d{6})\\d+', '\\1')`;
  const inYear = (year: Sql): Sql =>
    sql`try_strptime(concat_ws(' ', ${year}, ${part("month")}, ${part("day")}, ${clock}),
      ['%Y %b %d %H:%M:%S', '%Y %b %d %H:%M:%S.%f'])`;
  const written =
    writtenAtMs === undefined
      ? raw("CAST(now() AS TIMESTAMP)")
      : raw(`make_timestamp(${BigInt(Math.trunc(writtenAtMs)) * 1000n})`);
  const limit = sql`(${written} + to_milliseconds(${MAX_AHEAD_MS}))`;
  const candidates = Array.from({ length: YEARS_BACK + 2 }, (_, back) => {
    const time = inYear(sql`year(${written}) + ${1 - back}`);
    return sql`CASE WHEN ${time} <= ${limit} THEN ${time} END`;
  });
  const old = sql`coalesce(${inYear(given)}, CASE WHEN ${given} IS NULL THEN coalesce(${candidates}) END)`;
  return sql`CASE WHEN regexp_matches(${part("rest")}, ${UNKNOWN_ZONE}) THEN NULL
    WHEN ${part("iso")} <> '' THEN ${isoTime(part("iso"), shape)}
    WHEN ${part("zone")} = '' THEN ${inUtc(old, timezone)} ELSE ${old} - ${offset} END`;
}
