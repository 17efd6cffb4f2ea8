/** From the variables of a layout to columns: their names, their types, and SQL of their values. */

import type { Column } from "../../../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../../../duckdb/sql.ts";
import { unescaped } from "./escapes.ts";
import { type Layout, type Variable, variablesOf } from "./layout.ts";
import { DAY_FORMAT } from "./tokens.ts";

/** Where a line's texts come from. */
export interface TextValues {
  /** SQL of a variable's text as it stands in the line, without quotes; NULL where it is empty. */
  text(variable: Variable): Sql;
}

export interface LineValues extends TextValues {
  /** SQL of a time that the reader has read already; it fails where there is none. */
  readTime?(variable: Variable): Sql | undefined;
  /** Of times without an offset, by its IANA name; UTC if undefined. */
  readonly zone: string | undefined;
}

export interface LogColumn extends Column {
  value(line: LineValues): Sql;
  /** SQL of the reason why there is no value, NULL where there is one; left out where there is always one. */
  problem?(line: LineValues): Sql;
}

const REQUEST_PARTS = ["method", "path", "protocol"] as const;

/** In the order of the variables. `-` is NULL. */
export function logColumns(layout: Layout): readonly LogColumn[] {
  const variables = variablesOf(layout);
  const times = eventTimes(variables);
  const request = variables.find(({ type }) => type === "request");
  const taken = new Set([
    ...(request === undefined ? [] : REQUEST_PARTS),
    ...(times.length === 0 ? [] : ["ts"]),
  ] as string[]);
  return variables.flatMap((variable): LogColumn[] => {
    if (variable === request) return requestColumns(variable, layout);
    if (variable === times[0]) return [timeColumn("ts", times)];
    if (times.includes(variable)) return [];
    const name = variable.names.find((each) => !taken.has(each));
    // The same once more: it is no other value.
    if (name === undefined) return [];
    taken.add(name);
    return [columnOf(name, variable, layout)];
  });
}

/** The variables that make up the event time: one alone, or Apache's `%{…}t` one after the other. */
function eventTimes(variables: readonly Variable[]): readonly Variable[] {
  const times = variables.filter(({ type, names }) => typeof type === "object" && names[0] === "ts");
  const whole = ["clf", "iso"].map((form) => times.find(({ type }) => timeForm(type) === form));
  const best = whole.find((time) => time !== undefined) ?? times.find(({ names }) => names.length > 1);
  return best === undefined ? times : [best];
}

function timeForm(type: Variable["type"]): string | undefined {
  return typeof type === "object" && typeof type.time === "string" ? type.time : undefined;
}

function columnOf(name: string, variable: Variable, layout: Layout): LogColumn {
  const { type } = variable;
  if (typeof type === "object") return timeColumn(name, [variable]);
  if (type === "INTEGER" || type === "BIGINT" || type === "DOUBLE") return numberColumn(name, type, variable);
  return {
    name,
    type: "VARCHAR",
    value: (line) => sql`nullif(${unescaped(line.text(variable), layout.escapes)}, '-')`,
  };
}

const WHOLE_NUMBER = String.raw`[+-]?\d+`;
const NUMBER = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)`;

function numberColumn(name: string, type: "INTEGER" | "BIGINT" | "DOUBLE", variable: Variable): LogColumn {
  const pattern = type === "DOUBLE" ? NUMBER : WHOLE_NUMBER;
  const found = `"${name}" is not ${type === "INTEGER" ? "an" : "a"} ${type}: "`;
  const problem = (text: Sql): Sql => sql`${found} || ${text} || '"'`;
  return {
    name,
    type,
    // A cast alone would take 1.5, and round it.
    value(line) {
      const text = line.text(variable);
      return sql`CASE WHEN ${text} = '-' THEN NULL
        WHEN NOT regexp_full_match(${text}, ${pattern}) THEN CAST(error(${problem(text)}) AS ${raw(type)})
        ELSE CAST(${text} AS ${raw(type)}) END`;
    },
    problem(line) {
      const text = line.text(variable);
      return sql`CASE WHEN ${text} <> '-' AND NOT (regexp_full_match(${text}, ${pattern})
        AND TRY_CAST(${text} AS ${raw(type)}) IS NOT NULL) THEN ${problem(text)} END`;
    },
  };
}

/** A method is a token of RFC 9110. */
const METHOD = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** A request that is no `METHOD PATH [PROTOCOL]` keeps its text as the path. */
const REQUEST = String.raw`^(${METHOD}) (\S+)(?: (\S+))?$`;

function requestColumns(variable: Variable, layout: Layout): LogColumn[] {
  return REQUEST_PARTS.map((name) => ({
    name,
    type: "VARCHAR",
    value(line) {
      const text = unescaped(line.text(variable), layout.escapes);
      // One search for all of its parts; where nothing is found they are empty.
      const parts = sql`regexp_extract(${text}, ${REQUEST}, ['method', 'path', 'protocol'])`;
      const part = sql`nullif(${parts}.${raw(name)}, '')`;
      return name === "path" ? sql`coalesce(${part}, nullif(nullif(${text}, '-'), ''))` : part;
    },
  }));
}

