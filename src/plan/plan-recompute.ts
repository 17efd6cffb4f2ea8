/** Plans update and complete mode for queries that do not merge. */

import type { Column } from "../duckdb/database.ts";
import { id, type Sql, sql } from "../duckdb/sql.ts";
import {
  replaceNodes,
  sameExpression,
  selectText,
  type Tree,
  type TreeNode,
  textIn,
  writeTree,
} from "../duckdb/syntax.ts";
import { NEVER, named } from "../operators/emit-on-close.ts";
import { partnersOf } from "../operators/on-error/partners.ts";
import type { Explanation, Query } from "../operators/query.ts";
import {
  formerView,
  placeView,
  type RecomputedScan,
  recomputeAndDiff,
} from "../operators/recompute-and-diff.ts";
import type { Store } from "../operators/store.ts";
import {
  type Keeping,
  openStoredScan,
  type StoredScan,
  type StoredScans,
  storedScansOf,
} from "../operators/stored-scans.ts";
import { type AnalyzedQuery, refuseCompleteWindows, withLateness } from "../sql/analyzed-query.ts";
import { checkBinding } from "../sql/binder-check.ts";
import { inInputOrder, placeColumn } from "../sql/input-order.ts";
import { type PartitioningKey, partitioningOf } from "../sql/partitioning-keys.ts";
import { refusal } from "../sql/refusals.ts";
import { asRelation, withRelations } from "../sql/scan-numbering.ts";
import {
  columnHolding,
  groupKeysOf,
  hasGroupingSets,
  hasMadeRows,
  hasModifier,
  isDistinctOn,
  isGrouped,
  modifiersOf,
  nameAmong,
  selectListOf,
  targetsOf,
} from "../sql/syntax-facts.ts";
import { firstOfKey, keepTop, type TopOfKeys, topOfKeys } from "./top-of-key.ts";
import { leastBound, localWindow } from "./window-local.ts";

export async function planRecompute(analyzed: AnalyzedQuery): Promise<Query> {
  const { database, name, config, columns, catalog, own } = analyzed;
  const drafts = await storedScansOf({ ...analyzed, query: name, select: analyzed.flat });
  const { tree } = drafts;
  const places = drafts.places.map((place) =>
    place.timing === undefined ? place : { ...place, timing: withLateness(place.timing, config) },
  );
  const locality = partitioningOf(tree, (scan) => places[scan]?.splitColumns ?? new Map(), catalog);
  const window = localWindow({ tree, places }, locality);
  if (window !== undefined && config.mode === "complete") refuseCompleteWindows();
  if (config.lateness !== undefined && window === undefined)
    throw refusal("lateness is for windows, and its rows are not grouped by one", "leave lateness out");
  const late = leastBound(places);
  const top =
    window === undefined && places.length === 1 && !analyzed.isGeneral
      ? topOfKeys(analyzed, places[0]?.input.columns ?? [])
      : undefined;
  const keeping: Keeping = {
    sources: analyzed.sources,
    late,
    bound: window === undefined || analyzed.isGeneral ? undefined : late,
    end: NEVER,
    ...(top === undefined ? {} : { pruning: await keepTop(analyzed, top) }),
    // What was given out before is taken back by what this SQL says of the rows of then.
    rules: {
      answers: (await selectText(database, analyzed.flat)).text,
      gives: columns.map((column) => `${column.name} ${column.type}`).join(", "),
    },
  };
  const stores = new Map<string, Store>();
  for (const place of places)
    if (!stores.has(place.storeName))
      stores.set(place.storeName, await openStoredScan(analyzed, place, keeping));
  const key = keyOf(analyzed);
  // A key of the answer must not move from one split to another: only what holds the split's value names it.
  const isNamed = (split: PartitioningKey): boolean =>
    key.some((name) => locality.lineages.get(name.toLowerCase())?.includes(split));
  const splits = (analyzed.isGeneral ? [] : locality.keys).filter(
    (split) => isTouchable(split, { tree, places }) && isNamed(split),
  );
  const ordered = inInputOrder(tree, catalog, (scan) => places[scan]?.kind === "rows", own.place);
  const storeOf = ({ storeName }: StoredScan): Store => {
    const store = stores.get(storeName);
    if (store === undefined) throw new RangeError(`No store ${storeName}`);
    return store;
  };
  const rerunPlaces = places.map((place, index): RecomputedScan => {
    return {
      store: storeOf(place),
      view: placeView(name, index),
      hasPlace: ordered.scans.has(index),
      splitColumns: splits.map((key) => key.get(index) ?? ""),
    };
  });
  const text = await selectText(
    database,
    withRelations(ordered.tree, (scan) => placeView(name, scan)),
  );
  const answer = named(text, columns);
  const former = await overFormerTables(
    analyzed,
    withRelations(ordered.tree, (scan) => placeView(name, scan)),
  );
  const expected = places.map((place, scan) => ({
    relation: placeView(name, scan),
    columns: ordered.scans.has(scan) ? [...place.columns, placeColumn(own.place)] : place.columns,
  }));
  await checkBinding(database, expected, [answer, former.answer]);
  return recomputeAndDiff({
    name,
    mode: config.mode,
    columns,
    key,
    sources: analyzed.sources,
    times: new Map(),
    stores: [...stores.values()],
    places: rerunPlaces,
    partners: await partnersOf(database, catalog, tree, places, storeOf),
    answer,
    tables: former.tables,
    formerAnswer: former.answer,
    explanation: explain(analyzed, { tree, places }, splits, window !== undefined, top),
  });
}

