/** Update mode: what was given out of a group whose answer fails now is deleted. */

import { isAboutValues } from "../../duckdb/data-error.ts";
import type { Database } from "../../duckdb/database.ts";
import { insertInto } from "../../duckdb/insert.ts";
import { id, raw, type Sql, sql } from "../../duckdb/sql.ts";
import type { AggregateSql } from "../../sql/aggregate-sql.ts";
import { OP_COLUMN } from "../../sql/stream.ts";
import type { Groups } from "./groups.ts";

export interface FailedGroups {
  /** The table of the batch's answer. */
  readonly name: string;
  readonly parts: AggregateSql;
  /** The state without the batch. */
  readonly state: Sql;
  readonly groups: Groups;
}

/** Adds the deletions to the batch's answer, and tells how many they are. */
export async function deleteFailed(
  database: Database,
  { name, parts, state, groups }: FailedGroups,
): Promise<number> {
  const { rows } = await database.row(sql`SELECT count(*) AS rows FROM ${id(groups.aside)}`);
  if (Number(rows) === 0) return 0;
  const deletions = (from: Sql): Sql => {
    // Without keys there is a row even of no state: nobody was given that one.
    const isThere = parts.keyCount > 0 ? raw("") : sql` WHERE EXISTS (FROM ${from})`;
    return insertInto(
      id(name),
      sql`SELECT *, 'delete' AS ${raw(OP_COLUMN)} FROM (${parts.answer(from)})${isThere}`,
    );
  };
  const all = groups.putAsideOf(state);
  const deleted = await countUnlessFailing(database, deletions(all));
  if (deleted !== undefined) return deleted;
  // A group that has failed before was deleted then: of those that did not, each by itself.
  let sum = 0;
  for (let position = 0; position < groups.count; position += 1) {
    const one = groups.only(all, position);
    sum += (await countUnlessFailing(database, deletions(one))) ?? 0;
  }
  return sum;
}

async function countUnlessFailing(database: Database, statement: Sql): Promise<number | undefined> {
  try {
    return await database.runCounting(statement);
  } catch (error) {
    if (isAboutValues(error)) return undefined;
    throw error;
  }
}
