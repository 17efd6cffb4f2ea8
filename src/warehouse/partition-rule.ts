/**
 * When a partition is complete: no row of it is to come. Where partition columns are computed from an
 * event-time column, they are computed from the least time that may still come too, and partitions that sort
 * before that are complete: `dt=2026-01-05/hour=09` as soon as it would be `dt=2026-01-05/hour=10`. Nobody
 * has to say how long a partition is. That the columns sort as time goes is tried out, not assumed.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { id, join, literal, raw, type Sql, sql } from "../duckdb/sql.ts";
import { nodesOf, parseSelect } from "../duckdb/syntax.ts";
import type { PartitionColumn } from "./hive-layout.ts";
import type { Partitioning } from "./partition-columns.ts";
import { valuesOfPath } from "./partition-path.ts";

/** How far time has come: a TIMESTAMP for each event-time column of the rows, and the watermark. */
export interface ReachedTime {
  readonly columns: ReadonlyMap<string, Sql>;
  readonly watermark: Sql;
}

export interface PartitionRule {
  /** In a person's words: what tells when a partition is complete. */
  readonly words: string;
  /** What the rule goes by at this time: as long as it is the same, the same partitions are complete. */
  boundAt(time: ReachedTime, delayMs: number): Promise<Bound>;
  /** Which of these partitions are complete. */
  complete(paths: readonly string[], bound: Bound): Promise<readonly string[]>;
  /** Whether a row is of a partition that is complete: SQL over its columns, false where it can't be told. */
  isLate(bound: Bound): Sql;
}

/** `none` and `all` are before the first event, and after the last. */
export type Bound = "none" | "all" | readonly (string | null)[];

export interface RuleOptions {
  readonly rows: readonly Column[];
  readonly partitions: readonly PartitionColumn[];
  readonly partitioning: Partitioning;
  readonly timeColumns: readonly string[];
  /** SQL over the partition columns and `watermark` that says it instead. */
  readonly when: string | undefined;
}

/** Undefined where nothing tells that a partition is complete but the end of the input. */
export async function partitionRule(
  database: Database,
  options: RuleOptions,
): Promise<PartitionRule | undefined> {
  if (options.when !== undefined) return declaredRule(database, options, options.when);
  const { rows, partitions, partitioning, timeColumns } = options;
  const derived: Derived[] = [];
  let by: string | undefined;
  for (const [index, { name, type }] of partitioning.columns.entries()) {
    const column = partitions[index];
    const isRowsOwn = rows.some((row) => row.name === name);
    const read = await columnsIn(database, isRowsOwn ? id(name).text : (column?.expression ?? ""));
    const [only] = read;
    const time = timeColumns.find((candidate) => candidate.toLowerCase() === only);
    if (read.length !== 1 || time === undefined || (by !== undefined && by !== time)) continue;
    by = time;
    derived.push({ name, type, expression: partitioning.expressions[index] ?? raw("NULL") });
  }
  const timeType = rows.find(({ name }) => name === by)?.type;
  if (by === undefined || timeType === undefined) return undefined;
  const time = { name: by, type: timeType };
  return (await sortsAsTime(database, time, derived)) ? derivedRule(database, time, derived) : undefined;
}

interface Derived extends Column {
  readonly expression: Sql;
}

function derivedRule(database: Database, time: Column, derived: readonly Derived[]): PartitionRule {
  const constant = (bound: readonly (string | null)[]): Sql =>
    sql`row(${derived.map(({ type }, index) => sql`CAST(${bound[index] ?? null} AS ${raw(type)})`)})`;
  return {
    words: `${derived.map(({ name }) => name).join(", ")} of what ${time.name} has reached`,
    async boundAt({ columns }, delayMs) {
      const reached = columns.get(time.name);
      if (reached === undefined) return "none";
      // What an infinite time would be in a partition's name is not asked.
      const values = derived.map(
        ({ expression }, index) => sql`CASE WHEN isinf(_t) THEN NULL ELSE (${expression})::VARCHAR END
          AS ${id(`v${index}`)}`,
      );
      const moment = sql`CAST(_t AS ${raw(time.type)}) AS ${id(time.name)}`;
      const row =
        await database.row(sql`SELECT isinf(_t) AS is_infinite, _t > 'epoch'::TIMESTAMP AS is_late, ${values}
        FROM (SELECT _t, ${moment} FROM (SELECT ${earlier(reached, delayMs)} AS _t))`);
      if (row["is_infinite"] === true) return row["is_late"] === true ? "all" : "none";
      return derived.map((_, index) => row[`v${index}`] as string | null);
    },
    async complete(paths, bound) {
      if (bound === "none") return [];
      if (bound === "all") return paths;
      const values = derived.map(({ name, type }) => sql`TRY_CAST(${id(name)} AS ${raw(type)})`);
      const names = derived.map(({ name }) => name);
      return pathsWhere(
        database,
        paths,
        names,
        sql`row(${values}) < ${constant(bound)} AND ${noneIsNull(names)}`,
      );
    },
    isLate: (bound) => {
      if (typeof bound === "string") return raw(String(bound === "all"));
      const values = derived.map(({ expression }) => expression);
      const known = join(
        values.map((value) => sql`(${value}) IS NOT NULL`),
        " AND ",
      );
      return sql`coalesce(row(${values}) < ${constant(bound)} AND ${known}, false)`;
    },
  };
}

