/** What a person chose to see, and what that is now: signals that the parts of the page share. */

import { computed, effect, signal } from "@preact/signals";
import { readExactJson } from "../src/base/exact-json.ts";
import { candleColumns } from "../src/server/candles.ts";
import { HISTORY_PATH, type HistoryAnswer } from "../src/server/protocol.ts";
import {
  type Candle,
  type CandleSet,
  candleOf,
  candleSets,
  candlesOf,
  closesBySymbol,
  overlaid,
  type Quote,
  quotesOf,
} from "./candles.ts";
import { epoch, liveState, revision } from "./live.ts";

export type SortColumn = keyof Quote;

/** A week of minutes. */
const MAX_CANDLES = 10_080;
const SPARK_CLOSES = 48;

export const filterText = signal("");
export const sorting = signal<{ readonly column: SortColumn; readonly isDescending: boolean }>({
  column: "symbol",
  isDescending: false,
});

/** What the address asks for: `#symbol=…&query=…`. Neither need exist. */
const wanted = signal(fromAddress());
window.addEventListener("hashchange", () => {
  wanted.value = fromAddress();
});

export const sets = computed<readonly CandleSet[]>(() => {
  void revision.value;
  return candleSets(liveState());
});

/** What the watch list quotes: the candles with the longest windows. */
export const quotedSet = computed(() => sets.value.at(-1));

const quotes = computed<readonly Quote[]>(() => {
  const longest = quotedSet.value;
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

/** Closing prices of each symbol, for the small curves. */
export const closes = computed<ReadonlyMap<string, readonly number[]>>(() => {
  const shortest = sets.value[0];
  return shortest === undefined ? new Map() : closesBySymbol(shortest, SPARK_CLOSES);
});

/** The chosen symbol; the first of all by name while none is chosen. */
export const symbol = computed<string | undefined>(() => {
  const isThere = quotes.value.some((quote) => quote.symbol === wanted.value.symbol);
  return isThere ? wanted.value.symbol : quotes.value[0]?.symbol;
});

export const quote = computed(() => quotes.value.find((each) => each.symbol === symbol.value));

/** The chosen candle query; the one with the shortest windows while none is chosen. */
export const shownSet = computed(
  () => sets.value.find((set) => set.table.query === wanted.value.query) ?? sets.value[0],
);
const shownQuery = computed(() => shownSet.value?.table.query);

export function choose(choice: { readonly symbol?: string; readonly query?: string }): void {
  const chosen = { symbol: symbol.value, query: wanted.value.query, ...choice };
  const given = Object.entries(chosen).filter((entry): entry is [string, string] => entry[1] !== undefined);
  history.replaceState(null, "", `#${new URLSearchParams(given)}`);
  wanted.value = chosen;
}

/** Stored candles of what is shown, older than the live state goes. */
const stored = signal<{ readonly name: string; readonly candles: readonly Candle[] }>({
  name: "",
  candles: [],
});
/** What was shown last: the live state forgets its oldest rows, the chart need not. */
let kept: { readonly name: string; readonly candles: readonly Candle[] } = { name: "", candles: [] };

/** Changes whenever candles of before must not be mixed with those of now. */
const shownName = computed(() => JSON.stringify([epoch.value, shownQuery.value ?? "", symbol.value ?? ""]));

/** The candles of the chosen symbol and query, without a gap from stored ones to the live one. */
export const shown = computed<{ readonly name: string; readonly candles: readonly Candle[] }>(() => {
  const set = shownSet.value;
  const name = shownName.value;
  const chosen = symbol.value;
  if (set === undefined || chosen === undefined) return { name, candles: [] };
  const older = stored.value.name === name ? stored.value.candles : [];
  const before = kept.name === name ? overlaid(older, kept.candles, MAX_CANDLES) : older;
  kept = { name, candles: overlaid(before, candlesOf(set, chosen), MAX_CANDLES) };
  return kept;
});

effect(() => {
  const name = shownName.value;
  const query = shownQuery.value;
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
  const isWanted = at !== undefined && name === shownName.value;
  if (isWanted) stored.value = { name, candles: rows.map((values) => candleOf(values, at)) };
}

function fromAddress(): { readonly symbol?: string | undefined; readonly query?: string | undefined } {
  const parameters = new URLSearchParams(location.hash.slice(1));
  return { symbol: parameters.get("symbol") ?? undefined, query: parameters.get("query") ?? undefined };
}

function compared(a: string | number | undefined, b: string | number | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  return a < b ? -1 : 1;
}