function timeColumn(name: string, times: readonly Variable[]): LogColumn {
  // An event is at some time; another time may be unknown.
  const isUnknown = (line: LineValues): Sql =>
    name === "ts" ? raw("false") : sql`coalesce(${line.text(times[0] as Variable)}, '-') = '-'`;
  return {
    name,
    type: "TIMESTAMP",
    value(line) {
      const read = times[0] === undefined ? undefined : line.readTime?.(times[0]);
      if (read !== undefined) return read;
      const time = sql`coalesce(${timeOrNull(times, line)}, error('The time can''t be read'))`;
      return name === "ts" ? time : sql`CASE WHEN ${isUnknown(line)} THEN NULL ELSE ${time} END`;
    },
    problem(line) {
      const texts = times.map((time) => sql`${line.text(time)}`);
      return sql`CASE WHEN NOT ${isUnknown(line)} AND TRY(${timeOrNull(times, line)}) IS NULL
        THEN 'The time can''t be read: ' || concat_ws(' ', ${texts}) END`;
    },
  };
}

const MICROSECONDS: Readonly<Record<string, number>> = { s: 1_000_000, ms: 1000, us: 1 };
const ISO_TIME = String.raw`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)`;
const EPOCH = String.raw`\d{1,16}(?:\.\d*)?`;

/** NULL, or a failure, where the texts are no time. */
function timeOrNull(times: readonly Variable[], line: LineValues): Sql {
  const [first, ...others] = times;
  if (first === undefined || typeof first.type !== "object") return raw("NULL");
  const { time } = first.type;
  const text = line.text(first);
  if (time === "clf") return sql`CAST(strptime(${text}, ${`${DAY_FORMAT} %z`}) AS TIMESTAMP)`;
  if (time === "iso")
    return sql`CASE WHEN regexp_full_match(${text}, ${ISO_TIME})
      THEN CAST(CAST(${text} AS TIMESTAMPTZ) AS TIMESTAMP) END`;
  if (time === "any") return anyTime(text, line.zone);
  if (typeof time === "string") {
    const whole = sql`CAST(CAST(${text} AS DECIMAL(26, 6)) * ${MICROSECONDS[time] ?? 1} AS BIGINT)`;
    const fractions = others.map((other) => fractionUs(other, line));
    return sql`CASE WHEN regexp_full_match(${text}, ${EPOCH})
      THEN make_timestamp(${join([whole, ...fractions], " + ")}) END`;
  }
  const formats = times.map(({ type }) =>
    typeof type === "object" && typeof type.time === "object" ? type.time.strptime : "",
  );
  const texts = times.map((each) => line.text(each));
  const read = sql`strptime(concat_ws(' ', ${texts}), ${formats.join(" ")})`;
  const hasOffset = formats.some((format) => format.includes("%z"));
  return hasOffset ? sql`CAST(${read} AS TIMESTAMP)` : inUtc(read, line.zone);
}

/** A time of a zone's clocks as the instant that it is. */
export function inUtc(time: Sql, zone: string | undefined): Sql {
  return zone === undefined ? time : sql`CAST(timezone(${zone}, ${time}) AS TIMESTAMP)`;
}

/** A number since 1970, whose unit its magnitude tells, or one of the forms that loggers write. */
function anyTime(text: Sql, zone: string | undefined): Sql {
  const number = sql`CAST(${text} AS DECIMAL(38, 9))`;
  const inUnit = (us: string): Sql => sql`make_timestamp(CAST(trunc(${number} * ${raw(us)}) AS BIGINT))`;
  return sql`CASE WHEN regexp_full_match(${text}, '\\d{1,19}(?:\\.\\d*)?(?:[eE][+-]?\\d+)?')
      THEN CASE WHEN ${number} < 1e11 THEN ${inUnit("1000000")} WHEN ${number} < 1e14 THEN ${inUnit("1000")}
        WHEN ${number} < 1e17 THEN ${inUnit("1")} ELSE ${inUnit("0.001")} END
    WHEN regexp_full_match(${text}, ${ISO_TIME}) THEN CAST(CAST(${text} AS TIMESTAMPTZ) AS TIMESTAMP)
    WHEN regexp_full_match(${text}, '\\d{4}[-/]\\d\\d[-/]\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?')
      THEN ${inUtc(sql`CAST(replace(${text}, '/', '-') AS TIMESTAMP)`, zone)}
    ELSE CAST(try_strptime(${text}, ${`${DAY_FORMAT} %z`}) AS TIMESTAMP) END`;
}

/** `%{msec_frac}t` or `%{usec_frac}t` behind `%{sec}t`. */
function fractionUs(variable: Variable, line: LineValues): Sql {
  const { type } = variable;
  const isMs = typeof type === "object" && typeof type.time === "object" && type.time.strptime === "%g";
  return sql`CAST(${line.text(variable)} AS BIGINT) * ${isMs ? 1000 : 1}`;
}

/** The columns' values, to be selected. */
export function logValues(columns: readonly LogColumn[], line: LineValues): Sql {
  return join(
    columns.map(({ name, value }) => sql`${value(line)} AS ${id(name)}`),
    ",\n",
  );
}
