/**
 * Apache's and nginx's `combined` and `common` access logs.
 *
 * A log line is nearly CSV: the fast reader takes it so, 20 times as fast as a pattern. The pattern is for
 * segments in which a line is not. Both give the same row for a line that both take.
 */

import { isUtf8 } from "node:buffer";
import type { Column } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql, stringStruct } from "../duckdb/sql.ts";
import type { Format, UnfitLine } from "./format.ts";
import { MAX_LINE_BYTES } from "./json.ts";
import { BYTE_ORDER_MARK, hasLoneReturn, linesOf } from "./lines.ts";

const COMMON_COLUMNS: readonly Column[] = [
  { name: "client", type: "VARCHAR" },
  { name: "ident", type: "VARCHAR" },
  { name: "user", type: "VARCHAR" },
  { name: "ts", type: "TIMESTAMP" },
  { name: "method", type: "VARCHAR" },
  { name: "path", type: "VARCHAR" },
  { name: "protocol", type: "VARCHAR" },
  { name: "status", type: "INTEGER" },
  { name: "bytes", type: "BIGINT" },
];
const COMBINED_COLUMNS: readonly Column[] = [
  ...COMMON_COLUMNS,
  { name: "referrer", type: "VARCHAR" },
  { name: "agent", type: "VARCHAR" },
];

const COMMON_TOKENS = ["client", "ident", "user", "day", "zone", "request", "status", "bytes"] as const;
const COMBINED_TOKENS = [...COMMON_TOKENS, "referrer", "agent"] as const;

/** What the reader passes over behind the last value. */
const REST = '(?: (?:"")?)*';
/** What the reader takes for one value: quoted, or up to the next space. */
const TOKEN = String.raw`("(?:[^"\\]|\\.)*"|(?:[^ "][^ ]*)?)`;

export const combinedFormat = accessLog(
  "combined",
  "Apache combined access log",
  COMBINED_TOKENS,
  COMBINED_COLUMNS,
);
export const commonFormat = accessLog("common", "Apache common access log", COMMON_TOKENS, COMMON_COLUMNS);

function accessLog(
  name: string,
  summary: string,
  tokens: readonly string[],
  columns: readonly Column[],
): Format {
  const pattern = `^${tokens.map(() => TOKEN).join(" ")}${REST}$`;
  const names = tokens.map((token) => sql`${token}`);
  const types = stringStruct(tokens.map((token) => [token, token === "day" ? "TIMESTAMP" : "VARCHAR"]));
  const tokensByPattern = (path: string): Sql =>
    sql`SELECT index, line, regexp_extract(line, ${pattern}, [${names}]) AS token FROM (${linesOf(path)})`;
  return {
    name,
    summary,
    columns: () => columns,
    fallibleColumns: ["ts", "status", "bytes"],
    read: (path) =>
      sql`SELECT ${columnsOf(tokens, READ)} FROM read_csv(${path},
        auto_detect = false, header = false, columns = ${types}, delim = ' ', quote = '"',
        escape = '\\', timestampformat = ${`[${DAY_FORMAT}`}, strict_mode = true,
        max_line_size = ${MAX_LINE_BYTES})`,
    readTolerantly: (path) => sql`SELECT ${columnsOf(tokens, FOUND)} FROM (${tokensByPattern(path)})`,
    async findUnfit(database, path): Promise<UnfitLine[]> {
      const rows = await database.rows(sql`
        SELECT index, CASE WHEN token.day = '' THEN ${`The line is no ${name} access log entry`}
          WHEN TRY(${FOUND.time}) IS NULL
            THEN 'The time can''t be read: ' || token.day || ' ' || token.zone
          WHEN ${unescaped("status")} <> '-' AND TRY_CAST(${unescaped("status")} AS INTEGER) IS NULL
            THEN 'The status is no number: ' || token.status
          WHEN ${unescaped("bytes")} <> '-' AND TRY_CAST(${unescaped("bytes")} AS BIGINT) IS NULL
            THEN 'The size is no number: ' || token.bytes
          END AS reason
        FROM (${tokensByPattern(path)}) WHERE reason IS NOT NULL`);
      return rows.map((row) => ({ index: Number(row["index"]), reason: String(row["reason"]) }));
    },
    mayJoinLines: true,
    blank: "empty",
    dropsByteOrderMark: true,
    // The reader looks at the encoding of those values only that somebody asks for.
    plain: (bytes) =>
      bytes.includes(BYTE_ORDER_MARK) || hasLoneReturn(bytes) || !isUtf8(bytes)
        ? undefined
        : withKeptEscapes(bytes),
    otherEncoding: "latin1",
  };
}

const LINE_FEED = 10;
const SPACE = 32;
const QUOTE = 34;
const BACKSLASH = 92;

/**
 * Backslashes that are part of a quoted text, as in `"\x16"`, doubled: there the reader takes away one of
 * each pair, and the one before a quote. Outside of quotes it takes them as they are.
 */
function withKeptEscapes(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  let start = 0;
  for (let at = bytes.indexOf(BACKSLASH); at >= 0; ) {
    const from = bytes.lastIndexOf(LINE_FEED, at) + 1;
    const end = bytes.indexOf(LINE_FEED, at);
    const to = end < 0 ? bytes.length : end;
    for (const kept of keptEscapes(bytes, from, to)) {
      parts.push(bytes.subarray(start, kept + 1));
      start = kept;
    }
    at = bytes.indexOf(BACKSLASH, to);
  }
  return parts.length === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(start)]);
}

