/** The chart's candles are those of the live state, however they came; longer ones are made of shorter. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { TableDelta, Values } from "../../src/server/protocol.ts";
import { applyDelta, emptyState, type LiveState } from "../../src/server/state.ts";
import { type Candle, createCandleStore } from "../../web/candle-store.ts";
import { intervalsOf, overlaid, rolledUp } from "../../web/candles.ts";
import { batchReport } from "../support/batch-report.ts";

const MINUTE_MS = 60_000;
const START_MS = Date.parse("2026-01-05T14:30:00Z");
const COLUMNS = [
  { name: "symbol", type: "VARCHAR" },
  { name: "window_start", type: "TIMESTAMP" },
  ...["open", "high", "low", "close", "volume"].map((name) => ({ name, type: "DOUBLE" })),
];

function row(symbol: string, minute: number, close: number): Values {
  return [symbol, new Date(START_MS + minute * MINUTE_MS).toISOString(), 10, 20, 5, close, 100];
}

function delta(rows: readonly Values[], deleted: readonly number[] = [], more = {}): TableDelta {
  const key = ["symbol", "window_start"];
  return { query: "q", mode: "update", key, columns: COLUMNS, rows, deleted, omittedRows: 0, ...more };
}

function publish(state: LiveState, table: TableDelta): void {
  applyDelta(state, { kind: "batch", job: "j", report: batchReport(), tables: [table] });
}

function held(store: ReturnType<typeof createCandleStore>): Record<string, [number, number][]> {
  const [set] = store.sets();
  return Object.fromEntries(
    Array.from(set?.bySymbol ?? [], ([symbol, candles]) => [
      symbol,
      candles.map(({ timeMs, close }): [number, number] => [(timeMs - START_MS) / MINUTE_MS, close]),
    ]),
  );
}

test("deltas one by one, and all of the state at once, give the same candles", () => {
  const change = fc.record({
    symbol: fc.constantFrom("A", "B", "C"),
    minute: fc.integer({ min: 0, max: 30 }),
    close: fc.integer({ min: 1, max: 99 }),
    isDeleted: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 12 }), (batches) => {
      const state = emptyState("engine");
      const store = createCandleStore();
      for (const batch of batches) {
        const table = delta(
          batch.map(({ symbol, minute, close }) => row(symbol, minute, close)),
          batch.flatMap(({ isDeleted }, index) => (isDeleted ? [index] : [])),
        );
        publish(state, table);
        store.apply(table, state);
      }
      const anew = createCandleStore();
      anew.replace(state);
      expect(held(store)).toEqual(held(anew));
    }),
  );
});

test("candles that the live state forgot stay, up to a bound", () => {
  const state = emptyState("engine");
  const store = createCandleStore(100);
  for (let minute = 0; minute < 300; minute += 1) {
    const table = delta([row("A", minute, minute)]);
    publish(state, table);
    store.apply(table, state);
  }
  const candles = held(store)["A"] ?? [];
  expect(candles.length).toBeLessThanOrEqual(100);
  expect(candles.length).toBeGreaterThanOrEqual(60);
  expect(candles.at(-1)).toEqual([299, 299]);
});

test("a query whose columns change begins anew with what the state has", () => {
  const state = emptyState("engine");
  const store = createCandleStore();
  const before = delta([row("A", 0, 1)]);
  publish(state, before);
  store.apply(before, state);
  const columns = COLUMNS.toReversed();
  const after = delta([row("A", 1, 2).toReversed()], [], { columns });
  publish(state, after);
  store.apply(after, state);
  expect(held(store)).toEqual({
    A: [
      [0, 1],
      [1, 2],
    ],
  });
});

test("the length of windows is known by their ends, or by how far apart they are", () => {
  const state = emptyState("engine");
  publish(state, delta([row("A", 10, 1), row("A", 0, 1), row("A", 5, 1)]));
  const store = createCandleStore();
  store.replace(state);
  expect(store.sets()[0]?.windowMs).toBe(5 * MINUTE_MS);
});

const candle = (minute: number, more: Partial<Candle> = {}): Candle => ({
  timeMs: START_MS + minute * MINUTE_MS,
  open: 10,
  high: 12,
  low: 9,
  close: 11,
  volume: 100,
  trades: 1,
  vwap: 10,
  ...more,
});

describe("longer candles", () => {
  test("have the first open, the last close, what was highest and lowest, sums and the weighted mean", () => {
    const shorter = [
      candle(0, { open: 1, vwap: 10, volume: 100 }),
      candle(2, { high: 99, vwap: 20, volume: 300 }),
      candle(4, { low: 2, close: 7, vwap: undefined, volume: 0 }),
      candle(5, { close: 8 }),
    ];
    expect(rolledUp(shorter, 5 * MINUTE_MS)).toEqual([
      { ...candle(0), open: 1, high: 99, low: 2, close: 7, volume: 400, trades: 3, vwap: 17.5 },
      candle(5, { close: 8 }),
    ]);
  });

  test("do not change with how often they are rolled up", () => {
    const prices = fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 99 })));
    fc.assert(
      fc.property(prices, (drawn) => {
        const minutes = [...new Map(drawn)].toSorted(([a], [b]) => a - b);
        const shorter = minutes.map(([minute, close]) => candle(minute, { close, vwap: undefined }));
        const inTwoSteps = rolledUp(rolledUp(shorter, 5 * MINUTE_MS), 60 * MINUTE_MS);
        expect(inTwoSteps).toEqual(rolledUp(shorter, 60 * MINUTE_MS));
      }),
    );
  });

  test("lie over what was stored", () => {
    const known = [candle(0), candle(1), candle(2, { close: 1 })];
    expect(overlaid(known, [candle(2), candle(3)], 3)).toEqual([candle(1), candle(2), candle(3)]);
  });
});

describe("intervals", () => {
  const set = (query: string, windowMs: number, mode: "append" | "update" = "update") => ({
    query,
    mode,
    windowMs,
    bySymbol: new Map(),
  });
  const names = (sets: ReturnType<typeof set>[], spanMs: number) =>
    intervalsOf(sets, spanMs).map(({ query, windowMs, isRolledUp }) =>
      [query, windowMs / MINUTE_MS, ...(isRolledUp ? ["rolled up"] : [])].join(" "),
    );

  test("are the queries' own, and usual ones of the shortest that divide and that the span holds", () => {
    const day = 1440 * MINUTE_MS;
    const sets = [set("live", MINUTE_MS), set("closed", MINUTE_MS, "append"), set("day", day)];
    const [five, fifteen] = ["live 5 rolled up", "live 15 rolled up"];
    expect(names(sets, 50 * MINUTE_MS)).toEqual(["live 1", five, fifteen, "day 1440"]);
    expect(
      names(
        sets.toReversed().toSorted((a, b) => a.windowMs - b.windowMs),
        5 * MINUTE_MS,
      ),
    ).toEqual(["live 1", "day 1440"]);
  });

  test("are the queries alone where windows have no length, or one that nothing usual is made of", () => {
    expect(names([set("a", 0), set("b", 0)], 1e9)).toEqual(["a 0", "b 0"]);
    expect(names([set("seven", 7 * MINUTE_MS)], 1e7)).toEqual(["seven 7"]);
  });
});
