/** From a checked job to queries that can run: order, shape, state. Every refusal says why and what would help. */

import { StreamkitError } from "../base/error.ts";
import { type Column, type Database, DuckdbError } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import {
  expressionText,
  fromClause,
  parseSelect,
  replaceNodes,
  selectText,
  type TreeNode,
} from "../duckdb/syntax.ts";
import { type QueryConfig, queryConfig } from "../job/schema.ts";
import { aggregateQuery } from "./aggregate-query.ts";
import { aggregateSql } from "./aggregate-sql.ts";
import { MAX_OFFSET_US } from "./aggregates.ts";
import { hiddenAggregate } from "./hidden-aggregates.ts";
import { emptyTable, inputView } from "./input.ts";
import { withoutCtes } from "./lineage.ts";
import { inPlainNames } from "./plain-names.ts";
import type { PlannedQuery, Query } from "./query.ts";
import { refusal, refuseDoubleNames, refuseHiddenWindow, refuseRowid } from "./refusals.ts";
import { rowsQuery } from "./rows-query.ts";
import { shapeOf, type WindowColumns } from "./shape.ts";
import { statelessQuery } from "./stateless-query.ts";
import { relation, type Stream, type TimeBound } from "./stream.ts";
import {
  type Catalog,
  groupKeysOf,
  hasModifier,
  indexOfExpression,
  isColumn,
  isDistinctOn,
  leavesOf,
  selectListOf,
} from "./syntax-facts.ts";
import { nameOf, openWindowStart, WINDOW_COLUMNS, type WindowCall, windowCallOf } from "./windows.ts";

interface QueryTexts {
  readonly queries: Readonly<Record<string, string | QueryConfig>>;
  readonly errorAt: (keyPath: readonly PropertyKey[], message: string, cause?: unknown) => Error;
}

export interface PlanRequest extends QueryTexts {
  /** The sources as streams; their empty temporary tables exist. */
  readonly sources: readonly Stream[];
}

interface ParsedText {
  readonly name: string;
  readonly config: QueryConfig;
  readonly select: TreeNode;
}

interface Parsed extends ParsedText {
  readonly reads: readonly string[];
}

/** Each query's syntax tree; nothing is known of tables and columns yet. Throws code `job`. */
export async function parseQueries(database: Database, request: QueryTexts): Promise<ParsedText[]> {
  const parsed: ParsedText[] = [];
  for (const [name, query] of Object.entries(request.queries)) {
    const config = queryConfig(query);
    parsed.push({ name, config, select: await at(request, name, () => parseSelect(database, config.sql)) });
  }
  return parsed;
}

/** The queries in an order in which each comes after what it reads. Throws code `job`. */
export async function planQueries(database: Database, request: PlanRequest): Promise<PlannedQuery[]> {
  const names = Object.keys(request.queries);
  const aggregates = (await functionNames(database, sql`function_type = 'aggregate'`)).add("count_star");
  const volatile = await functionNames(
    database,
    sql`stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')
      AND function_name NOT IN ('error', 'current_database', 'current_schema', 'current_schemas', 'in_search_path')`,
  );
  const streamNames = new Map(
    [...request.sources.map(({ name }) => name), ...names].map((name) => [name.toLowerCase(), name]),
  );
  const catalog: Catalog = {
    streamOf: (name) => streamNames.get(name.toLowerCase()),
    isAggregate: (name) => aggregates.has(name),
    isVolatile: (name) => volatile.has(name),
  };
  const parsed = (await parseQueries(database, request)).map((query): Parsed => {
    const leaves = leavesOf(withoutCtes(query.select), catalog);
    return { ...query, reads: leaves.map(({ stream }) => stream) };
  });
  const streams = new Map(request.sources.map((stream) => [stream.name, stream]));
  const planned: PlannedQuery[] = [];
  for (const query of inOrder(parsed, request)) {
    const plan = await at(request, query.name, () => planQuery(database, query, streams, catalog));
    await database.run(emptyTable(query.name, plan.output.columns));
    streams.set(query.name, plan.output);
    planned.push({ ...plan, reads: query.reads });
  }
  return planned;
}

