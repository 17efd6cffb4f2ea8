/**
 * Syslog messages, of RFC 5424 and RFC 3164 side by side, and of what devices really send. No line is
 * refused: one that is neither has its text as the message and NULL for the rest.
 */

import type { Column } from "../duckdb/database.ts";
import { join, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { Format } from "./format.ts";
import { linesOf } from "./lines.ts";

const COLUMNS: readonly Column[] = [
  { name: "ts", type: "TIMESTAMP" },
  { name: "host", type: "VARCHAR" },
  { name: "app", type: "VARCHAR" },
  { name: "facility", type: "INTEGER" },
  { name: "severity", type: "INTEGER" },
  { name: "pid", type: "VARCHAR" },
  { name: "msgid", type: "VARCHAR" },
  { name: "message", type: "VARCHAR" },
];

/** 191 is the highest: local7, debug. */
const PRIORITY = "^<(1?[0-9]?[0-9])>";
const STRUCTURED = String.raw`-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+`;
const RFC_5424 = String.raw`^1 (\S+) (\S+) (\S+) (\S+) (\S+) (?:${STRUCTURED})(?: \x{FEFF}?((?s:.*)))?$`;
const NEW_PARTS = ["time", "host", "app", "pid", "msgid", "message"] as const;
const TIME = String.raw`[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d`;
const RFC_3164 = String.raw`^(${TIME}) (\S+) (?:([^\s:\[\]]+)(?:\[([^\]]*)\])?: ?)?((?s:.*))$`;
const OLD_PARTS = ["time", "host", "app", "pid", "message"] as const;

export const syslogFormat: Format = {
  name: "syslog",
  summary: "syslog messages of RFC 5424 and RFC 3164; facility and severity are their numbers",
  columns: () => COLUMNS,
  read: (path) => sql`
    SELECT ${join(valuesOf(), ",\n")} FROM (
      SELECT *, ${partsOf(RFC_5424, NEW_PARTS)} AS newer, ${partsOf(RFC_3164, OLD_PARTS)} AS older,
        regexp_matches(rest, ${RFC_5424}) AS is_new, regexp_matches(rest, ${RFC_3164}) AS is_old
      FROM (
        SELECT priority, CASE WHEN priority IS NULL THEN line
          ELSE substr(line, position('>' IN line) + 1) END AS rest
        FROM (
          SELECT line,
            CASE WHEN TRY_CAST(number AS INTEGER) <= 191 THEN CAST(number AS INTEGER) END AS priority
          FROM (SELECT line, nullif(regexp_extract(line, ${PRIORITY}, 1), '') AS number
            FROM (${linesOf(path)}) WHERE line <> ''))))`,
  mayJoinLines: false,
  blank: "empty",
  dropsByteOrderMark: false,
  otherEncoding: "latin1",
};

function partsOf(pattern: string, names: readonly string[]): Sql {
  return sql`regexp_extract(rest, ${pattern}, [${names.map((name) => sql`${name}`)}])`;
}

function valuesOf(): Sql[] {
  const either = (name: string): Sql =>
    sql`CASE WHEN is_new THEN nullif(newer.${raw(name)}, '-')
      WHEN is_old THEN nullif(older.${raw(name)}, '') END AS ${raw(name)}`;
  return [
    sql`CASE WHEN is_new THEN CAST(TRY_CAST(newer.time AS TIMESTAMPTZ) AS TIMESTAMP)
      WHEN is_old THEN ${oldTime()} END AS ts`,
    either("host"),
    either("app"),
    sql`priority // 8 AS facility`,
    sql`priority % 8 AS severity`,
    either("pid"),
    sql`CASE WHEN is_new THEN nullif(newer.msgid, '-') END AS msgid`,
    sql`CASE WHEN is_new THEN newer.message WHEN is_old THEN older.message ELSE rest END AS message`,
  ];
}

/**
 * RFC 3164 leaves the year out: the one that brings the time nearest to now, half a year before or after.
 * Such times are taken as UTC.
 */
function oldTime(): Sql {
  const inYear = (years: number): Sql =>
    sql`try_strptime((year(now()) + ${years}) || ' ' || older.time, '%Y %b %d %H:%M:%S')`;
  const nowUtc = sql`CAST(now() AS TIMESTAMP)`;
  const isNear = (time: Sql): Sql => sql`abs(epoch(${time}) - epoch(${nowUtc})) <= 183 * 86400`;
  const [last, current, next] = [inYear(-1), inYear(0), inYear(1)];
  return sql`CASE WHEN ${isNear(current)} THEN ${current} WHEN ${isNear(last)} THEN ${last}
    WHEN ${isNear(next)} THEN ${next} END`;
}
