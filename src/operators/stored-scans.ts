/**
 * The places of a query that is not answered from its batch alone, and what is kept for each: the rows that
 * it reads there or, where a subquery is an aggregation that merges, that aggregation's groups.
 */

import { type Column, type Database, DuckdbError } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import {
  fromClause,
  nodesOf,
  replaceNodes,
  selectText,
  type TreeNode,
  textIn,
  writeTree,
} from "../duckdb/syntax.ts";
import { aggregateSql } from "../sql/aggregate-sql.ts";
import type { AnalyzedQuery } from "../sql/analyzed-query.ts";
import { inputView } from "../sql/input.ts";
import { inPlainNames } from "../sql/plain-names.ts";
import { isSimpleAggregate, relationOf } from "../sql/query-analysis.ts";
import { refuseHiddenWindow } from "../sql/refusals.ts";
import { markedItem, numberScans, type StreamScan } from "../sql/scan-numbering.ts";
import { type OwnColumns, PLAIN_COLUMNS, relation, type Stream, type TimeBound } from "../sql/stream.ts";
import {
  type Catalog,
  groupKeysOf,
  includesName,
  indexOfExpression,
  isColumn,
  modifiersOf,
  selectListOf,
} from "../sql/syntax-facts.ts";
import { type Timing, timingOf } from "../sql/window-time.ts";
import { nameOf, WINDOW_COLUMNS, type WindowCall, windowCallOf, windowNames } from "../sql/windows.ts";
import { rowShape, sessionShape } from "./row-store.ts";
import { inputRule, type StateRules } from "./state-rules.ts";
import { openStore, type Store, type StoreShape } from "./store.ts";

/** A place and what its store holds; places that read the same have one store. */
export interface StoredScan {
  readonly kind: "rows" | "groups";
  readonly storeName: string;
  readonly input: Stream;
  readonly window: WindowCall | undefined;
  readonly timing: Timing | undefined;
  /** The columns that the query reads there. */
  readonly columns: readonly Column[];
  /** Those by which its rows may be split, in lower case, with their types. */
  readonly splitColumns: ReadonlyMap<string, string>;
  /** The column that holds the key of its sessions, in lower case. */
  readonly sessionKey: string | undefined;
  /** Those of its columns that are its window's, by their names in lower case. */
  readonly windowColumns: ReadonlyMap<string, "window_start" | "window_end">;
  /** What makes its sessions, as SQL: which rows are forgotten together; undefined for other places. */
  readonly sessions: string | undefined;
  /** How its store keeps what it keeps; `end` is when a row may be forgotten, for rows without windows. */
  shape(end: Sql): StoreShape;
}

export interface StoredScans {
  /** The query without CTEs, with its places marked. */
  readonly tree: TreeNode;
  readonly places: readonly StoredScan[];
}

export interface StoredScansRequest {
  readonly database: Database;
  readonly query: string;
  /** Without CTEs. */
  readonly select: TreeNode;
  readonly streams: ReadonlyMap<string, Stream>;
  readonly catalog: Catalog;
  readonly isLegacy: boolean;
  readonly isGeneral: boolean;
  readonly own: OwnColumns;
}

/** What a rewrite of kept rows leaves. */
export interface Pruning {
  merged(rows: Sql): Sql;
  /** The same in a person's words, with all that decides it. */
  readonly words: string;
}

/** How a store is to be kept. */
export interface Keeping {
  readonly sources: readonly string[];
  /** What is late; undefined where nothing is. */
  readonly late: TimeBound | undefined;
  /** Undefined where rows are kept for ever. */
  readonly bound: TimeBound | undefined;
  /** For rows without windows: when each may be forgotten. */
  readonly end: Sql;
  /** Which rows a rewrite keeps, where that is no matter of time alone. */
  readonly pruning?: Pruning;
  /** What else decides which rows there are, and what is made of them for good. */
  readonly rules?: StateRules;
}