async function functionNames(database: Database, condition: Sql): Promise<Set<string>> {
  const rows = await database.rows(
    sql`SELECT DISTINCT function_name AS name FROM duckdb_functions() WHERE ${condition}`,
  );
  return new Set(rows.map((row) => String(row["name"])));
}

/** Errors of one query point to its place in the job file. */
async function at<T>(request: QueryTexts, name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof DuckdbError || (error instanceof StreamkitError && error.code === "job")) {
      const isText = typeof request.queries[name] === "string";
      throw request.errorAt(
        isText ? ["queries", name] : ["queries", name, "sql"],
        withoutExcerpt(error.message),
        error,
      );
    }
    throw error;
  }
}

/** DuckDB shows the statement below its message; ours is not the user's own, and the place is named already. */
function withoutExcerpt(message: string): string {
  return message
    .replace(/\n\s*LINE \d+:[\s\S]*$/, "")
    .replace(/^(?:Binder|Parser|Catalog) Error: /, "")
    .replaceAll(/\n+/g, "; ")
    .trim();
}

function inOrder(parsed: readonly Parsed[], request: PlanRequest): Parsed[] {
  const done = new Set(request.sources.map(({ name }) => name));
  const ordered: Parsed[] = [];
  while (ordered.length < parsed.length) {
    const ready = parsed.filter(
      (query) =>
        !done.has(query.name) &&
        query.reads.every((name) => done.has(name) || !parsed.some((other) => other.name === name)),
    );
    if (ready.length === 0) {
      const cycle = parsed.filter(({ name }) => !done.has(name)).map(({ name }) => name);
      throw request.errorAt(
        ["queries", cycle[0] ?? ""],
        `queries read each other in a circle: ${cycle.join(", ")}`,
      );
    }
    for (const query of ready) done.add(query.name);
    ordered.push(...ready);
  }
  return ordered;
}

async function planQuery(
  database: Database,
  { name, config, select, reads }: Parsed,
  streams: ReadonlyMap<string, Stream>,
  catalog: Catalog,
): Promise<Query> {
  const columns = await database.describe(raw(config.sql));
  refuseDoubleNames(columns);
  for (const read of reads) {
    if (streams.get(read)?.mode !== "append" && streams.has(read))
      throw refusal(
        `it reads "${read}", whose rows change (mode: ${streams.get(read)?.mode})`,
        "read an append-mode query",
      );
  }
  const shape = shapeOf(select, catalog);
  if (shape.kind === "refused") throw refusal(shape.reason, shape.remedy);
  const inputs = [...new Set(reads)].flatMap((read) => streams.get(read) ?? []);
  refuseRowid(select, inputs);
  if (shape.kind !== "aggregate") {
    const hidden = await hiddenAggregate(database, withoutCtes(select), catalog);
    if (hidden !== undefined)
      throw refusal(
        `${hidden.text} in a subquery is an aggregate over the rows of the query around it`,
        "write it outside of the subquery",
      );
  }
  if (shape.kind === "stateless") {
    for (const leaf of leavesOf(withoutCtes(select), catalog)) {
      const input = streams.get(leaf.stream);
      if (leaf.kind === "window" && input !== undefined) refuseHiddenWindow(windowCallOf(leaf.from), input);
    }
    if (config.mode !== "append")
      throw refusal(
        `mode ${config.mode} needs an aggregation: these rows never change`,
        "leave the mode out",
      );
    return statelessQuery(database, name, config.sql, select, inputs);
  }
  const input = streams.get(shape.stream);
  if (input === undefined) throw refusal(`there is no stream "${shape.stream}"`, "name a source or a query");
  refuseHiddenWindow(shape.window, input);
  const known = [...input.columns.map((column) => column.name), ...WINDOW_COLUMNS];
  const plain = shape.kind === "aggregate" ? inPlainNames(select, known) : select;
  const keys = shape.kind === "aggregate" ? groupKeysOf(plain, known, catalog) : [];
  const isWindowed = shape.window !== undefined && keys.some((key) => isColumn(key, WINDOW_COLUMNS));
  const window = shape.kind === "window rows" || isWindowed ? shape.window : undefined;
  const timing = window === undefined ? undefined : await timingOf(database, plain, window, input);
  await database.run(inputView(name, input, timing?.timeColumn));
  const times = timing?.times(shape.local ?? new Map(), columns) ?? new Map<string, TimeBound>();
  const common = { name, input, columns, times };
  if (shape.kind === "aggregate") {
    if (isWindowed && shape.local === undefined)
      throw refusal(
        "LIMIT or DISTINCT over all windows has no end",
        "put it into a window function over window_start",
      );
    if (config.mode === "complete" && isWindowed)
      throw refusal("complete mode would keep every window for ever", "use mode: update");
    if (config.mode !== "append" && hasModifier(plain, "LIMIT"))
      throw refusal(
        `LIMIT in mode ${config.mode} is not in this version`,
        "use append mode, or leave LIMIT to the reader",
      );
    if (config.mode !== "append" && isDistinctOn(plain))
      throw refusal(
        `DISTINCT ON in mode ${config.mode} would compare keys that did not change`,
        "use append mode, or group by what it names",
      );
    const parts = await aggregateSql(database, {
      select: plain,
      columns,
      keys,
      from: overInput(plain["from_table"] as TreeNode, relation.input(name)),
      windowEnd: timing?.windowEnd(keys),
      timeColumn: timing?.timeColumn,
      offsetUs: timing?.offsetUs,
      catalog,
    });
    if (parts !== undefined) {
      const key = config.mode === "append" ? (config.key ?? []) : keyOf(plain, keys, columns, config);
      return aggregateQuery({ ...common, mode: config.mode, key, parts, bound: timing?.bound });
    }
    if (!isWindowed)
      throw refusal(
        "one of its aggregates needs all rows, and no window bounds them",
        "group it by window_start of tumble(…) or hop(…)",
      );
  }
  if (config.mode !== "append" || window === undefined || timing === undefined)
    throw refusal(
      `mode ${config.mode} needs aggregates that merge (count, sum, min, max, avg, arg_min, arg_max, first, last, …)`,
      "use append mode for this query",
    );
  return planRows(database, select, common, window, timing);
}

