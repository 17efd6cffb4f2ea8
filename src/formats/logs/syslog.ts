/**
 * Syslog messages, of RFC 5424 and RFC 3164 side by side, and of what devices and files really have. A
 * receiver refuses no line: one that is neither has its text as the message and NULL for the rest, and a time
 * that can't be read is NULL. In a file such a line is a dead letter.
 */

import type { Column } from "../../duckdb/database.ts";
import { join, raw, type Sql, sql } from "../../duckdb/sql.ts";
import type { Format, FormatOptions } from "../format.ts";
import { linesOf } from "../lines.ts";
import { required } from "./layout/token-values.ts";
import {
  HOSTLESS,
  PRIORITY,
  RFC_5424,
  RFC_5424_PARTS,
  STAMPED,
  STAMPED_PARTS,
  TAGGED,
  TAGGED_PARTS,
} from "./syslog-patterns.ts";
import { isoTime, stampedTime, type TimeShape } from "./syslog-time.ts";

const COLUMNS: readonly Column[] = [
  { name: "ts", type: "TIMESTAMP" },
  { name: "host", type: "VARCHAR" },
  { name: "app", type: "VARCHAR" },
  { name: "facility", type: "INTEGER" },
  { name: "severity", type: "INTEGER" },
  { name: "pid", type: "VARCHAR" },
  { name: "msgid", type: "VARCHAR" },
  { name: "message", type: "VARCHAR" },
  { name: "structured_data", type: "VARCHAR" },
];

const NO_MESSAGE = "The line is no syslog message: it begins with no time and no <priority>";
const NO_TIME = "The time can't be read";

export const syslogFormat: Format = {
  name: "syslog",
  summary: "syslog of RFC 5424 and RFC 3164, and files of rsyslog; facility and severity are their numbers",
  of: ({ isReceived = false }: FormatOptions) => ({
    ...syslogFormat,
    read: (path, shape) => readMessages(path, shape, isReceived),
    findUnfit: async (_database, path, shape, take) => {
      if (isReceived) return 0;
      const reason = sql`CASE WHEN NOT ${IS_MESSAGE} THEN ${NO_MESSAGE}
        WHEN NOT ${HAS_NO_TIME} AND ${timeOf(shape)} IS NULL THEN ${`${NO_TIME}: `} || ${TIME_TEXT} END`;
      return take(sql`SELECT index, ${reason} AS reason FROM (${messagesOf(path)}) WHERE reason IS NOT NULL`);
    },
  }),
  columns: () => COLUMNS,
  read: (path, shape) => readMessages(path, shape, false),
  isDatedByFile: true,
  mayJoinLines: false,
  blank: "empty",
  dropsByteOrderMark: false,
  otherEncoding: "latin1",
};

const IS_MESSAGE = raw("(priority IS NOT NULL OR newer.found <> '' OR stamped.found <> '')");
/** It has a priority alone, or says that its time is not known. */
const HAS_NO_TIME = raw("CASE WHEN newer.found <> '' THEN newer.time = '-' ELSE stamped.found = '' END");
const TIME_TEXT = raw(`CASE WHEN newer.found <> '' THEN newer.time
  ELSE rtrim(substr(rest, 1, length(rest) - length(stamped.rest))) END`);

/** NULL where there is none, and where it can't be read. */
function timeOf(shape: TimeShape): Sql {
  return sql`CASE WHEN newer.found <> '' THEN ${isoTime(raw("newer.time"), shape)}
    WHEN stamped.found <> '' THEN ${stampedTime(raw("stamped"), shape)} END`;
}

function readMessages(path: string, shape: TimeShape, isReceived: boolean): Sql {
  const where = isReceived ? raw("") : sql` WHERE ${required(IS_MESSAGE, NO_MESSAGE)}`;
  // What has no host before its tag gets one that is none.
  const rest = sql`CASE WHEN regexp_matches(stamped.rest, ${HOSTLESS}) THEN '- ' || stamped.rest
    ELSE stamped.rest END`;
  const tagged = partsOf(rest, TAGGED, TAGGED_PARTS);
  const time = timeOf(shape);
  const ts = isReceived
    ? time
    : sql`coalesce(${time}, CASE WHEN NOT ${HAS_NO_TIME} THEN CAST(error(${NO_TIME}) AS TIMESTAMP) END)`;
  return sql`SELECT ${ts} AS ts, ${join(partValues(), ",\n")} FROM (
    SELECT *, CASE WHEN stamped.found <> '' THEN ${tagged} END AS tagged
    FROM (${messagesOf(path)})${where})`;
}

/** SELECT index, priority, rest, newer and stamped, which hold the parts of the two forms. */
function messagesOf(path: string): Sql {
  const stamped = partsOf(raw("rest"), STAMPED, STAMPED_PARTS);
  return sql`SELECT *, CASE WHEN newer.found = '' THEN ${stamped} END AS stamped
    FROM (SELECT *, ${partsOf(raw("rest"), RFC_5424, RFC_5424_PARTS)} AS newer
      FROM (SELECT index, priority, CASE WHEN priority IS NULL THEN line
          ELSE substr(line, position('>' IN line) + 1) END AS rest
        FROM (SELECT index, line,
            CASE WHEN TRY_CAST(number AS INTEGER) <= 191 THEN CAST(number AS INTEGER) END AS priority
          FROM (SELECT index, line, nullif(regexp_extract(line, ${PRIORITY}, 1), '') AS number
            FROM (${linesOf(path)}) WHERE line <> ''))))`;
}

/** The pattern's parts by their names; `found` is all of it, empty where it does not match. */
function partsOf(text: Sql, pattern: string, names: readonly string[]): Sql {
  const whole = `^(${pattern.slice(1, -1)})$`;
  return sql`regexp_extract(${text}, ${whole}, [${["found", ...names].map((name) => sql`${name}`)}])`;
}

/** The columns behind `ts`. */
function partValues(): Sql[] {
  const isNew = raw("newer.found <> ''");
  const isStamped = raw("stamped.found <> ''");
  const isTagged = raw("tagged.found <> ''");
  /** Without a tag, the first word is the host. */
  const either = (name: string, untagged: Sql): Sql =>
    sql`CASE WHEN ${isNew} THEN nullif(newer.${raw(name)}, '-')
      WHEN ${isTagged} THEN nullif(nullif(tagged.${raw(name)}, ''), '-')
      WHEN ${isStamped} THEN ${untagged} END AS ${raw(name)}`;
  return [
    either("host", sql`split_part(stamped.rest, ' ', 1)`),
    either("app", sql`NULL`),
    sql`priority // 8 AS facility`,
    sql`priority % 8 AS severity`,
    either("pid", sql`NULL`),
    sql`CASE WHEN ${isNew} THEN nullif(newer.msgid, '-') END AS msgid`,
    sql`CASE WHEN ${isNew} THEN ltrim(newer.message, chr(65279)) WHEN ${isTagged} THEN tagged.message
      WHEN ${isStamped} THEN substr(stamped.rest, length(split_part(stamped.rest, ' ', 1)) + 2)
      ELSE rest END AS message`,
    sql`CASE WHEN ${isNew} THEN nullif(newer.structured, '-') END AS structured_data`,
  ];
}
