/**
 * Candles out of the live state: which queries have them, how long their windows are, one symbol's, the
 * watch list.
 */

import { digitsOf } from "../src/base/exact-json.ts";
import { type CandleColumns, candleColumns } from "../src/server/candles.ts";
import { plainText, type Values } from "../src/server/protocol.ts";
import type { LiveState, LiveTable } from "../src/server/state.ts";

export interface CandleSet {
  readonly table: LiveTable;
  readonly at: CandleColumns;
  /** 0 where nothing tells. */
  readonly windowMs: number;
}

export interface Candle {
  /** Of the window's start, since 1970 UTC. */
  readonly timeMs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** Undefined where the query has none. */
  readonly volume: number | undefined;
  readonly trades: number | undefined;
  readonly vwap: number | undefined;
}

export interface Quote {
  readonly symbol: string;
  readonly last: number;
  /** Since the window's open, in percent. */
  readonly changePercent: number;
  readonly high: number;
  readonly low: number;
  readonly volume: number | undefined;
}

/** The candle queries that have given a row, those with the shortest windows first. */
export function candleSets(state: LiveState): CandleSet[] {
  const sets: CandleSet[] = [];
  for (const table of state.tables.values()) {
    const at = candleColumns(table.columns);
    if (at !== undefined && table.rows.size > 0) sets.push({ table, at, windowMs: windowMs(table, at) });
  }
  return sets.toSorted((a, b) => a.windowMs - b.windowMs);
}

/** From one row's end, or else from how far apart the windows of one symbol are at least. */
function windowMs(table: LiveTable, at: CandleColumns): number {
  const [first] = table.rows.values();
  if (first === undefined) return 0;
  if (at.windowEnd !== -1) return timeMs(first[at.windowEnd]) - timeMs(first[at.windowStart]);
  const starts = new Set<number>();
  for (const values of table.rows.values()) {
    if (values[at.symbol] === first[at.symbol]) starts.add(timeMs(values[at.windowStart]));
  }
  const sorted = [...starts].toSorted((a, b) => a - b);
  const steps = sorted.slice(1).map((start, index) => start - (sorted[index] ?? 0));
  return steps.length === 0 ? 0 : Math.min(...steps);
}

/** The symbol's candles in the order of time. */
export function candlesOf(set: CandleSet, symbol: string): Candle[] {
  const rows: Values[] = [];
  for (const values of set.table.rows.values()) if (values[set.at.symbol] === symbol) rows.push(values);
  return inTimeOrder(rows.map((values) => candleOf(values, set.at)));
}

export function candleOf(values: Values, at: CandleColumns): Candle {
  return {
    timeMs: timeMs(values[at.windowStart]),
    open: number(values[at.open]),
    high: number(values[at.high]),
    low: number(values[at.low]),
    close: number(values[at.close]),
    volume: optionalNumber(values, at.volume),
    trades: optionalNumber(values, at.trades),
    vwap: optionalNumber(values, at.vwap),
  };
}

/** Of each symbol its latest window. */
export function quotesOf(set: CandleSet): Quote[] {
  const latest = new Map<string, Values>();
  for (const values of set.table.rows.values()) {
    const symbol = plainText(values[set.at.symbol]);
    const before = latest.get(symbol);
    const isNewer = before === undefined || start(values, set) >= start(before, set);
    if (isNewer) latest.set(symbol, values);
  }
  return Array.from(latest, ([symbol, values]) => {
    const { open, high, low, close, volume } = candleOf(values, set.at);
    return { symbol, last: close, changePercent: (close / open - 1) * 100, high, low, volume };
  });
}

/** Of each symbol its last `count` closing prices. */
export function closesBySymbol(set: CandleSet, count: number): Map<string, number[]> {
  const rows = new Map<string, Values[]>();
  for (const values of set.table.rows.values()) {
    const symbol = plainText(values[set.at.symbol]);
    const list = rows.get(symbol);
    if (list === undefined) rows.set(symbol, [values]);
    else list.push(values);
  }
  const closes = new Map<string, number[]>();
  for (const [symbol, list] of rows) {
    const sorted = list.toSorted((a, b) => (start(a, set) < start(b, set) ? -1 : 1)).slice(-count);
    closes.set(
      symbol,
      sorted.map((values) => number(values[set.at.close])),
    );
  }
  return closes;
}

/**
 * What was known of one symbol, overlaid by what is live now. Candles older than all live ones stay: the hub
 * only forgets the oldest.
 */
export function overlaid(known: readonly Candle[], live: readonly Candle[], maxCandles: number): Candle[] {
  const firstLiveMs = live[0]?.timeMs ?? Number.POSITIVE_INFINITY;
  return [...known.filter((candle) => candle.timeMs < firstLiveMs), ...live].slice(-maxCandles);
}

function inTimeOrder(candles: Candle[]): Candle[] {
  return candles.toSorted((a, b) => a.timeMs - b.timeMs);
}

function start(values: Values, set: CandleSet): string {
  return plainText(values[set.at.windowStart]);
}

function timeMs(value: unknown): number {
  const text = String(value);
  return Date.parse(
    /T.*(?:Z|[+-]\d\d:?\d\d)$|^\d{4}-\d\d-\d\d$/.test(text) ? text : `${text.replace(" ", "T")}Z`,
  );
}

function number(value: unknown): number {
  return Number(digitsOf(value) ?? value);
}

function optionalNumber(values: Values, index: number): number | undefined {
  const value = values[index];
  return value === undefined || value === null ? undefined : number(value);
}
