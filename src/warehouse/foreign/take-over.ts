/**
 * Values in the types that a table of others has for them, where that loses nothing: a value that does not
 * fit makes its row a dead letter. Types between which values would be rounded, cut or read from text are
 * refused.
 */

import type { Column } from "../../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../../duckdb/sql.ts";
import type { WrittenColumn } from "../unfit-rows.ts";

const INTEGER = /^U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$/;
const DECIMAL = /^DECIMAL\(/;
const INSTANT = "TIMESTAMP WITH TIME ZONE";
const TIMES = new Set(["TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"]);

/** Columns as they would be written, in the types of those that the table has. */
export function takenOver(
  columns: readonly WrittenColumn[],
  theirs: readonly Column[],
): readonly WrittenColumn[] {
  return columns.map((column) => {
    const wanted = theirs.find(({ name }) => name === column.name)?.type;
    const value = wanted === undefined || wanted === column.type ? undefined : exact(column, wanted);
    if (value === undefined || wanted === undefined) return column;
    return { ...column, type: wanted, value, written: sql`${value} AS ${id(column.name)}`, mayFail: true };
  });
}

/** Undefined where the types are too far apart: the table refuses it, with all that differs. */
function exact({ value, type }: WrittenColumn, wanted: string): Sql | undefined {
  const cast = sql`CAST(${value} AS ${raw(wanted)})`;
  const isNumber = INTEGER.test(type) || DECIMAL.test(type);
  if (isNumber && INTEGER.test(wanted) && INTEGER.test(type)) return cast;
  if (isNumber && (INTEGER.test(wanted) || DECIMAL.test(wanted))) return ifSame(cast, value, value, wanted);
  if (isNumber && wanted === "DOUBLE") return ifSame(cast, sql`CAST(${cast} AS ${raw(type)})`, value, wanted);
  if (type === "FLOAT" && wanted === "DOUBLE") return cast;
  if (type !== INSTANT || !TIMES.has(wanted)) return undefined;
  const moment = sql`make_timestamp(epoch_us(${value}))`;
  const time = sql`CAST(${moment} AS ${raw(wanted)})`;
  return wanted === "TIMESTAMP" ? moment : ifSame(time, sql`CAST(${time} AS TIMESTAMP)`, moment, wanted);
}

/** The cast where nothing is lost by it; else it fails, as a cast does of what is no value. */
function ifSame(cast: Sql, back: Sql, value: Sql, wanted: string): Sql {
  const compared = back === value ? sql`${cast} = ${value}` : sql`${back} = ${value}`;
  return sql`CASE WHEN ${value} IS NULL THEN NULL WHEN ${compared} THEN ${cast}
    ELSE CAST(concat('not exactly: ', ${value}) AS ${raw(wanted)}) END`;
}
