/**
 * The execution of one query: the cheapest that is right. From the batch alone, from merged groups, from the
 * windows that close, from a join's two sides, by running its SQL again over what a batch touched; or a
 * refusal with the reason and a way out.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { raw } from "../duckdb/sql.ts";
import { expressionText, type TreeNode } from "../duckdb/syntax.ts";
import type { QueryConfig } from "../job/schema.ts";
import { aggregateQuery } from "../operators/aggregate.ts";
import { rowSuspects } from "../operators/on-error/suspects.ts";
import { restOfGroups } from "../operators/on-error/without.ts";
import type { Query } from "../operators/query.ts";
import { statelessQuery } from "../operators/stateless.ts";
import { namesIn, overInput } from "../operators/stored-scans.ts";
import { aggregateSql } from "../sql/aggregate-sql.ts";
import {
  type AnalyzedQuery,
  type QueryRequest,
  refuseCompleteWindows,
  withLateness,
} from "../sql/analyzed-query.ts";
import { correlatedOuterAggregate } from "../sql/correlated-outer-aggregates.ts";
import { inputView } from "../sql/input.ts";
import { readsWith, withoutCtes } from "../sql/lineage.ts";
import { namesTaken } from "../sql/own-names.ts";
import { inPlainNames } from "../sql/plain-names.ts";
import { aroundGroups, asSubquery } from "../sql/post-aggregation.ts";
import { onOneTime } from "../sql/processing-time.ts";
import { isGroupingOne, isSimpleAggregate, refuseUnfit, whyNotRowWise } from "../sql/query-analysis.ts";
import {
  refusal,
  refuseDoubleNames,
  refuseFiles,
  refuseHiddenWindow,
  refuseParameters,
  refuseRecursion,
  refuseRowid,
  refuseUnnamedStructs,
} from "../sql/refusals.ts";
import { withResolvedNames } from "../sql/resolved-names.ts";
import { numberScans, type StreamScan } from "../sql/scan-numbering.ts";
import { ownColumns, relation, type Stream, type TimeBound } from "../sql/stream.ts";
import {
  groupKeysOf,
  hasMadeRows,
  hasModifier,
  includesName,
  indexOfExpression,
  isColumn,
  isDistinctOn,
  modifiersOf,
  nameAmong,
  selectListOf,
} from "../sql/syntax-facts.ts";
import { refuseUnitless, windowSizes } from "../sql/window-sizes.ts";
import { timingOf } from "../sql/window-time.ts";
import { hasConstantOrigin, hasConstantSize, nameOf, WINDOW_COLUMNS, windowNames } from "../sql/windows.ts";
import { planAppend, planGeneral } from "./plan-append.ts";
import { planRecompute } from "./plan-recompute.ts";

/** Throws code `job` with the reason and a way out. */
export async function planQuery(given: QueryRequest): Promise<Query> {
  const { database, config, select, catalog } = given;
  refuseFiles(select);
  refuseParameters(select);
  const written = withoutCtes(select, catalog);
  const { scans } = numberScans(written, catalog);
  for (const { window, from } of scans) {
    if (window === undefined) continue;
    refuseUnitless(window);
    if (readsWith(from))
      throw refusal(
        `${window.kind}(…) reads "${window.stream}" of its WITH, which does more than choose rows`,
        "make that a query of its own, under queries:",
      );
  }
  const columns = await database.describe(raw(config.sql));
  refuseDoubleNames(columns, config.mode);
  refuseUnnamedStructs(columns);
  refuseChanging(scans, given.streams);
  refuseUnfit(written, scans, catalog);
  const flat = await withResolvedNames(database, written);
  const notRowWise = whyNotRowWise(flat, catalog);
  const hasSessions = scans.some(({ window }) => window?.kind === "session");
  const isRowWise = notRowWise === undefined && !hasSessions;
  const timed = timedStreams(given.streams, scans, isRowWise);
  const read = new Map(scans.flatMap(({ stream }) => entryOf(given.streams, stream)));
  const own = ownColumns(await namesTaken({ ...given, streams: read }, written, columns));
  const request = { ...given, streams: timed, own };
  const { streams } = request;
  const inputs = [...new Set(scans.map(({ stream }) => stream))].flatMap((read) => streams.get(read) ?? []);
  refuseRowid(flat, inputs);
  for (const { stream, window } of scans) {
    const input = streams.get(stream);
    if (input !== undefined) refuseHiddenWindow(window, input);
  }
  const isJoin = scans.length > 1 && whyNotRowWise(flat, catalog, "streams") === undefined;
  if (typeof config.state === "object" && !(isJoin && config.mode === "append"))
    throw refusal("state: {keep: …} is for a join of streams", "leave it out, or say state: unbounded");
  const analyzed: AnalyzedQuery = {
    ...request,
    flat,
    written,
    columns,
    sources: [...new Set(inputs.flatMap(({ sources }) => sources))],
    notRowWise: notRowWise ?? "a session depends on rows still to come",
  };
  const isMerging = isSimpleAggregate(select, catalog) && !hasSessions;
  if (!isMerging) await refuseHiddenAggregate(analyzed);
  if (isRowWise) {
    await checkSizes(database, flat, scans, streams);
    if (config.mode !== "append")
      throw refusal(
        `mode ${config.mode} needs an aggregation: these rows never change`,
        "leave the mode out",
      );
    return statelessQuery(request, { flat, written, ...numberScans(flat, catalog) });
  }
  if (analyzed.isGeneral) return config.mode === "append" ? planGeneral(analyzed) : planRecompute(analyzed);
  if (hasSessions && isSimpleAggregate(select, catalog) && modifiersOf(select).length === 0)
    return planStateful({ ...analyzed, flat: await resolvedAround(database, flat) });
  const merged = isMerging ? await planMerged(analyzed) : undefined;
  return merged ?? planStateful({ ...analyzed, flat: (await overItsGroups(analyzed)) ?? flat });
}

