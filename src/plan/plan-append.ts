/**
 * Plans append mode for queries that do not merge: each row is given out once, as soon as nothing can change
 * it any more.
 */

import { selectText } from "../duckdb/syntax.ts";
import { planDistinct } from "../operators/distinct.ts";
import { emitOnClose, NEVER, named, placedViewOf, viewOf } from "../operators/emit-on-close.ts";
import { keptRowsView } from "../operators/on-error/kept-rows.ts";
import { partnersOf } from "../operators/on-error/partners.ts";
import { keptSuspects } from "../operators/on-error/suspects.ts";
import { restOfWindows } from "../operators/on-error/without.ts";
import type { Explanation, Query } from "../operators/query.ts";
import type { Store } from "../operators/store.ts";
import {
  type Keeping,
  openStoredScan,
  type StoredScan,
  type StoredScans,
  storedScansOf,
} from "../operators/stored-scans.ts";
import { type AnalyzedQuery, refuseLateness } from "../sql/analyzed-query.ts";
import { checkBinding } from "../sql/binder-check.ts";
import { inInputOrder, placeColumn } from "../sql/input-order.ts";
import { partitioningOf } from "../sql/partitioning-keys.ts";
import { refusal } from "../sql/refusals.ts";
import { withRelations } from "../sql/scan-numbering.ts";
import type { TimeBound } from "../sql/stream.ts";
import type { WindowColumns } from "../sql/window-time.ts";
import { planFirst } from "./plan-first.ts";
import { planJoin } from "./plan-join.ts";
import { keepTop, type TopOfKeys, topOfKeys } from "./top-of-key.ts";
import { leastBound, localWindow } from "./window-local.ts";

export async function planAppend(analyzed: AnalyzedQuery): Promise<Query> {
  const { config, catalog, name } = analyzed;
  refuseLateness(config);
  const places = await storedScansOf({ ...analyzed, query: name, select: analyzed.flat });
  const locality = partitioningOf(
    places.tree,
    (scan) => places.places[scan]?.splitColumns ?? new Map(),
    catalog,
  );
  const window = localWindow(places, locality);
  if (window !== undefined) return planWindows(analyzed, places, window);
  const special =
    (await planDistinct(analyzed)) ?? (await planJoin(analyzed, places)) ?? (await planFirst(analyzed));
  if (special !== undefined) return special;
  const [only, another] = places.places;
  const top =
    only === undefined || another !== undefined ? undefined : topOfKeys(analyzed, only.input.columns);
  const isSmall = places.places.every(({ kind, window: call }) => kind === "groups" && call === undefined);
  if (isSmall || top !== undefined || config.state === "unbounded") return planAtEnd(analyzed, places, top);
  throw refusal(
    `${whyUnbounded(analyzed, places)}, so its state would grow without bound`,
    remedyFor(places.places),
  );
}

/** Whatever the query is: all that is not late is kept, and answered when the input has ended. */
export async function planGeneral(analyzed: AnalyzedQuery): Promise<Query> {
  refuseLateness(analyzed.config);
  return planAtEnd(
    analyzed,
    await storedScansOf({ ...analyzed, query: analyzed.name, select: analyzed.flat }),
  );
}

/** The rows of windows, answered when the windows close. */
async function planWindows(
  analyzed: AnalyzedQuery,
  places: StoredScans,
  columns: WindowColumns,
): Promise<Query> {
  const bound = leastBound(places.places);
  const stores = await openStores(analyzed, places, {
    sources: analyzed.sources,
    late: bound,
    bound,
    end: NEVER,
  });
  const [first] = places.places;
  const timing = first?.timing;
  const times: ReadonlyMap<string, TimeBound> =
    timing === undefined || bound === undefined
      ? new Map()
      : timing.withBound(bound).times(columns, analyzed.columns);
  return overClosing(analyzed, places, stores, times, {
    execution: "what windows need is kept, and this SQL runs over each window as it closes",
    state: stateWords(stores, places.places),
    until: `the watermark of ${analyzed.sources.join(", ")} passes window_end`,
    why: analyzed.notRowWise,
  });
}

