/** What is made of candles: the quotes of a watch list, longer candles out of shorter, intervals. */

import type { Candle, CandleSet } from "./candle-store.ts";

export interface Quote {
  readonly symbol: string;
  readonly last: number;
  /** Since the window's open, in percent. */
  readonly changePercent: number;
  readonly high: number;
  readonly low: number;
  readonly volume: number | undefined;
}

/** Of each symbol its latest window. */
export function quotesOf({ bySymbol }: CandleSet): Quote[] {
  const quotes: Quote[] = [];
  for (const [symbol, candles] of bySymbol) {
    const latest = candles.at(-1);
    if (latest === undefined) continue;
    const { open, high, low, close, volume } = latest;
    quotes.push({ symbol, last: close, changePercent: (close / open - 1) * 100, high, low, volume });
  }
  return quotes;
}

/**
 * What was known of one symbol, overlaid by what is live now. Candles older than all live ones stay: the hub
 * only forgets the oldest.
 */
export function overlaid(known: readonly Candle[], live: readonly Candle[], maxCandles: number): Candle[] {
  const firstLiveMs = live[0]?.timeMs ?? Number.POSITIVE_INFINITY;
  return [...known.filter((candle) => candle.timeMs < firstLiveMs), ...live].slice(-maxCandles);
}

/**
 * Candles of `windowMs` out of shorter ones, which are in the order of time and whose windows divide it.
 * Windows begin at multiples of their length since 1970 UTC, as `tumble` has them.
 */
export function rolledUp(candles: readonly Candle[], windowMs: number): Candle[] {
  const longer: Candle[] = [];
  for (const candle of candles) {
    const timeMs = Math.floor(candle.timeMs / windowMs) * windowMs;
    const last = longer.at(-1);
    if (last?.timeMs === timeMs) longer[longer.length - 1] = joined(last, candle);
    else longer.push({ ...candle, timeMs });
  }
  return longer;
}

function joined(first: Candle, second: Candle): Candle {
  return {
    timeMs: first.timeMs,
    open: first.open,
    high: Math.max(first.high, second.high),
    low: Math.min(first.low, second.low),
    close: second.close,
    volume: sum(first.volume, second.volume),
    trades: sum(first.trades, second.trades),
    vwap: weighted(first, second),
  };
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : a + b;
}

/** The volume-weighted mean of two; undefined where one has volume and no mean. */
function weighted(first: Candle, second: Candle): number | undefined {
  const [a, b] = [first.volume ?? 0, second.volume ?? 0];
  if (a === 0) return second.vwap;
  if (b === 0) return first.vwap;
  if (first.vwap === undefined || second.vwap === undefined) return undefined;
  return (first.vwap * a + second.vwap * b) / (a + b);
}

/** What is shown of a query's candles: its own windows, or longer ones made of them. */
export interface Interval {
  readonly query: string;
  readonly windowMs: number;
  readonly isRolledUp: boolean;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const USUAL_MS = [1000, 5000, 15_000, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS].concat(
  24 * HOUR_MS,
);
/** Fewer candles than this are no chart. */
const LEAST_CANDLES = 3;

/**
 * The intervals to choose from, the shortest first. Of two queries with windows of one length the one that is
 * live is taken. Usual lengths that no query has are rolled up from the query with the shortest windows, if
 * `spanMs` of it holds some.
 */
export function intervalsOf(sets: readonly CandleSet[], spanMs: number): Interval[] {
  const own = new Map<number | string, CandleSet>();
  for (const set of sets) {
    const name = set.windowMs > 0 ? set.windowMs : set.query;
    const before = own.get(name);
    if (before === undefined || (before.mode === "append" && set.mode !== "append")) own.set(name, set);
  }
  const [shortest] = own.values();
  const baseMs = shortest?.windowMs ?? 0;
  const usual = USUAL_MS.filter(
    (windowMs) =>
      baseMs > 0 &&
      windowMs > baseMs &&
      windowMs % baseMs === 0 &&
      windowMs * LEAST_CANDLES <= spanMs &&
      !own.has(windowMs),
  );
  const intervals: Interval[] = [...own.values()].map(({ query, windowMs }) => ({
    query,
    windowMs,
    isRolledUp: false,
  }));
  for (const windowMs of usual) intervals.push({ query: shortest?.query ?? "", windowMs, isRolledUp: true });
  return intervals.toSorted((a, b) => a.windowMs - b.windowMs);
}