/** An aggregation of one stream with window functions over its groups, as a query over the groups. */
async function overItsGroups(analyzed: AnalyzedQuery): Promise<TreeNode | undefined> {
  const { database, flat, streams, catalog, columns } = analyzed;
  if (analyzed.isLegacy || !isGroupingOne(flat, catalog) || flat["aggregate_handling"] === "FORCE_AGGREGATES")
    return undefined;
  const [scan] = numberScans(flat, catalog).scans;
  const input = streams.get(scan?.stream ?? "");
  if (scan === undefined || input === undefined) return undefined;
  const known = namesIn(input, scan.window);
  const plain = inPlainNames(flat, known);
  const around = await aroundGroups(database, plain, groupKeysOf(plain, known, catalog), columns, catalog);
  return around && withResolvedNames(database, around);
}

async function resolvedAround(database: Database, flat: TreeNode): Promise<TreeNode> {
  return withResolvedNames(database, await asSubquery(database, flat));
}

/** Of windows that are only added to rows: nothing else looks at their sizes before there are rows. */
async function checkSizes(
  database: Database,
  select: TreeNode,
  scans: readonly StreamScan[],
  streams: ReadonlyMap<string, Stream>,
): Promise<void> {
  for (const { stream, window } of scans) {
    if (window === undefined || !hasConstantSize(window) || !hasConstantOrigin(window)) continue;
    const time = streams.get(stream)?.columns.find(({ name }) => includesName([window.timeColumn], name));
    await windowSizes(database, select, window, time?.type);
  }
}

function entryOf<Value>(map: ReadonlyMap<string, Value>, key: string): readonly (readonly [string, Value])[] {
  const value = map.get(key);
  return value === undefined ? [] : [[key, value]];
}

function planStateful(analyzed: AnalyzedQuery): Promise<Query> {
  refuseRecursion(analyzed.flat);
  return analyzed.config.mode === "append" ? planAppend(analyzed) : planRecompute(analyzed);
}

/** The streams as the query sees them: with one time each, but where it only passes both on. */
function timedStreams(
  streams: ReadonlyMap<string, Stream>,
  scans: readonly StreamScan[],
  isRowWise: boolean,
): ReadonlyMap<string, Stream> {
  return new Map(
    [...streams].map(([name, stream]) => {
      const windows = scans.flatMap((scan) => (scan.stream === name ? (scan.window ?? []) : []));
      return [name, isRowWise && windows.length === 0 ? stream : onOneTime(stream, windows)];
    }),
  );
}