/** The static tables of a query, and the query over what the batch before saw of them. */
async function overFormerTables(
  { database, catalog, columns }: AnalyzedQuery,
  tree: TreeNode,
): Promise<{ readonly tables: readonly string[]; readonly answer: Sql }> {
  const tables = new Set<string>();
  const replaced = replaceNodes(tree, (node) => {
    const table = node["type"] === "BASE_TABLE" ? catalog.tableOf(textIn(node, "table_name")) : undefined;
    if (table === undefined) return undefined;
    tables.add(table);
    return asRelation(node, formerView(table));
  }) as TreeNode;
  // Until the first batch asks for them.
  for (const table of tables)
    await database.run(sql`CREATE OR REPLACE TEMP VIEW ${id(formerView(table))} AS FROM ${id(table)}`);
  return { tables: [...tables], answer: named(await selectText(database, replaced), columns) };
}

/**
 * Whether the rows that a batch brings tell all values of a key that they change. A session's window does not
 * stay the same when it grows.
 */
function isTouchable(key: PartitioningKey, { places }: StoredScans): boolean {
  return places.every(({ window, windowColumns }, index) => {
    const column = key.get(index);
    if (column === undefined) return false;
    return window?.kind !== "session" || !windowColumns.has(column);
  });
}

/** What names a row: as the query says, or what can be read from its groups, DISTINCT or QUALIFY. */
function keyOf({ config, flat, catalog, columns }: AnalyzedQuery): readonly string[] {
  if (config.key !== undefined) {
    const unknown = config.key.find((name) => nameAmong(columns, name) === undefined);
    if (unknown !== undefined)
      throw refusal(
        `its key names "${unknown}", which it does not select`,
        `name some of ${columns.map((column) => column.name).join(", ")}`,
      );
    return config.key.map((name) => nameAmong(columns, name) ?? name);
  }
  const found = flat["type"] === "SELECT_NODE" ? derivedKey(flat, columns, catalog) : undefined;
  if (found !== undefined) return found;
  const isOne = flat["type"] === "SELECT_NODE";
  const isTotal = isOne && hasGroupingSets(flat);
  const why = isTotal
    ? ", and a total has NULL where a NULL key has it"
    : isOne && hasMadeRows(flat)
      ? ", and unnest makes several of one"
      : "";
  throw refusal(
    `mode ${config.mode} must know what names a row${why}`,
    `${isTotal ? "select grouping(…) of all keys too, or " : ""}say it with key: [column, …]`,
  );
}

function derivedKey(
  select: TreeNode,
  columns: readonly Column[],
  catalog: AnalyzedQuery["catalog"],
): readonly string[] | undefined {
  const names = columns.map((column) => column.name);
  const held = (expressions: readonly TreeNode[]): readonly string[] | undefined => {
    const outputs = expressions.map((expression) => columnHolding(select, columns, expression));
    return outputs.every((output) => output !== undefined) ? outputs : undefined;
  };
  for (const modifier of modifiersOf(select))
    if (isDistinctOn(select) && modifier["type"] === "DISTINCT_MODIFIER")
      return held(targetsOf(modifier, select));
  if (hasModifier(select, "DISTINCT")) return names;
  if (hasMadeRows(select)) return undefined;
  if (hasGroupingSets(select)) return heldSets(select, names, groupKeysOf(select, [], catalog), held);
  if (isGrouped(select, catalog)) return held(groupKeysOf(select, [], catalog));
  const rank = firstOfKey(select);
  return rank === undefined ? undefined : held(rank["partitions"] as readonly TreeNode[]);
}

/**
 * What names the rows of several grouping sets: the keys, and `grouping(…)` of those that are not in all
 * sets, which tells a total from the group of NULL. Undefined where that is not selected, or a set is there
 * twice.
 */
function heldSets(
  select: TreeNode,
  names: readonly string[],
  always: readonly TreeNode[],
  held: (expressions: readonly TreeNode[]) => readonly string[] | undefined,
): readonly string[] | undefined {
  const keys = select["group_expressions"] as readonly TreeNode[];
  const sets = new Set((select["group_sets"] as readonly Tree[]).map((set) => writeTree(set)));
  if (sets.size < (select["group_sets"] as readonly Tree[]).length) return undefined;
  const grouping = selectListOf(select).findIndex((item) => {
    const told = (item["children"] ?? []) as readonly TreeNode[];
    const isAll = keys.every((key) => [...always, ...told].some((child) => sameExpression(child, key)));
    return item["type"] === "GROUPING_FUNCTION" && isAll;
  });
  const found = held(keys);
  const name = names[grouping];
  return found === undefined || name === undefined ? undefined : [...found, name];
}

function explain(
  { notRowWise }: AnalyzedQuery,
  { places }: StoredScans,
  splits: readonly PartitioningKey[],
  isWindowed: boolean,
  top: TopOfKeys | undefined,
): Explanation {
  const split = [...new Set(splits.map((key) => key.get(0) ?? ""))].join(", ");
  const kept = [
    ...new Set(
      places.map(({ kind, window, input }) =>
        kind === "groups"
          ? `the groups of its aggregation over ${input.name}`
          : `the rows of ${window === undefined ? "" : "open windows of "}${input.name}`,
      ),
    ),
  ];
  return {
    execution:
      splits.length === 0
        ? "this SQL runs again over all that is kept, and what differs is emitted"
        : `this SQL runs again over each ${split} that a batch touches, and what differs is emitted`,
    state: top === undefined ? kept.join(", ") : `the ${top.count} first rows of each key`,
    until: isWindowed ? "the watermark passes window_end" : "for ever",
    why: notRowWise,
  };
}
