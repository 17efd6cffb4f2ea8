/** Plans joins of streams in append mode: which passes find what is new, and how long rows are kept. */

import type { Column } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { fromClause, nodesOf, selectText, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { NEVER, named } from "../operators/emit-on-close.ts";
import { type JoinPass, joinQuery, passRelation, type Rows } from "../operators/join.ts";
import { partnersOf } from "../operators/on-error/partners.ts";
import type { Explanation, Query } from "../operators/query.ts";
import type { StateRules } from "../operators/state-rules.ts";
import type { Store } from "../operators/store.ts";
import { openStoredScan, type StoredScan, type StoredScans } from "../operators/stored-scans.ts";
import type { AnalyzedQuery } from "../sql/analyzed-query.ts";
import { checkBinding } from "../sql/binder-check.ts";
import { timesThrough } from "../sql/event-times.ts";
import { type JoinBounds, joinBoundsOf, type TimeColumns } from "../sql/join-bounds.ts";
import { whyNotRowWise } from "../sql/query-analysis.ts";
import { refusal } from "../sql/refusals.ts";
import { withRelations } from "../sql/scan-numbering.ts";
import type { TimeBound } from "../sql/stream.ts";
import { leastOf } from "../sql/stream.ts";
import { type AsOf, asOfOf, asOfPruning } from "./as-of.ts";
import { keptApart, outerJoinOf, passesOf } from "./join-passes.ts";

/** How long rows wait for each other. */
interface Waiting extends JoinBounds {
  readonly asOf: AsOf | undefined;
  /** What the watermark means for the rows of all places. */
  readonly bound: TimeBound;
}

/** Undefined where the query is no join of streams whose rows come from single rows of each. */
export async function planJoin(analyzed: AnalyzedQuery, given: StoredScans): Promise<Query | undefined> {
  const { database, flat, catalog, config, name, columns, sources } = analyzed;
  const { places } = given;
  // What a window keeps, it keeps until it closes, whatever a join wants.
  const isOther = places.some(({ kind, window }) => kind === "groups" || window !== undefined);
  if (places.length < 2 || isOther || whyNotRowWise(flat, catalog, "streams") !== undefined) return undefined;
  const timeColumns: TimeColumns = (scan) => [...(places[scan]?.input.times.keys() ?? [])];
  const keepMs = typeof config.state === "object" ? config.state.keep : undefined;
  const tree = keepMs === undefined ? given.tree : await keptApart(database, given.tree, timeColumns, keepMs);
  const outer = outerJoinOf(tree);
  if (outer !== undefined && places.length > 2)
    throw refusal(
      "a join other than INNER stands beside another join of streams",
      "join two streams in a query of its own before this one",
    );
  refuseTableInside(outer, catalog);
  const waiting = await waitingOf(analyzed, tree, places, outer, timeColumns);
  if (waiting === undefined && config.state !== "unbounded") return undefined;
  const rules = { joins: (await joinText(analyzed)).text };
  const stores = await openStores(analyzed, places, waiting, { isOuter: outer !== undefined, rules });
  const passes: JoinPass[] = [];
  for (const pass of await passesOf(database, name, tree, places.length, outer)) {
    const relationOf = (scan: number): string => passRelation(name, scan, pass.rowsAt(scan));
    const text = await selectText(database, withRelations(pass.tree, relationOf));
    passes.push({ needs: pass.needs, answer: named(text, columns) });
  }
  const kinds: readonly Rows[] = ["all", "old", "new", "final", "none"];
  const expected = places.flatMap(({ columns: own }, scan) =>
    kinds.map((kind) => ({ relation: passRelation(name, scan, kind), columns: own })),
  );
  await checkBinding(
    database,
    expected,
    passes.map(({ answer }) => answer),
  );
  return joinQuery({
    name,
    columns,
    sources,
    times: waiting === undefined ? new Map() : timesOf(tree, waiting, columns),
    places: places.map((place, scan) => ({
      store: storeIn(stores, place),
      final: waiting === undefined ? undefined : later(waiting, scan, longest(waiting, scan)),
    })),
    stores: [...stores.values()],
    partners: await partnersOf(database, catalog, tree, places, (place) => storeIn(stores, place)),
    passes,
    isOrdered: outer?.["ref_type"] === "ASOF",
    bound: waiting?.bound,
    explanation: explain(places, sources, waiting),
  });
}

/** Undefined where nothing bounds how long rows must be kept. */
async function waitingOf(
  { database, config }: AnalyzedQuery,
  tree: TreeNode,
  places: readonly StoredScan[],
  outer: TreeNode | undefined,
  timeColumns: TimeColumns,
): Promise<Waiting | undefined> {
  const isAsOf = outer?.["ref_type"] === "ASOF";
  const asOf = isAsOf ? asOfOf(outer, timeColumns) : undefined;
  if (isAsOf && asOf === undefined) {
    if (config.state === "unbounded") return undefined;
    throw refusal(
      "its ASOF join does not look back in event time, so every row would be kept",
      "join ON a.key = b.key AND a.ts >= b.ts, with the event-time columns of both streams, " +
        "or say state: unbounded",
    );
  }
  const bounds: JoinBounds =
    asOf === undefined
      ? await joinBoundsOf(database, tree, places.length, timeColumns)
      : {
          timeColumns:
            asOf.left < asOf.right ? [asOf.leftTime, asOf.rightTime] : [asOf.rightTime, asOf.leftTime],
          maxUs: places.map(() => places.map(() => 0)),
        };
  if (!bounds.maxUs.flat().every(Number.isFinite)) return undefined;
  const bound = leastOf(
    places.flatMap(({ input }, scan) => boundOf(input.times, bounds.timeColumns[scan] ?? "") ?? []),
  );
  return bound === undefined ? undefined : { ...bounds, asOf, bound };
}

async function openStores(
  analyzed: AnalyzedQuery,
  places: readonly StoredScan[],
  waiting: Waiting | undefined,
  { isOuter, rules }: { readonly isOuter: boolean; readonly rules: StateRules },
): Promise<ReadonlyMap<string, Store>> {
  const { sources } = analyzed;
  const stores = new Map<string, Store>();
  for (const { storeName } of places) {
    const sharing = places.flatMap((place, scan) => (place.storeName === storeName ? [{ place, scan }] : []));
    const [first] = sharing;
    if (stores.has(storeName) || first === undefined) continue;
    if (waiting === undefined) {
      const keeping = { sources, late: undefined, bound: undefined, end: NEVER, rules };
      stores.set(storeName, await openStoredScan(analyzed, first.place, keeping));
      continue;
    }
    const [time] = new Set(sharing.map(({ scan }) => waiting.timeColumns[scan]));
    const isPruned = sharing.some(({ scan }) => scan === waiting.asOf?.right);
    const ends = sharing.map(({ scan }) => later(waiting, scan, keptUs(waiting, scan, isOuter)));
    const keeping = {
      sources,
      late: waiting.bound,
      bound: isPruned ? undefined : waiting.bound,
      end: sql`greatest(${ends})`,
      rules,
      ...(waiting.asOf !== undefined && isPruned
        ? { pruning: asOfPruning(waiting.asOf, storeName, first.place.columns) }
        : {}),
    };
    stores.set(storeName, await openStoredScan(analyzed, first.place, keeping, time));
  }
  return stores;
}

/**
 * Whether a row has a partner is asked when either comes, and once more at the end: of a static table that
 * has changed in between, a row could be given out both with a partner and without, or not at all.
 */
function refuseTableInside(outer: TreeNode | undefined, catalog: AnalyzedQuery["catalog"]): void {
  const type = textIn(outer, "join_type");
  if (outer === undefined || outer["ref_type"] === "ASOF" || type === "ANTI") return;
  const tables = [...nodesOf(outer)].flatMap((node) =>
    node["type"] === "BASE_TABLE" ? (catalog.tableOf(textIn(node, "table_name")) ?? []) : [],
  );
  if (tables.length === 0) return;
  throw refusal(
    `its ${type} join of streams reads the table "${tables[0] ?? ""}", which may change meanwhile`,
    "join the table in a query of its own before this one, or outside of this join",
  );
}

/** Which rows are joined: pairs of rows that were there before are not looked at again. */
function joinText({ database, flat }: AnalyzedQuery): Promise<Sql> {
  return fromClause(database, flat, flat["from_table"] as TreeNode, flat["where_clause"] ?? null);
}

/** How much later than a row of the place another may be that meets it. */
function longest({ maxUs }: JoinBounds, scan: number): number {
  return Math.max(0, ...(maxUs[scan] ?? []));
}

/**
 * How long a row is kept. In an outer join also until its partners are final: those who met it must not look
 * as if they had met nobody.
 */
function keptUs(bounds: JoinBounds, scan: number, isOuter: boolean): number {
  const others = bounds.maxUs.map((row) => Math.max(0, row[scan] ?? 0));
  return longest(bounds, scan) + (isOuter ? Math.max(...others) : 0);
}

/** A row's time when rows so much later can't come any more; a row of the watermark itself still can. */
function later({ timeColumns }: JoinBounds, scan: number, us: number): Sql {
  return sql`(${id(timeColumns[scan] ?? "")}::TIMESTAMP + ${microseconds(us + 1)})`;
}

function microseconds(us: number): Sql {
  return raw(`to_microseconds(${us})`);
}

function timesOf(
  tree: TreeNode,
  waiting: Waiting,
  columns: readonly Column[],
): ReadonlyMap<string, TimeBound> {
  const { timeColumns, asOf, bound } = waiting;
  return timesThrough(
    tree,
    (scan) => {
      // The right side of an ASOF join may be as old as it likes.
      if (scan === asOf?.right) return new Map();
      const since = microseconds(longest(waiting, scan));
      return new Map([[timeColumns[scan] ?? "", (watermark: Sql) => sql`(${bound(watermark)} - ${since})`]]);
    },
    columns,
  );
}

function boundOf(times: ReadonlyMap<string, TimeBound>, column: string): TimeBound | undefined {
  return [...times].find(([name]) => name.toLowerCase() === column.toLowerCase())?.[1];
}

function storeIn(stores: ReadonlyMap<string, Store>, { storeName }: StoredScan): Store {
  const store = stores.get(storeName);
  if (store === undefined) throw new RangeError(`No store ${storeName}`);
  return store;
}

function explain(
  places: readonly StoredScan[],
  sources: readonly string[],
  waiting: Waiting | undefined,
): Explanation {
  const names = [...new Set(places.map(({ input }) => input.name))].join(" and ");
  const latest = waiting?.asOf === undefined ? "" : "; behind the watermark only the latest of each key";
  return {
    execution: "new rows of each side meet the kept rows of the others",
    state: `the rows of ${names}${latest}`,
    until:
      waiting === undefined
        ? "for ever"
        : `the watermark of ${sources.join(", ")} has passed all that they can meet`,
    why: "each row of the answer comes from one row of each side",
  };
}