/** Opens a place's store. */
export async function openStoredScan(
  { database, minRowsToRewrite, own }: Pick<AnalyzedQuery, "database" | "minRowsToRewrite" | "own">,
  place: StoredScan,
  { sources, late, bound, end, pruning, rules }: Keeping,
  timeColumn: string | undefined = place.timing?.timeColumn,
): Promise<Store> {
  const time = late === undefined ? undefined : timeColumn;
  await database.run(inputView(place.storeName, place.input, time, own));
  return openStore({
    ...place.shape(end),
    ...(pruning === undefined ? {} : { merged: (rows) => pruning.merged(rows) }),
    rules: {
      ...inputRule(place.input),
      ...(place.sessions === undefined ? {} : { "splits into sessions": place.sessions }),
      keeps: pruning?.words ?? "every row",
      ...rules,
    },
    columns: place.columns,
    sources,
    late,
    bound,
    minRowsToRewrite,
  });
}

export async function storedScansOf(request: StoredScansRequest): Promise<StoredScans> {
  const { select, catalog, query } = request;
  const groups = new Map<TreeNode, StoredScan>();
  const byText = new Map<string, StoredScan>();
  const nextName = (): string => (byText.size === 0 ? query : `${query}$${byText.size}`);
  for (const node of nodesOf(select)) {
    if (node["type"] !== "SUBQUERY" || node["class"] !== undefined) continue;
    const inner = (node["subquery"] as TreeNode)["node"] as TreeNode;
    const text = `groups ${writeTree(inner)}`;
    const place = byText.get(text) ?? (await groupsPlace(request, inner, nextName()));
    if (place === undefined) continue;
    byText.set(text, place);
    groups.set(node, place);
  }
  const places: StoredScan[] = [];
  const marked = replaceNodes(select, (node) => {
    const place = groups.get(node);
    if (place === undefined) return undefined;
    places.push(place);
    return markedItem(node, places.length - 1, textIn(node, "alias"));
  }) as TreeNode;
  const { tree, scans } = numberScans(marked, catalog, places.length);
  for (const scan of scans) {
    const place = await rowsPlace(request, scan, marked, nextName());
    const windowText = scan.window === undefined ? "" : writeTree({ ...scan.from, alias: "" });
    const text = `rows ${scan.stream} ${windowText}`;
    places.push(byText.get(text) ?? place);
    if (!byText.has(text)) byText.set(text, place);
  }
  return { tree, places };
}

/** Undefined where the subquery is no aggregation over one place whose aggregates merge. */
async function groupsPlace(
  { database, streams, catalog, isLegacy, isGeneral, own }: StoredScansRequest,
  select: TreeNode,
  storeName: string,
): Promise<StoredScan | undefined> {
  if (isGeneral || !isSimpleAggregate(select, catalog) || modifiersOf(select).length > 0) return undefined;
  const from = select["from_table"] as TreeNode;
  const window = windowCallOf(from);
  const input = streams.get(catalog.streamOf(window?.stream ?? textIn(from, "table_name")) ?? "");
  if (input === undefined || input.mode !== "append") return undefined;
  refuseHiddenWindow(window, input);
  const known = namesIn(input, window);
  const plain = inPlainNames(select, known);
  const given = groupKeysOf(plain, known, catalog);
  // Which rows are one session, also those tell that WHERE leaves out.
  if (window?.kind === "session" && select["where_clause"] !== null) return undefined;
  const session = window?.kind === "session" ? sessionKeysOf(given, window) : undefined;
  if (window?.kind === "session" && session === undefined) return undefined;
  const keys = session?.keys ?? given;
  const isWindowed = window !== undefined && keys.some((key) => isColumn(key, windowNames(window.kind)));
  if (window !== undefined && !isWindowed) return undefined;
  const timing = window === undefined ? undefined : await timingOf(database, plain, window, input);
  // The end less the gap is then not the time of its last row.
  if (session !== undefined && timing?.closesAfter !== undefined) return undefined;
  const columns = await describeAlone(database, select);
  if (columns === undefined) return undefined;
  await database.run(inputView(storeName, input, timing?.timeColumn, own));
  const parts = await aggregateSql(database, {
    select: plain,
    columns,
    keys,
    from: overInput(plain["from_table"] as TreeNode, relation.input(storeName)),
    windowEnd: timing?.windowEnd(keys) ?? (() => raw("NULL::TIMESTAMP")),
    ...(session === undefined
      ? {}
      : { session: { ...session, gap: timing?.sizes[0] ?? raw("INTERVAL 0 SECOND") } }),
    timeColumn: timing?.timeColumn,
    offsetUs: timing?.offsetUs,
    catalog,
    own,
    isLegacy,
  });
  if (parts === undefined) return undefined;
  const keyNames = new Map<string, Sql>();
  const windowColumns = new Map<string, "window_start" | "window_end">();
  for (const [index, key] of keys.entries()) {
    const name = columns[indexOfExpression(selectListOf(plain), key)]?.name.toLowerCase();
    if (name === undefined) continue;
    keyNames.set(name, id(`_k${index}`));
    if (
      window !== undefined &&
      isColumn(key, session === undefined ? windowNames(window.kind) : WINDOW_COLUMNS)
    )
      windowColumns.set(name, nameOf(key)?.toLowerCase() as "window_start" | "window_end");
  }
  const sessionKey = [...keyNames].find(([, name]) => name.text === id(`_k${session?.key}`).text)?.[0];
  // What does not tell its sessions apart is answered from their rows.
  if (session !== undefined && (sessionKey === undefined || windowColumns.size === 0)) return undefined;
  return {
    kind: "groups",
    storeName,
    input,
    window,
    timing,
    columns,
    splitColumns: typesOf(columns, (name) => keyNames.has(name)),
    windowColumns,
    sessionKey,
    sessions: undefined,
    shape: () => ({
      name: storeName,
      own: PLAIN_COLUMNS,
      ...(session === undefined ? {} : { resolved: (rows: Sql) => parts.combined(rows) }),
      size: parts.size,
      words: [
        window === undefined ? "one row a key" : "one row a key and window",
        ...(parts.holdsValues ? ["with its values"] : []),
      ].join(" "),
      partial: (batchId) => parts.partial(batchId),
      answer: (rows) => parts.answer(rows),
      unordered: (rows) => parts.answer(rows),
      columnOf: (column) => keyNames.get(column) ?? id(column),
      merged: (rows) => parts.combined(rows),
    }),
  };
}

