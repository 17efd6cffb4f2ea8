/**
 * DuckDB's types in SQLite, which has five kinds of values and changes some of them to fit a column's
 * affinity (https://sqlite.org/datatype3.html): a value must come out as it went in.
 */

import { raw, type Sql, sql } from "../../duckdb/sql.ts";
import { nestedJson } from "../nested-json.ts";

type Affinity = "integer" | "real" | "numeric" | "text" | "none";

export interface SqliteType {
  /** With `create: true`; "" is a column without affinity. */
  readonly created: string;
  /** The value as JSON text, which SQLite reads. */
  readonly json: (value: Sql) => Sql;
  /** What stands around the value that was read. */
  readonly read: (value: Sql) => Sql;
  readonly affinities: readonly Affinity[];
}

const AS_IT_IS = (value: Sql): Sql => value;
const AS_TEXT = (value: Sql): Sql => sql`to_json(${value}::VARCHAR)::VARCHAR`;
const AS_NUMBER = (value: Sql): Sql => sql`${value}::VARCHAR`;

/** Undefined where SQLite has nothing for it. */
export function sqliteType(type: string): SqliteType | undefined {
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(type);
  if (decimal !== null) return decimalType(Number(decimal[1]), Number(decimal[2]));
  if (type.startsWith("ENUM(")) return TEXT;
  if (/^(?:STRUCT|MAP)\(|\]$/.test(type))
    return { ...TEXT, json: (value) => sql`to_json(${nestedJson(value, type)})::VARCHAR` };
  return PLAIN[type];
}

/** A REAL keeps fifteen digits. */
const REAL_DIGITS = 15;
const INTEGER_DIGITS = 18;

function decimalType(precision: number, scale: number): SqliteType {
  const affinities: Affinity[] = ["none", "text"];
  if (scale === 0 && precision <= INTEGER_DIGITS) affinities.push("integer", "numeric");
  else if (precision <= REAL_DIGITS) affinities.push("real", "numeric");
  return { ...TEXT, created: affinities.includes("numeric") ? "NUMERIC" : "TEXT", affinities };
}

/** Integers of up to 64 bits. */
function integer(affinities: readonly Affinity[]): SqliteType {
  return { created: "INTEGER", json: AS_NUMBER, read: AS_IT_IS, affinities };
}

const TEXT: SqliteType = { created: "TEXT", json: AS_TEXT, read: AS_IT_IS, affinities: ["text", "none"] };
/** No text of a time looks like a number: columns that are called DATE or TIMESTAMP leave it as it is. */
const TIME: SqliteType = { ...TEXT, affinities: ["text", "none", "numeric"] };
/** Integers where they fit into 64 bits, else texts. */
const HUGE: SqliteType = {
  created: "",
  json: (value) => sql`CASE WHEN TRY_CAST(${value} AS BIGINT) IS NULL THEN to_json(${value}::VARCHAR)::VARCHAR
    ELSE ${value}::VARCHAR END`,
  read: AS_IT_IS,
  affinities: ["none", "text"],
};
const FLOATING: SqliteType = {
  created: "REAL",
  // SQLite has infinities, and makes NULL of a NaN.
  json: (value) => sql`CASE WHEN isnan(${value}) THEN '"NaN"' WHEN isinf(${value})
    THEN CASE WHEN ${value} > 0 THEN '9e999' ELSE '-9e999' END ELSE ${value}::VARCHAR END`,
  read: AS_IT_IS,
  affinities: ["real", "none", "numeric"],
};

const SMALL = integer(["integer", "numeric", "none", "text", "real"]);
const LARGE = integer(["integer", "numeric", "none", "text"]);

const PLAIN: Readonly<Record<string, SqliteType>> = {
  BOOLEAN: {
    ...integer(["integer", "numeric", "none"]),
    created: "BOOLEAN",
    json: (value) => sql`${value}::TINYINT::VARCHAR`,
  },
  TINYINT: SMALL,
  UTINYINT: SMALL,
  SMALLINT: SMALL,
  USMALLINT: SMALL,
  INTEGER: SMALL,
  UINTEGER: SMALL,
  BIGINT: LARGE,
  UBIGINT: HUGE,
  HUGEINT: HUGE,
  UHUGEINT: HUGE,
  BIGNUM: TEXT,
  FLOAT: FLOATING,
  DOUBLE: FLOATING,
  VARCHAR: TEXT,
  JSON: TEXT,
  UUID: TEXT,
  BIT: TEXT,
  INTERVAL: TEXT,
  DATE: TIME,
  TIME,
  "TIME WITH TIME ZONE": TIME,
  TIMESTAMP: TIME,
  TIMESTAMP_S: TIME,
  TIMESTAMP_MS: TIME,
  TIMESTAMP_NS: TIME,
  "TIMESTAMP WITH TIME ZONE": TIME,
  BLOB: {
    created: "BLOB",
    json: (value) => sql`to_json(hex(${value}))::VARCHAR`,
    read: (value) => sql`unhex(${value})`,
    affinities: ["none", "numeric", "integer", "real"],
  },
};

/** By the rules of https://sqlite.org/datatype3.html#determination_of_column_affinity. */
function affinityOf(declared: string, isStrict: boolean): Affinity {
  const type = declared.toUpperCase();
  if (isStrict && type === "ANY") return "none";
  if (type.includes("INT")) return "integer";
  if (/CHAR|CLOB|TEXT/.test(type)) return "text";
  if (type === "" || type.includes("BLOB")) return "none";
  return /REAL|FLOA|DOUB/.test(type) ? "real" : "numeric";
}

/** A strict column takes no value of another kind: a text in a REAL is refused. */
export function fitsInto(type: SqliteType, declared: string, isStrict: boolean): boolean {
  const affinity = affinityOf(declared, isStrict);
  if (!isStrict || affinity === "none") return type.affinities.includes(affinity);
  return type.created !== "" && affinityOf(type.created, false) === affinity;
}

export const NULL_JSON = raw("'null'");
