/**
 * The candles of every candle query, by symbol and in the order of time, kept by the deltas as they come: the
 * live state forgets its oldest rows and is a list in the order of their changes, a chart wants neither.
 */

import { digitsOf } from "../src/base/exact-json.ts";
import { type CandleColumns, candleColumns } from "../src/server/candles.ts";
import { plainText, type TableDelta, type Values } from "../src/server/protocol.ts";
import type { LiveState, LiveTable } from "../src/server/state.ts";

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

/** The candles of one query. */
export interface CandleSet {
  readonly query: string;
  readonly mode: LiveTable["mode"];
  /** 0 where nothing tells. */
  readonly windowMs: number;
  /** In the order of time; changed in place. */
  readonly bySymbol: ReadonlyMap<string, readonly Candle[]>;
}

export interface CandleStore {
  /** The queries that have given a row, those with the shortest windows first. */
  sets(): readonly CandleSet[];
  /** Begins anew with what the state has. */
  replace(state: LiveState): void;
  /** Takes one query's part of a delta that `state` has taken already. */
  apply(delta: TableDelta, state: LiveState): void;
}

/** Of all queries together some 30 MB; the oldest of each symbol go first. */
const MAX_CANDLES = 300_000;
const LEAST_A_SYMBOL = 60;

export function createCandleStore(maxCandles = MAX_CANDLES): CandleStore {
  const tables = new Map<string, Table>();

  function take(table: LiveTable): void {
    tables.delete(table.query);
    const at = candleColumns(table.columns);
    if (at === undefined) return;
    const taken = openTable(table, at);
    tables.set(table.query, taken);
    for (const values of table.rows.values()) taken.put(values);
    taken.trim(maxCandles);
  }

  return {
    sets: () =>
      [...tables.values()]
        .filter(({ set }) => set.bySymbol.size > 0)
        .map(({ set }) => set)
        .toSorted((a, b) => a.windowMs - b.windowMs),
    replace(state) {
      tables.clear();
      for (const table of state.tables.values()) take(table);
    },
    apply(delta, state) {
      const before = tables.get(delta.query);
      const table = state.tables.get(delta.query);
      if (table === undefined) return;
      if (before === undefined || !before.isOf(table)) {
        take(table);
        return;
      }
      const deleted = new Set(delta.deleted);
      for (const [index, values] of delta.rows.entries())
        if (deleted.has(index)) before.remove(values);
        else before.put(values);
      before.trim(maxCandles);
    },
  };
}

interface Table {
  readonly set: CandleSet;
  isOf(table: LiveTable): boolean;
  put(values: Values): void;
  remove(values: Values): void;
  trim(maxCandles: number): void;
}

function openTable({ query, mode, columns }: LiveTable, at: CandleColumns): Table {
  const bySymbol = new Map<string, Candle[]>();
  let count = 0;
  /** From a row's end, or else from how far apart the windows of one symbol are at least. */
  let windowMs = Number.POSITIVE_INFINITY;

  function put(values: Values): void {
    const name = plainText(values[at.symbol]);
    const candle = candleOf(values, at);
    if (Number.isNaN(candle.timeMs)) return;
    if (at.windowEnd !== -1) windowMs = timeMs(values[at.windowEnd]) - candle.timeMs;
    const candles = bySymbol.get(name);
    if (candles === undefined) {
      bySymbol.set(name, [candle]);
      count += 1;
      return;
    }
    const index = firstFrom(candles, candle.timeMs);
    const isThere = candles[index]?.timeMs === candle.timeMs;
    candles.splice(index, isThere ? 1 : 0, candle);
    if (isThere) return;
    count += 1;
    if (at.windowEnd !== -1) return;
    for (const other of [candles[index - 1], candles[index + 1]])
      if (other !== undefined) windowMs = Math.min(windowMs, Math.abs(candle.timeMs - other.timeMs));
  }

  return {
    set: {
      query,
      mode,
      bySymbol,
      get windowMs() {
        return Number.isFinite(windowMs) ? windowMs : 0;
      },
    },
    isOf: (table) => table.mode === mode && table.columns === columns,
    put,
    remove(values) {
      const name = plainText(values[at.symbol]);
      const candles = bySymbol.get(name) ?? [];
      const startMs = timeMs(values[at.windowStart]);
      const index = firstFrom(candles, startMs);
      if (candles[index]?.timeMs !== startMs) return;
      candles.splice(index, 1);
      count -= 1;
      if (candles.length === 0) bySymbol.delete(name);
    },
    trim(maxCandles) {
      if (count <= maxCandles) return;
      const share = Math.max(LEAST_A_SYMBOL, Math.floor((maxCandles * 0.8) / bySymbol.size));
      for (const candles of bySymbol.values())
        count -= candles.splice(0, Math.max(0, candles.length - share)).length;
    },
  };
}

/** The index of the first candle that begins at `startMs` or later. The newest are the likely ones. */
function firstFrom(candles: readonly Candle[], startMs: number): number {
  const last = candles.at(-1);
  if (last === undefined || last.timeMs < startMs) return candles.length;
  if (last.timeMs === startMs) return candles.length - 1;
  let [low, high] = [0, candles.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((candles[middle]?.timeMs ?? 0) < startMs) low = middle + 1;
    else high = middle;
  }
  return low;
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