/**
 * The keys of an aggregation over sessions, if it has no others than the session's: with both ends of the
 * window, which the merging needs even where they are not selected.
 */
function sessionKeysOf(given: readonly TreeNode[], { parameters }: WindowCall) {
  const [, sessionKey] = parameters;
  const name = nameOf(sessionKey);
  if (sessionKey?.["class"] !== "COLUMN_REF" || name === undefined) return undefined;
  if (!given.every((key) => isColumn(key, [name, ...WINDOW_COLUMNS]))) return undefined;
  if (!given.some((key) => isColumn(key, [name])) || !given.some((key) => isColumn(key, WINDOW_COLUMNS)))
    return undefined;
  const ends = WINDOW_COLUMNS.filter((end) => !given.some((key) => isColumn(key, [end])));
  const keys = [...given, ...ends.map((end) => ({ ...sessionKey, alias: "", column_names: [end] }))];
  const indexOf = (wanted: string): number => keys.findIndex((key) => isColumn(key, [wanted]));
  return { keys, key: indexOf(name), start: indexOf("window_start"), end: indexOf("window_end") };
}

/** Undefined for a LATERAL subquery, which names columns of the query around it. */
async function describeAlone(database: Database, select: TreeNode): Promise<Column[] | undefined> {
  try {
    return await database.describe(await selectText(database, select));
  } catch (error) {
    if (error instanceof DuckdbError) return undefined;
    throw error;
  }
}