function declaredRule(database: Database, { partitioning }: RuleOptions, when: string): PartitionRule {
  const names = partitioning.columns.map(({ name }) => name);
  const typed = (values: readonly Sql[], bound: string | null): Sql =>
    sql`SELECT *, CAST(${bound} AS TIMESTAMP) AS watermark FROM (SELECT ${values})`;
  return {
    words: when,
    async boundAt({ watermark }, delayMs) {
      const infinite = await infinityOf(database, watermark);
      if (infinite !== undefined) return infinite;
      const row = await database.row(sql`SELECT (${earlier(watermark, delayMs)})::VARCHAR AS t`);
      return [String(row["t"])];
    },
    async complete(paths, bound) {
      if (bound === "none") return [];
      if (bound === "all") return paths;
      const values = partitioning.columns.map(
        ({ name, type }) => sql`TRY_CAST(${id("_values", name)} AS ${raw(type)}) AS ${id(name)}`,
      );
      const holds = sql`coalesce((SELECT (${raw(when)}) FROM (${typed(values, bound[0] ?? null)})), false)`;
      return pathsWhere(database, paths, names, holds);
    },
    isLate: (bound) => {
      if (typeof bound === "string") return raw(String(bound === "all"));
      const values = partitioning.columns.map(
        ({ name }, index) => sql`${partitioning.expressions[index] ?? raw("NULL")} AS ${id(name)}`,
      );
      return sql`coalesce((SELECT (${raw(when)}) FROM (${typed(values, bound[0] ?? null)})), false)`;
    },
  };
}

/** Those of the paths for which a condition over their values, which are texts, holds. */
async function pathsWhere(
  database: Database,
  paths: readonly string[],
  names: readonly string[],
  condition: Sql,
): Promise<readonly string[]> {
  if (paths.length === 0) return [];
  const rows = paths.map((path) => {
    const values = valuesOfPath(path);
    const texts = names.map((name) => sql`CAST(${values.get(name) ?? null} AS VARCHAR)`);
    return sql`(${[literal(path), ...texts]})`;
  });
  const found = await database.rows(sql`SELECT _path FROM
    (VALUES ${rows}) AS _values(${["_path", ...names].map((name) => id(name))}) WHERE ${condition}`);
  return found.map((row) => String(row["_path"]));
}

function noneIsNull(names: readonly string[]): Sql {
  return join(
    names.map((name) => sql`${id(name)} IS NOT NULL`),
    " AND ",
  );
}

async function infinityOf(database: Database, timestamp: Sql): Promise<"none" | "all" | undefined> {
  const row = await database.row(
    sql`SELECT isinf(t) AS i, t > 'epoch'::TIMESTAMP AS p FROM (SELECT ${timestamp} AS t)`,
  );
  if (row["i"] === false) return undefined;
  return row["p"] === true ? "all" : "none";
}

function earlier(timestamp: Sql, delayMs: number): Sql {
  return delayMs === 0 ? timestamp : sql`${timestamp} - to_milliseconds(${delayMs})`;
}

/** Names of the columns that an expression reads, in lower case. */
async function columnsIn(database: Database, expression: string): Promise<readonly string[]> {
  const tree = await parseSelect(database, `SELECT ${expression}`);
  const names = [...nodesOf(tree)].flatMap((node) =>
    node["type"] === "COLUMN_REF" ? ((node["column_names"] as readonly string[]).at(-1) ?? []) : [],
  );
  return [...new Set(names.map((name) => name.toLowerCase()))];
}

/**
 * Whether the columns never go back as time goes on: over the hours of three years, and the minutes of three
 * days, among them the turn of a year. `hour(ts)` alone starts again each day.
 */
async function sortsAsTime(database: Database, time: Column, derived: readonly Derived[]): Promise<boolean> {
  const moment = sql`CAST(t AS ${raw(time.type)}) AS ${id(time.name)}`;
  const values = derived.map(({ expression }) => expression);
  const row = await database.row(sql`
    WITH times AS (
      FROM range(TIMESTAMP '2025-06-01', TIMESTAMP '2028-06-01', INTERVAL 1 HOUR) r(t)
      UNION ALL FROM range(TIMESTAMP '2026-12-30', TIMESTAMP '2027-01-02', INTERVAL 1 MINUTE) r(t)
    ), computed AS (SELECT t, row(${values}) AS v FROM (SELECT t, ${moment} FROM times))
    SELECT coalesce(bool_and(sorts), true) AS sorts
    FROM (SELECT v >= lag(v) OVER (ORDER BY t) AS sorts FROM computed)`);
  return row["sorts"] === true;
}
