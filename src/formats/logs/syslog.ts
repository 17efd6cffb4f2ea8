/**
 * Syslog messages, of RFC 5424 and RFC 3164 side by side, and of what devices and files really have. A
 * receiver refuses no line: one that is neither has its text as the message and NULL for the rest. In a file
 * such a line is no message.
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

export const syslogFormat: Format = {
  name: "syslog",
  summary: "syslog of RFC 5424 and RFC 3164, and files of rsyslog; facility and severity are their numbers",
  of: ({ isReceived = false }: FormatOptions) => ({
    ...syslogFormat,
    read: (path, shape) => readMessages(path, shape, isReceived),
    findUnfit: async (_database, path, _shape, take) => {
      if (isReceived) return 0;
      return take(
        sql`SELECT index, ${NO_MESSAGE} AS reason FROM (${messagesOf(path)}) WHERE NOT ${IS_MESSAGE}`,
      );
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

function readMessages(path: string, shape: TimeShape, isReceived: boolean): Sql {
  const where = isReceived ? raw("") : sql` WHERE ${required(IS_MESSAGE, NO_MESSAGE)}`;
  // What has no host before its tag gets one that is none.
  const rest = sql`CASE WHEN regexp_matches(stamped.rest, ${HOSTLESS}) THEN '- ' || stamped.rest
    ELSE stamped.rest END`;
  const tagged = partsOf(rest, TAGGED, TAGGED_PARTS);
  return sql`SELECT ${join(valuesOf(shape), ",\n")} FROM (
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

function valuesOf(shape: TimeShape): Sql[] {
  const isNew = raw("newer.found <> ''");
  const isStamped = raw("stamped.found <> ''");
  const isTagged = raw("tagged.found <> ''");
  /** Without a tag, the first word is the host. */
  const either = (name: string, untagged: Sql): Sql =>
    sql`CASE WHEN ${isNew} THEN nullif(newer.${raw(name)}, '-')
      WHEN ${isTagged} THEN nullif(nullif(tagged.${raw(name)}, ''), '-')
      WHEN ${isStamped} THEN ${untagged} END AS ${raw(name)}`;
  return [
    sql`CASE WHEN ${isNew} THEN ${isoTime(raw("newer.time"), shape)}
      WHEN ${isStamped} THEN ${stampedTime(raw("stamped"), shape)} END AS ts`,
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