interface Common {
  readonly name: string;
  readonly input: Stream;
  readonly columns: readonly Column[];
  readonly times: ReadonlyMap<string, TimeBound>;
}

async function planRows(
  database: Database,
  select: TreeNode,
  common: Common,
  window: WindowCall,
  timing: Timing,
): Promise<Query> {
  const from = leafOf(select);
  const inputFrom = overInput(from, relation.input(common.name));
  const fromText = await fromClause(database, select, inputFrom);
  const closingTable: TreeNode = {
    type: "BASE_TABLE",
    alias: String(from["alias"]) === "" ? window.kind : String(from["alias"]),
    sample: null,
    query_location: from["query_location"] ?? "",
    schema_name: "",
    table_name: relation.closing(common.name),
    column_name_alias: [],
    catalog_name: "",
    at_clause: null,
  };
  const overClosing = replaceNodes(select, (node) =>
    windowCallOf(node) === undefined ? undefined : closingTable,
  );
  // What has no alias would be called after our text of it, not after the user's.
  const names = common.columns.map((column) => id(column.name));
  return rowsQuery({
    ...common,
    windowed: fromText,
    overClosing: sql`FROM (${await selectText(database, overClosing as TreeNode)}) AS answer (${names})`,
    timeColumn: timing.timeColumn,
    bound: timing.bound,
    why: "it needs all rows of a window at once",
  });
}

/** The window call of a query that has exactly one. */
function leafOf(select: TreeNode): TreeNode {
  let found: TreeNode | undefined;
  replaceNodes(select, (node) => {
    if (windowCallOf(node) !== undefined) found = node;
    return undefined;
  });
  if (found === undefined) throw new StreamkitError("bug", "A windowed query without a window");
  return found;
}

interface Timing {
  readonly timeColumn: string;
  readonly bound: TimeBound;
  /** Microseconds from a row's window_start to its time; undefined where they may be many. */
  readonly offsetUs: Sql | undefined;
  /** The end of a group's window, from the names of the columns that hold its keys. */
  windowEnd(keys: readonly TreeNode[]): (keyNames: readonly Sql[]) => Sql;
  /** Of the columns that come out. */
  times(local: WindowColumns, columns: readonly Column[]): ReadonlyMap<string, TimeBound>;
}