function refuseChanging(scans: readonly StreamScan[], streams: ReadonlyMap<string, Stream>): void {
  for (const { stream } of scans) {
    const mode = streams.get(stream)?.mode ?? "append";
    if (mode !== "append")
      throw refusal(`it reads "${stream}", whose rows change (mode: ${mode})`, "read an append-mode query");
  }
}

async function refuseHiddenAggregate({ database, written, catalog }: AnalyzedQuery): Promise<void> {
  const hidden = await correlatedOuterAggregate(database, written, catalog);
  if (hidden !== undefined)
    throw refusal(
      `${hidden.text} in a subquery is an aggregate over the rows of the query around it`,
      "write it outside of the subquery",
    );
}

/** One aggregation over one stream; undefined where it does not merge, or does not give a row a group. */
async function planMerged(analyzed: AnalyzedQuery): Promise<Query | undefined> {
  const { database, name, config, flat, streams, catalog, columns } = analyzed;
  const [scan] = numberScans(flat, catalog).scans;
  const input = streams.get(scan?.stream ?? "");
  if (scan === undefined || input === undefined) return undefined;
  const known = namesIn(input, scan.window);
  const plain = inPlainNames(flat, known);
  const keys = groupKeysOf(plain, known, catalog);
  const window =
    scan.window !== undefined && keys.some((key) => isColumn(key, windowNames(scan.window?.kind ?? "tumble")))
      ? scan.window
      : undefined;
  const cutsAnswer = hasModifier(plain, "LIMIT") || isDistinctOn(plain);
  const isDistinct = hasModifier(plain, "DISTINCT");
  if (config.mode !== "append" && (cutsAnswer || hasMadeRows(plain))) return undefined;
  // Of all windows together: they never end.
  if (window !== undefined && (hasModifier(plain, "LIMIT") || isDistinct || isDistinctOn(plain)))
    return undefined;
  if (config.mode === "complete" && window !== undefined) refuseCompleteWindows();
  const given = window === undefined ? undefined : await timingOf(database, plain, window, input);
  const timing = given === undefined ? undefined : withLateness(given, config);
  await database.run(inputView(name, input, timing?.timeColumn, analyzed.own));
  const parts = await aggregateSql(database, {
    select: plain,
    columns,
    keys,
    from: overInput(plain["from_table"] as TreeNode, relation.input(name)),
    windowEnd: timing?.windowEnd(keys),
    timeColumn: timing?.timeColumn,
    offsetUs: timing?.offsetUs,
    catalog,
    own: analyzed.own,
    isLegacy: analyzed.isLegacy,
  });
  if (parts === undefined) return undefined;
  const held = new Map(
    selectListOf(plain).flatMap((item, index) => {
      const isWindow = isColumn(item, WINDOW_COLUMNS);
      const column = columns[index]?.name.toLowerCase();
      return isWindow && column !== undefined
        ? [[column, nameOf(item)?.toLowerCase() as "window_start" | "window_end"] as const]
        : [];
    }),
  );
  const times = timing?.times(held, columns) ?? new Map<string, TimeBound>();
  const key = config.mode === "append" ? (config.key ?? []) : groupKeyNames(plain, keys, columns, config);
  const { minRowsToRewrite } = analyzed;
  const bound = timing?.bound;
  const suspects = await rowSuspects({ ...analyzed, flat: plain });
  return aggregateQuery({
    name,
    input,
    columns,
    times,
    mode: config.mode,
    key,
    parts,
    suspects,
    having: await havingText(database, plain),
    rest: restOfGroups({ select: plain, keys, columns: parts.keyColumns }),
    bound,
    minRowsToRewrite,
  });
}

async function havingText(database: Database, select: TreeNode): Promise<string> {
  const having = select["having"] ?? null;
  return having === null ? "every group" : (await expressionText(database, select, having as TreeNode)).text;
}

/** The output columns that hold the group's keys: update mode names rows by them. */
function groupKeyNames(
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
  const key = config.key?.map((name) => nameAmong(columns, name) ?? name);
  if (key !== undefined && key.toSorted().join("\0") !== found.toSorted().join("\0"))
    throw refusal(
      `the key is ${key.join(", ")}, but its groups are named by ${found.join(", ")}`,
      "leave key out",
    );
  return key ?? found;
}
