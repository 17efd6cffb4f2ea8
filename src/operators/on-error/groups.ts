/** The groups of an aggregation, as units that can be hidden from its answer. */

import type { Database } from "../../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { rowsWithTry } from "../../duckdb/try.ts";
import { rowJson } from "../../formats/json-rows.ts";
import type { AggregateSql } from "../../sql/aggregate-sql.ts";
import type { StepUnits } from "./aside.ts";
import { asideTable, putInto } from "./letters.ts";

export interface Groups extends StepUnits {
  /** Partial rows without those of groups that are hidden. */
  shown(partials: Sql): Sql;
  /** Partial rows of the groups that are put aside. */
  putAsideOf(partials: Sql): Sql;
  /** Partial rows of one group. */
  only(partials: Sql, position: number): Sql;
  /** The rows of a query, or none where a group is put aside. */
  unlessAside(answer: Sql): Sql;
}

export interface GroupsRequest {
  readonly partials: Sql;
  /** Partial rows of the groups of which a dead letter tells; those of all where it is left out. */
  readonly told: Sql | undefined;
}

/** The groups that partial rows are of. */
export async function openGroups(
  database: Database,
  query: string,
  parts: AggregateSql,
  { partials, told }: GroupsRequest,
): Promise<Groups> {
  const groups = `_groups_${query}`;
  const aside = `_aside_groups_${query}`;
  const keys = parts.keyNames;
  const isOne = keys.length === 0;
  await database.run(sql`${asideTable(aside)};
    CREATE OR REPLACE TEMP TABLE ${id(groups)} AS ${
      isOne
        ? sql`SELECT 0 AS position`
        : sql`SELECT *, row_number() OVER () - 1 AS position FROM
            (SELECT DISTINCT ${keys} FROM ${partials} AS parts ORDER BY ALL)`
    }`);
  const { rows } = await database.row(sql`SELECT count(*) AS rows FROM ${id(groups)}`);
  const isAside = sql`position IN (SELECT position FROM ${id(aside)})`;
  let hidden: Sql | undefined;
  const same = keys.map((key) => sql`parts.${key} IS NOT DISTINCT FROM hidden.${key}`);
  const on = isOne ? raw("true") : join(same, " AND ");
  const ofGroups = (from: Sql, kind: "ANTI" | "SEMI", which: Sql): Sql =>
    sql`(FROM ${from} AS parts ${raw(kind)} JOIN (FROM ${id(groups)} WHERE ${which}) AS hidden ON ${on})`;
  const failing = parts.failing(sql`(FROM ${partials})`);
  const named = parts.keyColumns.map(({ name }, index) => sql`${keys[index] ?? raw("NULL")} AS ${id(name)}`);
  const toldGroups =
    told === undefined ? id(groups) : sql`(FROM ${id(groups)} AS parts SEMI JOIN ${told} AS hidden ON ${on})`;
  return {
    noun: "The group",
    count: Number(rows),
    aside,
    described: sql`SELECT position, NULL AS stream, NULL::BIGINT AS number,
      ${rowJson(parts.keyColumns)} AS line
      FROM (SELECT ${[raw("position"), ...named]} FROM ${toldGroups})`,
    putAside: (found) => putInto(database, aside, found),
    async show(from, to) {
      hidden =
        from === 0 && to === Number(rows)
          ? isAside
          : sql`(position < ${from} OR position >= ${to} OR ${isAside})`;
    },
    ...(failing === undefined || isOne
      ? {}
      : {
          async suspects() {
            const found = await rowsWithTry(
              database,
              sql`SELECT position FROM ${id(groups)} AS parts SEMI JOIN (${failing}) AS hidden ON ${on}
                ORDER BY position`,
            );
            return found.map(({ position }) => Number(position));
          },
        }),
    shown: (from) => (hidden === undefined ? from : ofGroups(from, "ANTI", hidden)),
    putAsideOf: (from) => ofGroups(from, "SEMI", isAside),
    only: (from, position) => ofGroups(from, "SEMI", sql`position = ${position}`),
    unlessAside: (answer) => sql`SELECT * FROM (${answer}) WHERE NOT EXISTS (FROM ${id(aside)})`,
  };
}
