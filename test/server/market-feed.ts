/**
 * Batches as the built-in `market` job gives them: candles by minute and by day, in update mode. Same seed,
 * same batches.
 */

import type { BatchProgress, Json, QueryOutput } from "../../src/engine/batch-progress.ts";

export interface MarketFeedOptions {
  readonly symbols: number;
  readonly seed?: number;
  /** Event time that passes from batch to batch. */
  readonly stepMs?: number;
  /** The share of symbols that trade in a batch. */
  readonly activity?: number;
}

export interface MarketFeed {
  next(): BatchProgress;
}

interface Candle {
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  trades: number;
  value: number;
}

type Row = Readonly<Record<string, Json>>;

const START_MS = Date.UTC(2026, 0, 5, 14, 30);
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const WINDOWS = [
  ["minute", MINUTE_MS],
  ["day", DAY_MS],
] as const;

const COLUMNS = [
  ["symbol", "VARCHAR"],
  ["window_start", "TIMESTAMP"],
  ["window_end", "TIMESTAMP"],
  ["open", "DOUBLE"],
  ["high", "DOUBLE"],
  ["low", "DOUBLE"],
  ["close", "DOUBLE"],
  ["volume", "BIGINT"],
  ["trades", "BIGINT"],
  ["vwap", "DOUBLE"],
  ["change", "DOUBLE"],
].map(([name = "", type = ""]) => ({ name, type }));

export function marketFeed(options: MarketFeedOptions): MarketFeed {
  const { symbols, seed = 1, stepMs = 1000, activity = 0.6 } = options;
  const random = mulberry32(seed);
  const names = Array.from({ length: symbols }, (_, index) => `SYM${String(index).padStart(4, "0")}`);
  const prices = names.map(() => 20 + random() * 300);
  const candles = new Map<string, Candle>();
  let batch = -1;

  function trade(index: number, eventTimeMs: number): Row[] {
    const price = (prices[index] ?? 1) * Math.exp((random() + random() + random() - 1.5) * 0.0016);
    prices[index] = price;
    const rounded = Math.round(price * 100) / 100;
    const quantity = 100 * (1 + Math.floor(random() * 20));
    return WINDOWS.map(([query, windowMs]) => {
      const start = Math.floor(eventTimeMs / windowMs) * windowMs;
      const name = `${query} ${index} ${start}`;
      const candle = candles.get(name) ?? emptyCandle(rounded);
      candles.set(name, candle);
      addTrade(candle, rounded, quantity);
      return rowOf(names[index] ?? "", start, windowMs, candle);
    });
  }

  return {
    next() {
      batch += 1;
      const eventTimeMs = START_MS + batch * stepMs;
      const changed = new Map<string, Row[]>(WINDOWS.map(([query]) => [query, []]));
      let inputRows = 0;
      for (let index = 0; index < symbols; index += 1) {
        if (batch > 0 && random() > activity) continue;
        const rows = trade(index, eventTimeMs);
        for (const [at, [query]] of WINDOWS.entries()) changed.get(query)?.push(rows[at] ?? {});
        inputRows += 5 + Math.floor(random() * 10);
      }
      const outputs = Array.from(changed, ([query, rows]) => outputOf(query, rows));
      const wave = 1 + 0.4 * Math.sin(batch / 9);
      return {
        job: "market",
        report: {
          batch,
          startedAtMs: START_MS + batch * 1000,
          schedulingDelayMs: random() < 0.1 ? 4 + random() * 12 : 0,
          processingMs: (9 + random() * 8) * wave,
          inputRows: Math.floor(inputRows * wave),
          inputBytes: inputRows * 80,
          lateRows: random() < 0.05 ? 3 : 0,
          deadLetters: random() < 0.02 ? 1 : 0,
          watermarkMs: eventTimeMs - 5000,
          maxEventTimeMs: eventTimeMs,
          outputRows: Object.fromEntries(outputs.map(({ query, changes }) => [query, changes.length])),
        },
        outputs,
      };
    },
  };
}

function emptyCandle(price: number): Candle {
  return { open: price, high: price, low: price, close: price, volume: 0, trades: 0, value: 0 };
}

function addTrade(candle: Candle, price: number, quantity: number): void {
  candle.high = Math.max(candle.high, price);
  candle.low = Math.min(candle.low, price);
  candle.close = price;
  candle.volume += quantity;
  candle.trades += 1;
  candle.value += price * quantity;
}

function rowOf(symbol: string, startMs: number, windowMs: number, candle: Candle): Row {
  const { value, ...figures } = candle;
  return {
    symbol,
    window_start: new Date(startMs).toISOString(),
    window_end: new Date(startMs + windowMs).toISOString(),
    ...figures,
    vwap: value / candle.volume,
    change: candle.close / candle.open - 1,
  };
}

function outputOf(query: string, rows: readonly Row[]): QueryOutput {
  const changes = rows.map((row) => ({ op: "upsert", row }) as const);
  return {
    query,
    mode: "update",
    key: ["symbol", "window_start"],
    columns: COLUMNS,
    changes,
    omittedRows: 0,
  };
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
