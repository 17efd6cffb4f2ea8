/**
 * From a checked job to queries that can run: order, shape, state. Every refusal says why and what would
 * help.
 */

import { StreamkitError } from "../base/error.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, sql } from "../duckdb/sql.ts";
import { fromClause, replaceNodes, selectText, type TreeNode, textIn } from "../duckdb/syntax.ts";
import type { QueryConfig } from "../job/schema.ts";
import { aggregateQuery } from "./aggregate-query.ts";
import { aggregateSql } from "./aggregate-sql.ts";
import { functionNames } from "./function-names.ts";
import { hiddenAggregate } from "./hidden-aggregates.ts";
import { emptyTable, inputView } from "./input.ts";
import { withoutCtes } from "./lineage.ts";
import { inPlainNames } from "./plain-names.ts";
import type { PlannedQuery, Query } from "./query.ts";
import { at, type ParsedText, parseQueries, type QueryTexts } from "./query-texts.ts";
import { refusal, refuseDoubleNames, refuseHiddenWindow, refuseRowid } from "./refusals.ts";
import { rowsQuery } from "./rows-query.ts";
import { shapeOf } from "./shape.ts";
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
import { type Timing, timingOf } from "./timing.ts";
import { nameOf, WINDOW_COLUMNS, type WindowCall, windowCallOf } from "./windows.ts";

export interface PlanRequest extends QueryTexts {
  /** The sources as streams; their empty temporary tables exist. */
  readonly sources: readonly Stream[];
}

interface Parsed extends ParsedText {
  readonly reads: readonly string[];
}

/** The queries in an order in which each comes after what it reads. Throws code `job`. */
export async function planQueries(database: Database, request: PlanRequest): Promise<PlannedQuery[]> {
  const names = Object.keys(request.queries);
  const { aggregates, volatile } = await functionNames(database);
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
      `mode ${config.mode} needs aggregates that merge (count, sum, min, max, avg, arg_min, first, last, …)`,
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
    alias: textIn(from, "alias") === "" ? window.kind : textIn(from, "alias"),
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

/** The FROM item with another relation in the stream's place, under the stream's name. */
function overInput(from: TreeNode, view: string): TreeNode {
  if (windowCallOf(from) === undefined) {
    const alias = textIn(from, "alias") === "" ? textIn(from, "table_name") : textIn(from, "alias");
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