async function rowsPlace(
  { database, streams, own }: StoredScansRequest,
  { stream, window, from }: StreamScan,
  select: TreeNode,
  storeName: string,
): Promise<StoredScan> {
  const input = streams.get(stream);
  if (input === undefined) throw new RangeError(`No stream ${stream}`);
  refuseHiddenWindow(window, input);
  const timing = window === undefined ? undefined : await timingOf(database, select, window, input);
  await database.run(inputView(storeName, input, timing?.timeColumn, own));
  const used = usedColumns(select, input, streamAliases(select));
  const bare = { ...from, alias: "", column_name_alias: [] };
  const inputText = await fromClause(database, select, overInput(bare, relation.input(storeName)));
  const windowColumns =
    window === undefined
      ? []
      : await database.describe(sql`SELECT ${WINDOW_COLUMNS.map((name) => id(name))} ${inputText}`);
  const columns = [...used, ...windowColumns];
  const keyOfSession = window?.kind === "session" ? window.parameters[1] : undefined;
  const sessionKey =
    keyOfSession?.["class"] === "COLUMN_REF" ? nameOf(keyOfSession)?.toLowerCase() : undefined;
  const sessions =
    window?.kind === "session" ? await fromClause(database, select, overInput(bare, "_rows")) : undefined;
  const names = window === undefined ? [] : windowNames(window.kind);
  return {
    kind: "rows",
    storeName,
    input,
    window,
    timing,
    columns,
    splitColumns: typesOf(columns, (name) =>
      sessions === undefined
        ? !includesName(WINDOW_COLUMNS, name) || names.includes(name)
        : name === sessionKey || includesName(WINDOW_COLUMNS, name),
    ),
    sessionKey,
    sessions: sessions?.text,
    windowColumns: new Map(
      window === undefined ? [] : WINDOW_COLUMNS.map((name) => [name, name as "window_start" | "window_end"]),
    ),
    shape: (end) =>
      sessions === undefined || timing === undefined
        ? rowShape({
            name: storeName,
            own,
            columns,
            from: inputText,
            end: window === undefined ? end : id("window_end"),
          })
        : sessionShape({
            name: storeName,
            own,
            columns,
            from: sql`FROM ${id(relation.input(storeName))}`,
            timeColumn: timing.timeColumn,
            gap: timing.sizes[0] ?? raw("INTERVAL 0 SECOND"),
            closesAfter: timing.closesAfter,
            sessions,
          }),
  };
}

/** The names that a query over one stream, or its windows, may use. */
export function namesIn({ columns }: Stream, window: WindowCall | undefined): readonly string[] {
  const own = columns.map(({ name }) => name);
  return window === undefined ? own : [...own, ...WINDOW_COLUMNS];
}

/** Types of columns by their names in lower case. */
function typesOf(
  columns: readonly Column[],
  isWanted: (name: string) => boolean,
): ReadonlyMap<string, string> {
  return new Map(
    columns.map(({ name, type }) => [name.toLowerCase(), type] as const).filter(([name]) => isWanted(name)),
  );
}

/** The names that may stand for a whole row, in lower case. */
function streamAliases(select: TreeNode): ReadonlySet<string> {
  const items = [...nodesOf(select)].filter(
    (node) =>
      node["type"] === "BASE_TABLE" || node["type"] === "TABLE_FUNCTION" || node["type"] === "SUBQUERY",
  );
  return new Set(items.map((item) => relationOf(item).toLowerCase()));
}

/**
 * The columns of a stream that the query may read: all, where a `*` or a whole row stands somewhere, or a
 * PIVOT, which groups by those that it does not name.
 */
function usedColumns(
  select: TreeNode,
  { columns, times }: Stream,
  aliases: ReadonlySet<string>,
): readonly Column[] {
  const used = new Set([...times.keys()].map((time) => time.toLowerCase()));
  for (const node of nodesOf(select)) {
    if (node["class"] === "STAR" || node["ref_type"] === "NATURAL" || node["type"] === "PIVOT")
      return columns;
    const names = [
      ...((node["column_names"] ?? []) as readonly string[]),
      ...((node["using_columns"] ?? []) as readonly string[]),
    ].map((part) => part.toLowerCase());
    const isWholeRow = names.length === 1 && aliases.has(names[0] ?? "");
    const isRenamed = ((node["column_name_alias"] ?? []) as readonly string[]).length > 0;
    if (isWholeRow || isRenamed) return columns;
    for (const part of names) used.add(part);
  }
  const kept = columns.filter((column) => used.has(column.name.toLowerCase()));
  return kept.length === 0 ? columns.slice(0, 1) : kept;
}

/** The FROM item with another relation in the stream's place, under the stream's name. */
export function overInput(from: TreeNode, view: string): TreeNode {
  if (windowCallOf(from) === undefined) {
    const alias = textIn(from, "alias") === "" ? textIn(from, "table_name") : textIn(from, "alias");
    return { ...from, table_name: view, alias };
  }
  const call = from["function"] as TreeNode;
  const [stream, ...others] = call["children"] as readonly TreeNode[];
  const renamed = { ...stream, class: "COLUMN_REF", type: "COLUMN_REF", column_names: [view] } as TreeNode;
  return { ...from, function: { ...call, children: [renamed, ...others] } };
}