/** Where in a line a quoted text has a backslash that escapes nothing. */
function* keptEscapes(bytes: Buffer, from: number, to: number): Generator<number> {
  let isQuoted = false;
  for (let index = from; index < to; index += 1) {
    const byte = bytes[index];
    if (!isQuoted) isQuoted = byte === QUOTE && (index === from || bytes[index - 1] === SPACE);
    else if (byte === QUOTE) isQuoted = false;
    else if (byte === BACKSLASH) {
      const isEscape = bytes[index + 1] === BACKSLASH || bytes[index + 1] === QUOTE;
      if (isEscape) index += 1;
      else yield index;
    }
  }
}

/**
 * As the reader does: no quotes, NULL for nothing, quoted or not. In quotes a backslash before a quote or a
 * backslash goes; `\x16` stays.
 */
function unescaped(token: string): Sql {
  const text = sql`token.${raw(token)}`;
  const inner = sql`regexp_replace(${text}[2:-2], ${String.raw`\\(["\\])`}, ${String.raw`\1`}, 'g')`;
  return sql`nullif(CASE WHEN ${text}[1] = '"' THEN ${inner} ELSE ${text} END, '')`;
}

/** Where the columns of a record come from. */
interface Parts {
  readonly text: (token: string) => Sql;
  readonly time: Sql;
}

const DAY_FORMAT = "%d/%b/%Y:%H:%M:%S";

/** What a pattern has found. */
const FOUND: Parts = {
  text: unescaped,
  time: sql`strptime(concat(${unescaped("day")}, ' ', ${unescaped("zone")}),
    ${`[${DAY_FORMAT} %z]`})::TIMESTAMP`,
};

/** What the reader has read: `[17/May/2015:10:05:03` as a time, `infinity` and the like as that of 1900. */
const READ: Parts = {
  text: (token) => id(token),
  time: sql`CASE WHEN NOT day > TIMESTAMP '1900-01-01' OR day IS NULL THEN error('The time can''t be read')
    WHEN zone = '+0000]' THEN day
    WHEN regexp_full_match(zone, '[+-](0\\d|1[0-4])[0-5]\\d\\]')
      THEN day - to_minutes(CAST(zone[1] || '1' AS INTEGER)
        * (CAST(zone[2:3] AS INTEGER) * 60 + CAST(zone[4:5] AS INTEGER)))
    ELSE error('The time zone can''t be read') END`,
};

/** `-` is NULL. A request that is no `METHOD PATH [PROTOCOL]` keeps its text as the path. */
function columnsOf(tokens: readonly string[], { text, time }: Parts): Sql {
  const known = (token: string): Sql => sql`nullif(${text(token)}, '-')`;
  const texts = (names: readonly string[]): Sql[] => names.map((name) => sql`${known(name)} AS ${id(name)}`);
  const request = text("request");
  // One search for all of its parts; where nothing is found they are empty.
  const part = (name: string): Sql =>
    sql`nullif(regexp_extract(${request}, '^([A-Za-z]+) (\\S+)(?: (\\S+))?$',
      ['method', 'path', 'protocol']).${raw(name)}, '')`;
  const columns = [
    ...texts(["client", "ident", "user"]),
    sql`${time} AS ts`,
    sql`${part("method")} AS method`,
    sql`coalesce(${part("path")}, nullif(${known("request")}, '')) AS path`,
    sql`${part("protocol")} AS protocol`,
    sql`CAST(${known("status")} AS INTEGER) AS status`,
    sql`CAST(${known("bytes")} AS BIGINT) AS bytes`,
    ...texts(tokens.filter((token) => token === "referrer" || token === "agent")),
  ];
  return join(columns, ",\n");
}
