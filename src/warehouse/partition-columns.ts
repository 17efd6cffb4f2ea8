/** The partition columns of a table's rows, as SQL. */

import { StreamkitError } from "../base/error.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { PartitionColumn } from "./hive-layout.ts";
import { NULL_VALUE } from "./partition-path.ts";

export interface Partitioning {
  /** With the types of their values. */
  readonly columns: readonly Column[];
  /** `expression AS name` of each, for a SELECT list over the rows. */
  readonly items: readonly Sql[];
  /** What tells a row's partition from others: a JSON array of texts, over the columns named so. */
  readonly key: Sql;
  /** A row's values over its own columns. */
  readonly expressions: readonly Sql[];
}

/** Throws code `job`, or what DuckDB says where an expression is wrong. */
export async function partitioningOf(
  database: Database,
  rows: readonly Column[],
  partitions: readonly PartitionColumn[],
): Promise<Partitioning> {
  const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
  for (const [index, { name, expression }] of partitions.entries()) {
    const own = rows.find((column) => isSame(column.name, name))?.name;
    if (own !== undefined && (own !== name || expression.replaceAll('"', "") !== name))
      throw new StreamkitError(
        "job",
        `the rows have a column "${own}" already: partition by it with "${own}", ` +
          `or call ${name}=${expression} something else`,
      );
    if (partitions.slice(0, index).some((other) => isSame(other.name, name)))
      throw new StreamkitError("job", `two partition columns are called "${name}": give each its own name`);
  }
  const isOwn = ({ name }: PartitionColumn): boolean => !rows.some((column) => column.name === name);
  const expressionOf = (column: PartitionColumn): Sql =>
    isOwn(column) ? raw(column.expression) : id(column.name);
  const nulls = rows.map(({ name, type }) => sql`NULL::${raw(type)} AS ${id(name)}`);
  const columns =
    partitions.length === 0
      ? []
      : await database.describe(
          sql`SELECT ${partitions.map((column) => sql`${expressionOf(column)} AS ${id(column.name)}`)}
            FROM (SELECT ${nulls} WHERE false)`,
        );
  const typeOf = (name: string): string => columns.find((column) => column.name === name)?.type ?? "";
  const expressions = partitions.map((column) => pathValue(expressionOf(column), typeOf(column.name)));
  return {
    columns,
    expressions,
    items: partitions.map(({ name }, index) => sql`${expressions[index] ?? raw("NULL")} AS ${id(name)}`),
    key: keyOf(columns.map(({ name }) => id(name))),
  };
}

/**
 * Texts that no folder can be told by are NULL before DuckDB names one by them: it would overwrite files. So
 * are infinite dates and times, as they are in files.
 */
function pathValue(value: Sql, type: string): Sql {
  if (type === "DATE" || type.startsWith("TIMESTAMP"))
    return sql`CASE WHEN isfinite(${value}) THEN ${value} END`;
  if (type === "VARCHAR") return sql`nullif(nullif(${value}, ''), ${NULL_VALUE})`;
  // Other types whose values may have these texts. Bytes that are no text are told by one.
  if (type === "BLOB" || type.startsWith("ENUM"))
    return sql`nullif(nullif((${value})::VARCHAR, ''), ${NULL_VALUE})`;
  return value;
}

function keyOf(values: readonly Sql[]): Sql {
  if (values.length === 0) return raw("'[]'");
  return sql`to_json([${join(values.map((value) => sql`${value}::VARCHAR`))}])::VARCHAR`;
}

/** The values that a key stands for. */
export function valuesOfKey(key: string): readonly (string | null)[] {
  return JSON.parse(key) as (string | null)[];
}
