/**
 * Event times that are numbers: seconds, milliseconds, microseconds or nanoseconds since 1970. They become
 * TIMESTAMPs, exact to the microsecond, or do not fit.
 */

import { StreamkitError } from "../base/error.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { KeyedColumn } from "./column-names.ts";

export type EpochUnit = "s" | "ms" | "us" | "ns";

export const EPOCH_UNITS: readonly EpochUnit[] = ["s", "ms", "us", "ns"];

export const UNIT_NAMES: Readonly<Record<EpochUnit, string>> = {
  s: "seconds",
  ms: "milliseconds",
  us: "microseconds",
  ns: "nanoseconds",
};

/** A column of records; where it was found to hold epoch times, in which unit. */
export interface RecordColumn extends KeyedColumn {
  readonly epoch?: EpochUnit;
}

/** Which column of the selected records is an epoch time, and what becomes of it. */
export interface EpochTime {
  readonly column: string;
  readonly unit: EpochUnit;
  /** A column of its own for the time; it takes the place of the number if left out. */
  readonly as?: string | undefined;
  /** True where the unit was found by the values' magnitude: values of another one do not fit. */
  readonly isFound: boolean;
}

/**
 * By their magnitude, from 1973 to 5138: 9 to 11 digits are seconds, 12 to 14 milliseconds, 15 to 17
 * microseconds, 18 and 19 nanoseconds.
 */
const LEAST: Readonly<Record<EpochUnit, string>> = {
  s: "100000000",
  ms: "100000000000",
  us: "100000000000000",
  ns: "100000000000000000",
};
const MOST: Readonly<Record<EpochUnit, string>> = {
  s: "99999999999",
  ms: "99999999999999",
  us: "99999999999999999",
  ns: "9223372036854775807",
};
const US_PER_UNIT: Readonly<Record<EpochUnit, string>> = { s: "1000000", ms: "1000", us: "1", ns: "0.001" };

const FUNCTIONS: Readonly<Record<string, EpochUnit>> = {
  epoch: "s",
  epoch_s: "s",
  to_timestamp: "s",
  epoch_ms: "ms",
  epoch_us: "us",
  make_timestamp: "us",
  epoch_ns: "ns",
};

const NAME = String.raw`(?:"((?:[^"]|"")+)"|([A-Za-z_]\w*))`;
const CALL = new RegExp(String.raw`^\s*(\w+)\s*\(\s*${NAME}\s*\)\s*(?:AS\s+${NAME}\s*)?$`, "i");

/** What `time:` says: a column's name, or `epoch_ms(column)`, also with `AS name`. Throws code `job`. */
export function parseTime(time: string): { readonly column: string; readonly epoch?: EpochTime } {
  if (!time.includes("(")) return { column: time };
  const match = CALL.exec(time);
  const unit = FUNCTIONS[match?.[1]?.toLowerCase() ?? ""];
  const name = (quoted: string | undefined, plain: string | undefined): string | undefined =>
    quoted?.replaceAll('""', '"') ?? plain;
  const column = name(match?.[2], match?.[3]);
  if (unit === undefined || column === undefined)
    throw new StreamkitError(
      "job",
      "time: takes a column, or the epoch time in one: epoch_s(COLUMN), epoch_ms(COLUMN), epoch_us(COLUMN) " +
        `or epoch_ns(COLUMN), also with AS NAME: found "${time}"`,
    );
  const as = name(match?.[4], match?.[5]);
  return { column: as ?? column, epoch: { column, unit, as, isFound: false } };
}

/**
 * SELECT known, s, ms, us, ns, example: how many texts there are, of each unit by magnitude, and one of
 * those.
 */
export function magnitudes(texts: Sql, column: Sql): Sql {
  const isNumber = sql`regexp_full_match(${column}, '[1-9][0-9]{8,18}(?:[.][0-9]+)?')`;
  const whole = sql`TRY_CAST(split_part(${column}, '.', 1) AS BIGINT)`;
  const counts = EPOCH_UNITS.map(
    (unit) => sql`count(*) FILTER (${isNumber} AND ${whole} BETWEEN ${raw(LEAST[unit])} AND
      ${raw(MOST[unit])}) AS ${id(unit)}`,
  );
  return sql`SELECT count(${column}) AS known, ${counts},
    any_value(${column}) FILTER (${isNumber}) AS example FROM ${texts}`;
}

/** The numbers of the selected records as times. An unfit one is an error of the statement. */
export function withEpochTime(rows: Sql, time: EpochTime, type: string): Sql {
  const { isFit, us, value } = converted(time, type);
  const made = sql`CASE WHEN ${value} IS NULL THEN NULL WHEN ${isFit} THEN make_timestamp(${us})
    ELSE error(${reason(time)}) END`;
  const columns =
    time.as === undefined
      ? sql`* REPLACE (${made} AS ${id(time.column)})`
      : sql`*, ${made} AS ${id(time.as)}`;
  return sql`SELECT ${columns} FROM (${rows})`;
}

/** SELECT index, reason: the rows, counted from 0, whose number is no time. */
export function unfitEpochTimes(rows: Sql, time: EpochTime, type: string): Sql {
  const { isFit, value } = converted(time, type);
  return sql`SELECT index, reason FROM (SELECT row_number() OVER () - 1 AS index,
      CASE WHEN ${value} IS NOT NULL AND (${isFit}) IS NOT TRUE THEN ${reason(time)} END AS reason
    FROM (${rows})) WHERE reason IS NOT NULL`;
}

function reason({ column, unit, isFound }: EpochTime): Sql {
  const rest = isFound ? ", as the first ones are" : "";
  return sql`concat(${`"${column}" is no time in ${UNIT_NAMES[unit]} since 1970${rest}: `}, ${id(column)})`;
}

/** 9 digits before the point are 31 years of seconds; behind it no unit needs more than 9. */
const NUMBER = "-?[0-9]{1,19}(?:[.][0-9]{1,9}0*)?";
/** What a TIMESTAMP can hold, with room to spare. */
const MAX_US = "9200000000000000000";

interface Converted {
  readonly value: Sql;
  readonly isFit: Sql;
  /** A BIGINT, where it is fit. */
  readonly us: Sql;
}

function converted({ column, unit, isFound }: EpochTime, type: string): Converted {
  const value = id(column);
  const text = sql`${value}::VARCHAR`;
  const number = isWhole(type)
    ? sql`${value}::HUGEINT`
    : sql`TRY_CAST(CASE WHEN regexp_full_match(${text}, ${NUMBER}) THEN ${text} END AS DECIMAL(28,9))`;
  const us =
    isWhole(type) && unit === "ns" ? sql`(${number} // 1000)` : sql`(${number} * ${raw(US_PER_UNIT[unit])})`;
  const isWholeUs = isWhole(type) && unit === "ns" ? sql`${number} % 1000 = 0` : sql`${us} = ${us}::HUGEINT`;
  const isInRange = isFound
    ? sql`${number} BETWEEN ${raw(LEAST[unit])} AND ${raw(MOST[unit])}`
    : sql`${us} BETWEEN -${raw(MAX_US)} AND ${raw(MAX_US)}`;
  return {
    value,
    isFit: isWhole(type) && unit !== "ns" ? isInRange : sql`${isInRange} AND ${isWholeUs}`,
    us: sql`${us}::BIGINT`,
  };
}

function isWhole(type: string): boolean {
  return /^U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$/.test(type);
}

/** Whether a column of this type may hold epoch times. */
export function holdsNumbers(type: string): boolean {
  return isWhole(type) || /^(?:DOUBLE|DECIMAL|VARCHAR)/.test(type);
}
