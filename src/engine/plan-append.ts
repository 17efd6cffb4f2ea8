/**
 * Plans append mode for queries that do not merge: each row is given out once, as soon as nothing can change
 * it any more.
 */

import { selectText } from "../duckdb/syntax.ts";
import { closingQuery, NEVER, named, placedViewOf, viewOf } from "./closing-query.ts";
import { planDistinct } from "./distinct-query.ts";
import { inInputOrder, placeColumn } from "./input-order.ts";
import { withRelations } from "./leaves.ts";
import { localityOf } from "./locality.ts";
import { mustBind } from "./must-bind.ts";
import { keptRowsView } from "./on-error/kept-rows.ts";
import { partnersOf } from "./on-error/partners.ts";
import { keptSuspects } from "./on-error/suspects.ts";
import { restOfWindows } from "./on-error/without.ts";
import { type Keeping, openPlace, type Place, type Places, placesOf } from "./places.ts";
import { planFirst } from "./plan-first.ts";
import { planJoin } from "./plan-join.ts";
import type { Explanation, Query } from "./query.ts";
import { refusal } from "./refusals.ts";
import { refuseLateness, type Shaped } from "./shaped.ts";
import type { Store } from "./store.ts";
import type { TimeBound } from "./stream.ts";
import type { WindowColumns } from "./timing.ts";
import { keepTop, type TopOfKeys, topOfKeys } from "./top-of-key.ts";
import { leastBound, localWindow } from "./window-local.ts";

export async function planAppend(shaped: Shaped): Promise<Query> {
  const { config, catalog, name } = shaped;
  refuseLateness(config);
  const places = await placesOf({ ...shaped, query: name, select: shaped.flat });
  const locality = localityOf(places.tree, (leaf) => places.places[leaf]?.splitColumns ?? new Map(), catalog);
  const window = localWindow(places, locality);
  if (window !== undefined) return planWindows(shaped, places, window);
  const special =
    (await planDistinct(shaped)) ?? (await planJoin(shaped, places)) ?? (await planFirst(shaped));
  if (special !== undefined) return special;
  const [only, another] = places.places;
  const top = only === undefined || another !== undefined ? undefined : topOfKeys(shaped, only.input.columns);
  const isSmall = places.places.every(({ kind, window: call }) => kind === "groups" && call === undefined);
  if (isSmall || top !== undefined || config.state === "unbounded") return planAtEnd(shaped, places, top);
  throw refusal(
    `${whyUnbounded(shaped, places)}, so its state would grow without bound`,
    remedyFor(places.places),
  );
}

/** Whatever the query is: all that is not late is kept, and answered when the input has ended. */
export async function planGeneral(shaped: Shaped): Promise<Query> {
  refuseLateness(shaped.config);
  return planAtEnd(shaped, await placesOf({ ...shaped, query: shaped.name, select: shaped.flat }));
}

/** The rows of windows, answered when the windows close. */
async function planWindows(shaped: Shaped, places: Places, columns: WindowColumns): Promise<Query> {
  const bound = leastBound(places.places);
  const stores = await openStores(shaped, places, {
    sources: shaped.sources,
    late: bound,
    bound,
    end: NEVER,
  });
  const [first] = places.places;
  const timing = first?.timing;
  const times: ReadonlyMap<string, TimeBound> =
    timing === undefined || bound === undefined
      ? new Map()
      : timing.withBound(bound).times(columns, shaped.columns);
  return overClosing(shaped, places, stores, times, {
    execution: "what windows need is kept, and this SQL runs over each window as it closes",
    state: stateWords(stores, places.places),
    until: `the watermark of ${shaped.sources.join(", ")} passes window_end`,
    why: shaped.notRowWise,
  });
}

/** Whatever is left: answered once, when the input has ended. */
async function planAtEnd(shaped: Shaped, places: Places, top?: TopOfKeys): Promise<Query> {
  const stores = await openStores(shaped, places, {
    sources: shaped.sources,
    late: leastBound(places.places),
    bound: undefined,
    end: NEVER,
    ...(top === undefined ? {} : { merged: await keepTop(shaped, top) }),
  });
  return overClosing(shaped, places, stores, new Map(), {
    execution: "what it needs is kept, and this SQL runs once, when the input has ended",
    state: top === undefined ? stateWords(stores, places.places) : `the ${top.count} first rows of each key`,
    until: "the input ends; only then rows are emitted (mode: update emits them as they change)",
    why: shaped.notRowWise,
  });
}

async function openStores(
  shaped: Shaped,
  { places }: Places,
  keeping: Keeping,
): Promise<ReadonlyMap<string, Store>> {
  const stores = new Map<string, Store>();
  for (const place of places)
    if (!stores.has(place.storeName)) stores.set(place.storeName, await openPlace(shaped, place, keeping));
  return stores;
}

async function overClosing(
  { database, name, columns, sources, catalog, flat, own }: Shaped,
  { tree, places }: Places,
  stores: ReadonlyMap<string, Store>,
  times: ReadonlyMap<string, TimeBound>,
  explanation: Explanation,
): Promise<Query> {
  const ordered = inInputOrder(tree, catalog, (leaf) => places[leaf]?.kind === "rows", own.place);
  const viewAt = (leaf: number): string => {
    const store = { name: places[leaf]?.storeName ?? "" };
    return ordered.leaves.has(leaf) ? placedViewOf(store) : viewOf(store);
  };
  const text = await selectText(database, withRelations(ordered.tree, viewAt));
  const overClosing = named(text, columns);
  const expected = places.map((place, leaf) => ({
    relation: viewAt(leaf),
    columns: ordered.leaves.has(leaf) ? [...place.columns, placeColumn(own.place)] : place.columns,
  }));
  await mustBind(database, expected, [overClosing]);
  return closingQuery({
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
    placed: new Set([...ordered.leaves].map((leaf) => places[leaf]?.storeName ?? "")),
    explanation,
  });
}

function storeIn(stores: ReadonlyMap<string, Store>, { storeName }: Place): Store {
  const store = stores.get(storeName);
  if (store === undefined) throw new RangeError(`No store ${storeName}`);
  return store;
}

function stateWords(stores: ReadonlyMap<string, Store>, places: readonly Place[]): string {
  return [...stores.values()]
    .map(({ name, words }) => {
      const input = places.find(({ storeName }) => storeName === name)?.input.name ?? "";
      return `${words} of ${input}`;
    })
    .join(", ");
}

function whyUnbounded({ notRowWise }: Shaped, { places }: Places): string {
  const windows = new Set(places.map(({ window }) => window?.kind));
  if (windows.has(undefined)) return notRowWise;
  return `${notRowWise}, and no window column splits its answer`;
}

function remedyFor(places: readonly Place[]): string {
  const isJoin = places.length > 1;
  const bound = isJoin
    ? "bound the join by time (b.ts BETWEEN a.ts AND a.ts + INTERVAL 1 HOUR) or by equal windows"
    : "group it by window_start of tumble(…) or hop(…)";
  return `${bound}, or use mode: update, or say state: unbounded`;
}
