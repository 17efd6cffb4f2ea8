/** The unfit lines of a block as they are found: in a table with their reasons, and as marks. */

import type { Database } from "../duckdb/database.ts";
import { insertInto } from "../duckdb/insert.ts";
import { id, join, type Sql, sql } from "../duckdb/sql.ts";

export interface UnfitOfBlock {
  count(): number;
  /** Ascending. */
  indexes(): number[];
  fitting(): number[];
  /** A query with the columns `index` and `reason`. */
  readonly reasons: Sql;
  /** Takes a query with the columns `index`, of a line among the candidates, and `reason`. */
  addFound(candidates: readonly number[], found: Sql): Promise<number>;
  /** Lines that were found one by one. */
  addEach(reasons: ReadonlyMap<number, string>): Promise<void>;
}

/** Each connection has its own. */
const UNFIT = id("_unfit");
/** So many reasons in a statement. */
const MAX_SELECTS = 500;

export function openUnfit(database: Database, lines: number): UnfitOfBlock {
  const marks = new Uint8Array(lines);
  let count = 0;
  let isMade = false;
  const select = (mark: number): number[] => {
    const indexes: number[] = [];
    for (let index = 0; index < lines; index += 1) if (marks[index] === mark) indexes.push(index);
    return indexes;
  };
  const make = async (): Promise<void> => {
    if (!isMade)
      await database.run(sql`CREATE OR REPLACE TEMP TABLE ${UNFIT} (index BIGINT, reason VARCHAR)`);
    isMade = true;
  };
  const mark = (index: number): void => {
    if (marks[index] === 0) count += 1;
    marks[index] = 1;
  };
  return {
    count: () => count,
    indexes: () => select(1),
    fitting: () => select(0),
    reasons: sql`FROM ${UNFIT}`,
    async addFound(candidates, found) {
      await make();
      // All lines are candidates, mostly: then they are called the same.
      const lineOf = sql`(SELECT generate_subscripts(lines, 1) - 1 AS index, unnest(lines) AS line
        FROM (SELECT ${numberList(candidates)} AS lines))`;
      const named =
        candidates.length === lines
          ? sql`SELECT index, reason FROM (${found}) WHERE index BETWEEN 0 AND ${lines - 1}`
          : sql`SELECT line AS index, reason FROM (${found}) AS found JOIN ${lineOf} AS named USING (index)`;
      const before = count;
      const query = sql`${insertInto(UNFIT, named)} RETURNING index::DOUBLE`;
      for await (const [indexes = []] of database.columnBlocks(query))
        for (const index of indexes as number[]) mark(index);
      return count - before;
    },
    async addEach(reasons) {
      if (reasons.size === 0) return;
      await make();
      const byReason = Map.groupBy(reasons.keys(), (index) => reasons.get(index) ?? "");
      const selects = [...byReason].map(
        ([reason, indexes]) => sql`SELECT unnest(${numberList(indexes)}) AS index, ${reason} AS reason`,
      );
      for (let first = 0; first < selects.length; first += MAX_SELECTS)
        await database.run(insertInto(UNFIT, join(selects.slice(first, first + MAX_SELECTS), " UNION ALL ")));
      for (const index of reasons.keys()) mark(index);
    },
  };
}

/** By way of one text: a list of so many constants takes DuckDB seconds. */
function numberList(values: readonly number[]): Sql {
  return sql`string_split(${values.join(",")}, ',')::BIGINT[]`;
}