/** Whatever is left: answered once, when the input has ended. */
async function planAtEnd(analyzed: AnalyzedQuery, places: StoredScans, top?: TopOfKeys): Promise<Query> {
  const stores = await openStores(analyzed, places, {
    sources: analyzed.sources,
    late: leastBound(places.places),
    bound: undefined,
    end: NEVER,
    ...(top === undefined ? {} : { merged: await keepTop(analyzed, top) }),
  });
  return overClosing(analyzed, places, stores, new Map(), {
    execution: "what it needs is kept, and this SQL runs once, when the input has ended",
    state: top === undefined ? stateWords(stores, places.places) : `the ${top.count} first rows of each key`,
    until: "the input ends; only then rows are emitted (mode: update emits them as they change)",
    why: analyzed.notRowWise,
  });
}

async function openStores(
  analyzed: AnalyzedQuery,
  { places }: StoredScans,
  keeping: Keeping,
): Promise<ReadonlyMap<string, Store>> {
  const stores = new Map<string, Store>();
  for (const place of places)
    if (!stores.has(place.storeName))
      stores.set(place.storeName, await openStoredScan(analyzed, place, keeping));
  return stores;
}

async function overClosing(
  { database, name, columns, sources, catalog, flat, own }: AnalyzedQuery,
  { tree, places }: StoredScans,
  stores: ReadonlyMap<string, Store>,
  times: ReadonlyMap<string, TimeBound>,
  explanation: Explanation,
): Promise<Query> {
  const ordered = inInputOrder(tree, catalog, (scan) => places[scan]?.kind === "rows", own.place);
  const viewAt = (scan: number): string => {
    const store = { name: places[scan]?.storeName ?? "" };
    return ordered.scans.has(scan) ? placedViewOf(store) : viewOf(store);
  };
  const text = await selectText(database, withRelations(ordered.tree, viewAt));
  const overClosing = named(text, columns);
  const expected = places.map((place, scan) => ({
    relation: viewAt(scan),
    columns: ordered.scans.has(scan) ? [...place.columns, placeColumn(own.place)] : place.columns,
  }));
  await checkBinding(database, expected, [overClosing]);
  return emitOnClose({
    name,
    columns,
    sources,
    times,
    stores: [...stores.values()],
    streams: new Map(places.map(({ storeName, input }) => [storeName, input.name])),
    ...(places.length < 2
      ? {}
      : { partners: await partnersOf(database, catalog, tree, places, (place) => storeIn(stores, place)) }),
    rest: restOfWindows(flat),
    suspects: await keptSuspects(database, tree, catalog, keptRowsView(name), own),
    overClosing,
    placed: new Set([...ordered.scans].map((scan) => places[scan]?.storeName ?? "")),
    explanation,
  });
}

function storeIn(stores: ReadonlyMap<string, Store>, { storeName }: StoredScan): Store {
  const store = stores.get(storeName);
  if (store === undefined) throw new RangeError(`No store ${storeName}`);
  return store;
}

function stateWords(stores: ReadonlyMap<string, Store>, places: readonly StoredScan[]): string {
  return [...stores.values()]
    .map(({ name, words }) => {
      const input = places.find(({ storeName }) => storeName === name)?.input.name ?? "";
      return `${words} of ${input}`;
    })
    .join(", ");
}

function whyUnbounded({ notRowWise }: AnalyzedQuery, { places }: StoredScans): string {
  const windows = new Set(places.map(({ window }) => window?.kind));
  if (windows.has(undefined)) return notRowWise;
  return `${notRowWise}, and no window column splits its answer`;
}

function remedyFor(places: readonly StoredScan[]): string {
  const isJoin = places.length > 1;
  const bound = isJoin
    ? "bound the join by time (b.ts BETWEEN a.ts AND a.ts + INTERVAL 1 HOUR) or by equal windows"
    : "group it by window_start of tumble(…) or hop(…)";
  return `${bound}, or use mode: update, or say state: unbounded`;
}
