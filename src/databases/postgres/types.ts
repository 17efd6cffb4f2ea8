/** DuckDB's types in PostgreSQL: what a column is made as, what may hold it, and how its values travel. */

import { id, literal, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { nestedJson } from "../nested-json.ts";

/** A type of the server. */
export interface ServerType {
  /** The name in pg_type, of a domain that of what it is over: `int8`, `numeric`. */
  readonly base: string;
  readonly isEnum: boolean;
  /** `numeric(precision, scale)`, `timestamp(precision)`; undefined where unbounded. */
  readonly precision?: number | undefined;
  readonly scale?: number | undefined;
}

export interface PostgresType {
  /** With `create: true`. */
  readonly created: string;
  /** In the table on the way: it takes every value. */
  readonly staged: string;
  /** The value as PostgreSQL reads it. */
  readonly text: (value: Sql) => Sql;
  readonly mayHoldSpecials: boolean;
  readonly fits: (type: ServerType) => boolean;
}

const TEXTS = new Set(["text", "varchar"]);
const AS_TEXT = (value: Sql): Sql => sql`${value}::VARCHAR`;

/** Undefined where PostgreSQL has nothing for it. */
export function postgresType(type: string): PostgresType | undefined {
  const digits = INTEGER_DIGITS[type];
  if (digits !== undefined) return number(...digits);
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(type);
  if (decimal !== null) return decimalType(Number(decimal[1]), Number(decimal[2]));
  const plain = PLAIN[type];
  if (plain !== undefined) return plain;
  if (type.startsWith("ENUM(")) return TEXT;
  if (/^(?:STRUCT|MAP)\(|\]$/.test(type))
    return { ...JSON_LIKE, created: "jsonb", text: (value) => nestedJson(value, type) };
  return undefined;
}

/** Decimal digits that each has, and its own name in PostgreSQL. */
const INTEGER_DIGITS: Readonly<
  Record<string, readonly [created: string, digits: number, holders: string[]]>
> = {
  TINYINT: ["smallint", 3, ["int2", "int4", "int8", "float4", "float8"]],
  UTINYINT: ["smallint", 3, ["int2", "int4", "int8", "float4", "float8"]],
  SMALLINT: ["smallint", 5, ["int2", "int4", "int8", "float4", "float8"]],
  USMALLINT: ["integer", 5, ["int4", "int8", "float4", "float8"]],
  INTEGER: ["integer", 10, ["int4", "int8", "float8"]],
  UINTEGER: ["bigint", 10, ["int8", "float8"]],
  BIGINT: ["bigint", 19, ["int8"]],
  UBIGINT: ["numeric(20)", 20, []],
  HUGEINT: ["numeric(39)", 39, []],
  UHUGEINT: ["numeric(39)", 39, []],
};

function number(created: string, digits: number, holders: readonly string[]): PostgresType {
  return {
    created,
    staged: created,
    text: AS_TEXT,
    mayHoldSpecials: false,
    fits: (type) => holders.includes(type.base) || isText(type) || numericHolds(type, digits, 0),
  };
}

function decimalType(precision: number, scale: number): PostgresType {
  const whole = (
    [
      ["int2", 4],
      ["int4", 9],
      ["int8", 18],
    ] as const
  )
    .filter(([, digits]) => scale === 0 && precision <= digits)
    .map(([name]): string => name);
  return {
    ...number(`numeric(${precision}, ${scale})`, precision, whole),
    fits: (type) => whole.includes(type.base) || isText(type) || numericHolds(type, precision - scale, scale),
  };
}

function numericHolds({ base, precision, scale = 0 }: ServerType, digits: number, decimals: number): boolean {
  return (
    base === "numeric" && (precision === undefined || (scale >= decimals && precision - scale >= digits))
  );
}

function isText({ base, isEnum }: ServerType): boolean {
  return !isEnum && TEXTS.has(base);
}

function plainType(created: string, bases: readonly string[], text = AS_TEXT): PostgresType {
  return {
    created,
    staged: created,
    text,
    mayHoldSpecials: false,
    fits: (type) => isText(type) || (bases.includes(type.base) && type.precision === undefined),
  };
}

/** Fractions of a second that the column keeps are at least so many. */
function timeType(created: string, bases: readonly string[], decimals: number): PostgresType {
  return {
    ...plainType(created, bases, beforeChrist),
    fits: (type) => isText(type) || (bases.includes(type.base) && (type.precision ?? 6) >= decimals),
  };
}

/** DuckDB writes `0044-03-15 (BC)`. */
function beforeChrist(value: Sql): Sql {
  return sql`replace(${value}::VARCHAR, ' (BC)', ' BC')`;
}

const TEXT: PostgresType = {
  created: "text",
  staged: "text",
  text: AS_TEXT,
  mayHoldSpecials: true,
  fits: (type) => type.isEnum || isText(type),
};

/** Staged as text: a value that the column does not take must be refused as a row. */
const JSON_LIKE: PostgresType = {
  ...TEXT,
  created: "json",
  fits: (type) => ["json", "jsonb"].includes(type.base) || isText(type),
};

const DATES = ["date", "timestamp", "timestamptz"];
const TIMES = ["timestamp", "timestamptz"];

const PLAIN: Readonly<Record<string, PostgresType>> = {
  BOOLEAN: plainType("boolean", ["bool"]),
  FLOAT: plainType("real", ["float4", "float8"]),
  DOUBLE: plainType("double precision", ["float8"]),
  VARCHAR: TEXT,
  JSON: JSON_LIKE,
  DATE: timeType("date", DATES, 0),
  TIMESTAMP: timeType("timestamp", TIMES, 6),
  TIMESTAMP_S: timeType("timestamp", TIMES, 0),
  TIMESTAMP_MS: timeType("timestamp", TIMES, 3),
  // PostgreSQL has microseconds.
  TIMESTAMP_NS: { ...TEXT, mayHoldSpecials: false, fits: isText },
  "TIMESTAMP WITH TIME ZONE": timeType("timestamptz", ["timestamptz"], 6),
  TIME: timeType("time", ["time"], 6),
  "TIME WITH TIME ZONE": timeType("timetz", ["timetz"], 6),
  INTERVAL: plainType("interval", ["interval"]),
  UUID: plainType("uuid", ["uuid"]),
  BLOB: {
    ...plainType("bytea", ["bytea"], (value) => sql`${literal("\\x")} || hex(${value})`),
    mayHoldSpecials: true,
    fits: ({ base }) => base === "bytea",
  },
  BIT: plainType("bit varying", ["varbit"]),
  BIGNUM: plainType("numeric", ["numeric"]),
};

/** How a staged value becomes one of the column: what PostgreSQL would not do by itself is said. */
export function assigned(staged: Sql, type: PostgresType, column: { base: string; castType: string }): Sql {
  const isPlain = type.staged !== "text" || TEXTS.has(column.base);
  return isPlain ? staged : sql`${staged}::${raw(column.castType)}`;
}

/** A condition over a column of text: PostgreSQL has no NUL in text. */
export function holdsNul(name: string): Sql {
  return sql`contains(${id(name)}::VARCHAR, chr(0))`;
}
