/** What a person chose to see of the market, and what that is now: signals that its parts share. */

import { computed, effect, signal } from "@preact/signals";
import { readExactJson } from "../src/base/exact-json.ts";
import { candleColumns } from "../src/server/candles.ts";
import { HISTORY_PATH, type HistoryAnswer } from "../src/server/protocol.ts";
import { addressed, readdress } from "./address.ts";
import { type Candle, type CandleSet, candleOf } from "./candle-store.ts";
import { type Interval, intervalsOf, overlaid, type Quote, quotesOf, rolledUp } from "./candles.ts";
import { windowText } from "./format.ts";
import { candleStore, epoch, revision } from "./live.ts";

export type SortColumn = keyof Quote;

/** A week of minutes. */
const MAX_CANDLES = 10_080;
const SPARK_CLOSES = 48;

export const filterText = signal("");
export const sorting = signal<{ readonly column: SortColumn; readonly isDescending: boolean }>({
  column: "symbol",
  isDescending: false,
});

export const sets = computed<readonly CandleSet[]>(() => {
  void revision.value;
  return candleStore.sets();
});

/** What the watch list quotes: the candles with the longest windows. */
export const quotedSet = computed(() => sets.value.at(-1));

const quotes = computed<readonly Quote[]>(() => {
  // Not by way of `quotedSet`: a set stays the same object while its candles change.
  const longest = sets.value.at(-1);
  return longest === undefined ? [] : quotesOf(longest).toSorted((a, b) => compared(a.symbol, b.symbol));
});

/** The watch list, filtered and in the order asked for. */
export const watchList = computed<readonly Quote[]>(() => {
  const { column, isDescending } = sorting.value;
  const text = filterText.value.trim().toLowerCase();
  const sign = isDescending ? -1 : 1;
  return quotes.value
    .filter((quote) => quote.symbol.toLowerCase().includes(text))
    .toSorted((a, b) => sign * compared(a[column], b[column]));
});

export const symbolCount = computed(() => quotes.value.length);
export const symbols = computed<readonly string[]>(() => quotes.value.map(({ symbol: name }) => name));

/** Those that rose and fell most, the strongest first. */
export const movers = computed(() => {
  const moved = quotes.value.filter(({ changePercent }) => Number.isFinite(changePercent));
  const sorted = moved.toSorted((a, b) => b.changePercent - a.changePercent);
  return {
    up: sorted.filter(({ changePercent }) => changePercent > 0),
    down: sorted.filter(({ changePercent }) => changePercent < 0).toReversed(),
  };
});

/** The last closing prices of a symbol, for its small curve. */
export function closesOf(name: string): readonly number[] {
  const candles = sets.value[0]?.bySymbol.get(name) ?? [];
  return candles.slice(-SPARK_CLOSES).map(({ close }) => close);
}

/** The chosen symbol; the first of all by name while none is chosen. */
export const symbol = computed<string | undefined>(() => {
  const wanted = addressed.value["symbol"];
  return quotes.value.some((each) => each.symbol === wanted) ? wanted : quotes.value[0]?.symbol;
});

export const quote = computed(() => quotes.value.find((each) => each.symbol === symbol.value));

/** The intervals to choose from. */
export const intervals = computed<readonly Interval[]>(() => {
  const candles = sets.value[0]?.bySymbol.get(symbol.value ?? "") ?? [];
  return intervalsOf(sets.value, (candles.at(-1)?.timeMs ?? 0) - (candles[0]?.timeMs ?? 0));
});

/** The chosen interval; the shortest while none is chosen. */
export const interval = computed<Interval | undefined>(() => {
  const { query, window } = addressed.value;
  const isWanted = (each: Interval): boolean =>
    window === undefined ? !each.isRolledUp : windowText(each.windowMs) === window;
  return intervals.value.find((each) => each.query === query && isWanted(each)) ?? intervals.value[0];
});

export function chooseSymbol(name: string): void {
  readdress({ symbol: name });
}

export function chooseInterval({ query, windowMs, isRolledUp }: Interval): void {
  readdress({ query, window: isRolledUp ? windowText(windowMs) : undefined });
}

/** Stored candles of a symbol and query, older than the live state goes. */
const stored = signal<{ readonly name: string; readonly candles: readonly Candle[] }>({
  name: "",
  candles: [],
});

/** Changes whenever candles of before must not be mixed with those of now. */
const subject = computed(() =>
  JSON.stringify([epoch.value, interval.value?.query ?? "", symbol.value ?? ""]),
);

export interface Shown {
  readonly name: string;
  readonly windowMs: number;
  readonly candles: readonly Candle[];
}

/** The candles of the chosen symbol and interval, without a gap from stored ones to the live one. */
export const shown = computed<Shown>(() => {
  const chosen = interval.value;
  const older = stored.value.name === subject.value ? stored.value.candles : [];
  const candles = chosen === undefined ? [] : candlesOf(chosen, symbol.value ?? "", older);
  const windowMs = chosen?.windowMs ?? 0;
  return { name: JSON.stringify([subject.value, windowMs]), windowMs, candles };
});

/** A symbol's candles of an interval. */
export function candlesOf(of: Interval, name: string, older: readonly Candle[] = []): readonly Candle[] {
  const live = sets.value.find(({ query }) => query === of.query)?.bySymbol.get(name) ?? [];
  const all = overlaid(older, live, MAX_CANDLES);
  return of.isRolledUp ? rolledUp(all, of.windowMs) : all;
}

effect(() => {
  const name = subject.value;
  const query = interval.value?.query;
  const chosen = symbol.value;
  if (query !== undefined && chosen !== undefined) void loadStored(name, query, chosen);
});

/** The page lives without: the live candles are there already, and the next choice asks again. */
async function loadStored(name: string, query: string, chosen: string): Promise<void> {
  const parameters = new URLSearchParams({ query, symbol: chosen });
  const response = await fetch(`${HISTORY_PATH}?${parameters}`).catch(() => undefined);
  if (response?.ok !== true) return;
  const { columns, rows } = readExactJson(await response.text()) as HistoryAnswer;
  const at = candleColumns(columns);
  const isWanted = at !== undefined && name === subject.value;
  if (isWanted) stored.value = { name, candles: rows.map((values) => candleOf(values, at)) };
}

function compared(a: string | number | undefined, b: string | number | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  return a < b ? -1 : 1;
}
