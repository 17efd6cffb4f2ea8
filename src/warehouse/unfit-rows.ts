/**
 * Rows that a table can't hold: a value is beyond the type that files have for its column, or a partition
 * can't be computed of the row. They are looked for where writing has failed, or would fail too late.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { rowsWithTry } from "../duckdb/try.ts";
import type { Partitioning } from "./partition-columns.ts";

/** A column as files have it. */
export interface WrittenColumn extends Column {
  /** Over the rows' own columns. */
  readonly value: Sql;
  /** The same with its name. */
  readonly written: Sql;
  /** Whether there are values that it can't be computed of. */
  readonly mayFail: boolean;
  /** Why such a value does not fit, where that is not that it is beyond the type. */
  readonly reason?: string;
}

export interface UnfitRows {
  /** A relation of the rows that fit, and how many these are. */
  readonly fitting: string;
  readonly rows: number;
  readonly unfit: readonly { readonly rows: Sql; readonly reason: string }[];
}

export interface UnfitOptions {
  readonly columns: readonly WrittenColumn[];
  readonly partitioning: Partitioning;
  /** Of tables that are this writer's own. */
  readonly prefix: string;
}

const REASON = id("_streamkit_unfit");

/** Undefined where all rows fit. The relation is there until the next call. */
export async function takeUnfit(
  database: Database,
  relation: string,
  { columns, partitioning, prefix }: UnfitOptions,
): Promise<UnfitRows | undefined> {
  const checks = [
    ...columns
      .filter(({ mayFail }) => mayFail)
      .map(({ name, type, value, reason }) => ({
        value,
        reason: reason ?? `"${name}" is beyond ${type}, the widest type that the table's files have for it`,
      })),
    ...partitioning.columns.map(({ name }, index) => ({
      value: partitioning.expressions[index] ?? raw("NULL"),
      reason: `its partition "${name}" can't be computed`,
    })),
  ];
  if (checks.length === 0) return undefined;
  const [checked, fitting] = [`_checked_${prefix}`, `_fitting_${prefix}`];
  const cases = checks.map(({ value }, index) => sql`WHEN TRY(row(${value})) IS NULL THEN ${index}`);
  await rowsWithTry(
    database,
    sql`CREATE OR REPLACE TEMP TABLE ${id(checked)} AS
      SELECT *, CASE ${raw(cases.map(({ text }) => text).join(" "))} END AS ${REASON} FROM ${id(relation)}`,
  );
  const found = await database.rows(
    sql`SELECT ${REASON} AS reason, count(*) AS rows FROM ${id(checked)} GROUP BY ALL ORDER BY ALL`,
  );
  const unfit = found.flatMap(({ reason }) => {
    if (reason === null) return [];
    const of = sql`SELECT * EXCLUDE (${REASON}) FROM ${id(checked)} WHERE ${REASON} = ${Number(reason)}`;
    return [{ rows: of, reason: checks[Number(reason)]?.reason ?? "" }];
  });
  if (unfit.length === 0) return undefined;
  const rest = found.find(({ reason }) => reason === null)?.["rows"] ?? 0;
  await database.run(
    sql`CREATE OR REPLACE TEMP TABLE ${id(fitting)} AS
      SELECT * EXCLUDE (${REASON}) FROM ${id(checked)} WHERE ${REASON} IS NULL`,
  );
  return { fitting, rows: Number(rest), unfit };
}
