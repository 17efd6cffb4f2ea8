/** Prices move like prices, and trades and volumes look like a market's. */

import { describe, expect, test } from "bun:test";
import { activityAt, createMarket, LOT, MAX_LOTS, priceText } from "../../src/simulate/market.ts";
import { createRandom, normalTable, weightedPicker, zipfPicker } from "../../src/simulate/random.ts";
import { linesOf, START, streamOf } from "./stream.ts";

const MINUTE_MS = 60_000;
const TRADING_YEAR_MINUTES = 252 * 6.5 * 60;

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const variance = (values: readonly number[]): number =>
  mean(values.map((value) => (value - mean(values)) ** 2));

/** One share's prices, one a minute. */
function pricesOf(seed: number, minutes: number): number[] {
  const market = createMarket(1, createRandom(seed, 0));
  return Array.from({ length: minutes }, (_, minute) => {
    market.draw(Date.parse(START) + minute * MINUTE_MS);
    return market.ticks;
  });
}

function returnsOf(prices: readonly number[]): number[] {
  return prices.slice(1).map((price, index) => Math.log(price / (prices[index] as number)));
}

describe("the walk", () => {
  const seeds = [1, 2, 3, 4, 5];

  test.each(seeds)(
    "of seed %i has a yearly volatility of 20 to 60 % and returns that don't foretell the next",
    (seed) => {
      const returns = returnsOf(pricesOf(seed, 20_000));
      const volatility = Math.sqrt(variance(returns) * TRADING_YEAR_MINUTES);
      expect(volatility).toBeGreaterThan(0.19);
      expect(volatility).toBeLessThan(0.63);
      const products = returns.slice(1).map((value, index) => value * (returns[index] as number));
      expect(Math.abs(mean(products) / variance(returns))).toBeLessThan(0.04);
    },
  );

  test("moves as far in an hour whether it is looked at each second or each minute", () => {
    const hourVariance = (stepMs: number): number => {
      const market = createMarket(1, createRandom(7, 0));
      const hourly: number[] = [];
      for (let at = 0; at <= 200 * 60 * MINUTE_MS; at += stepMs) {
        market.draw(at);
        if (at % (60 * MINUTE_MS) === 0) hourly.push(market.ticks);
      }
      return variance(returnsOf(hourly));
    };
    const ratio = hourVariance(1000) / hourVariance(MINUTE_MS);
    expect(ratio).toBeGreaterThan(0.6);
    expect(ratio).toBeLessThan(1.7);
  });

  test("stays on the tick grid and positive, even over ten thousand years", () => {
    const market = createMarket(3, createRandom(1, 0));
    for (let day = 0; day < 20_000; day++) {
      market.draw(day * 182.5 * 86_400_000);
      expect(Number.isInteger(market.ticks) && market.ticks >= 1 && market.ticks <= 1e9).toBe(true);
    }
  });

  test("is written with two decimals", () => {
    expect([1, 99, 100, 12_340, 1_000_000_000].map(priceText)).toEqual([
      "0.01",
      "0.99",
      "1.00",
      "123.40",
      "10000000.00",
    ]);
    for (const line of linesOf(streamOf({ kind: "quotes", step: "1m" }, 5000).text))
      expect(line).toMatch(
        /^\{"ts":"[^"]{24}","symbol":"SYM00(0\d|10)","price":[1-9]\d*\.\d\d,"volume":[1-9]\d*00\}$/,
      );
  });
});

test("volume follows a U over the trading day and is low, not zero, outside it", () => {
  const at = (time: string): number => activityAt(Date.parse(`2026-01-05T${time}:00Z`));
  expect(at("14:29")).toBe(at("21:00"));
  expect(at("14:30")).toBeGreaterThan(2 * at("17:45"));
  expect(at("20:59")).toBeGreaterThan(2 * at("17:45"));
  expect(at("17:45")).toBeGreaterThan(3 * at("03:00"));
  expect(at("03:00")).toBeGreaterThan(0);
  expect(activityAt(Date.parse("2026-01-04T15:00:00Z"))).toBe(at("03:00"));

  const meanLots = (time: string): number => {
    const market = createMarket(1, createRandom(1, 0));
    const lots = Array.from({ length: 5000 }, (_, index) => {
      market.draw(Date.parse(`2026-01-05T${time}:00Z`) + index);
      expect(market.lots >= 1 && market.lots <= MAX_LOTS).toBe(true);
      return market.lots;
    });
    return mean(lots);
  };
  expect(meanLots("14:30")).toBeGreaterThan(1.7 * meanLots("17:45"));
});

test("trades have rising ids, both sides around the price, and busy and quiet accounts", () => {
  interface Trade {
    readonly id: number;
    readonly side: string;
    readonly price: number;
    readonly quantity: number;
    readonly account: string;
  }
  const trades = linesOf(streamOf({ kind: "trades", symbols: 1, step: "1ms" }, 20_000).text).map(
    (line) => JSON.parse(line) as Trade,
  );
  expect(trades.map(({ id }) => id)).toEqual(trades.map((_, index) => index + 1));
  expect(trades.every(({ quantity }) => quantity > 0 && quantity % LOT === 0)).toBe(true);
  const buys = trades.filter(({ side }) => side === "buy");
  const sells = trades.filter(({ side }) => side === "sell");
  expect(buys.length + sells.length).toBe(trades.length);
  expect(buys.length / trades.length).toBeCloseTo(0.5, 1);
  expect(mean(buys.map(({ price }) => price))).toBeGreaterThan(mean(sells.map(({ price }) => price)));
  const busiest = trades.filter(({ account }) => account === "ACC00001").length;
  expect(busiest).toBeGreaterThan(10 * trades.filter(({ account }) => account === "ACC01000").length);
});

describe("randomness", () => {
  test("a picker picks by weight", () => {
    const pick = weightedPicker([1, 0, 3, 6]);
    const random = createRandom(1, 0);
    const counts = [0, 0, 0, 0];
    for (let draw = 0; draw < 100_000; draw++) {
      const index = pick(random.share());
      counts[index] = (counts[index] as number) + 1;
    }
    expect(counts[1]).toBe(0);
    expect(counts.map((count) => Math.round(count / 2000) / 5)).toEqual([1, 0, 3, 6]);
  });

  test("the first symbol is drawn most and each is drawn", () => {
    const pick = zipfPicker(10, 0.8);
    const picked = Array.from({ length: 10_000 }, (_, index) => pick(index / 10_000));
    const counts = Array.from({ length: 10 }, (_, rank) => picked.filter((index) => index === rank).length);
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });

  test("the table of normal deviates has mean 0, variance 1 and the tails of a normal distribution", () => {
    const table = [...normalTable(createRandom(3, 0))];
    expect(mean(table)).toBeCloseTo(0, 9);
    expect(mean(table.map((value) => value ** 2))).toBeCloseTo(1, 9);
    expect(mean(table.map((value) => value ** 4))).toBeCloseTo(3, 0);
  });

  test("streams of one seed differ, and so do seeds", () => {
    const draws = (seed: number, stream: number): number[] => {
      const random = createRandom(seed, stream);
      return Array.from({ length: 4 }, () => random.bits());
    };
    const all = [draws(1, 0), draws(1, 1), draws(2, 0), draws(0, 0), draws(2 ** 32 - 1, 0)];
    expect(new Set(all.flat()).size).toBe(20);
    expect(draws(1, 1)).toEqual(draws(1, 1));
  });
});