/** What the watermark means for a window's rows and for the window columns that come out. */
async function timingOf(
  database: Database,
  select: TreeNode,
  window: WindowCall,
  input: Stream,
): Promise<Timing> {
  const bound = [...input.times].find(
    ([column]) => column.toLowerCase() === window.timeColumn.toLowerCase(),
  )?.[1];
  if (bound === undefined) {
    const known = [...input.times.keys()].join(", ") || "none";
    throw refusal(
      `"${window.timeColumn}" is no event-time column of ${input.name} (it has: ${known})`,
      "name the source's time column with time:, and pass it through the queries between",
    );
  }
  const sizes = await Promise.all(
    window.parameters.map((parameter) => expressionText(database, select, parameter)),
  );
  const kind = window.kind === "hop" ? "hop" : "tumble";
  return {
    timeColumn: window.timeColumn,
    bound,
    offsetUs: await offsetOf(database, window, input, sizes),
    windowEnd(keys) {
      const start = keys.findIndex((key) => isColumn(key, ["window_start"]));
      const end = keys.findIndex((key) => isColumn(key, ["window_end"]));
      const size = sizes.at(-1) ?? raw("INTERVAL 0 SECOND");
      return (names) =>
        end >= 0 ? (names[end] ?? raw("NULL")) : sql`${names[start] ?? raw("NULL")} + ${size}`;
    },
    times(local, columns) {
      return new Map(
        columns.flatMap(({ name }): [string, TimeBound][] => {
          const meaning = local.get(name.toLowerCase());
          if (meaning === undefined) return [];
          return [
            [
              name,
              meaning === "window_end"
                ? bound
                : (watermark) => openWindowStart(kind, sizes, bound(watermark)),
            ],
          ];
        }),
      );
    },
  };
}

async function offsetOf(
  database: Database,
  { timeColumn }: WindowCall,
  { columns }: Stream,
  sizes: readonly Sql[],
): Promise<Sql | undefined> {
  const column = columns.find(({ name }) => name.toLowerCase() === timeColumn.toLowerCase());
  if (column?.type !== "TIMESTAMP") return undefined;
  const start = sql`TIMESTAMP '2000-01-01'`;
  const size = sizes.at(-1) ?? raw("INTERVAL 0 SECOND");
  const row = await database.row(sql`SELECT epoch_us(${start} + ${size}) - epoch_us(${start}) AS us`);
  const isShort = Number(row["us"]) <= MAX_OFFSET_US;
  return isShort ? sql`(epoch_us(${id(timeColumn)}) - epoch_us(window_start))` : undefined;
}

/** The FROM item with another relation in the stream's place, under the stream's name. */
function overInput(from: TreeNode, view: string): TreeNode {
  if (windowCallOf(from) === undefined) {
    const alias = String(from["alias"]) === "" ? String(from["table_name"]) : String(from["alias"]);
    return { ...from, table_name: view, alias };
  }
  const call = from["function"] as TreeNode;
  const [stream, ...others] = call["children"] as readonly TreeNode[];
  const renamed = { ...stream, class: "COLUMN_REF", type: "COLUMN_REF", column_names: [view] } as TreeNode;
  return { ...from, function: { ...call, children: [renamed, ...others] } };
}

/** The output columns that hold the group's keys: update mode names rows by them. */
function keyOf(
  select: TreeNode,
  keys: readonly TreeNode[],
  columns: readonly Column[],
  config: QueryConfig,
): readonly string[] {
  const found = keys.map((key) => {
    const column = columns[indexOfExpression(selectListOf(select), key)]?.name;
    if (column === undefined)
      throw refusal(
        `mode ${config.mode} names rows by their keys, and "${nameOf(key) ?? "a key"}" is not selected`,
        "select every GROUP BY key",
      );
    return column;
  });
  if (config.key !== undefined && config.key.toSorted().join("\0") !== found.toSorted().join("\0"))
    throw refusal(
      `the key is ${config.key.join(", ")}, but its groups are named by ${found.join(", ")}`,
      "leave key out",
    );
  return config.key ?? found;
}
