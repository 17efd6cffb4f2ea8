/**
 * A market of shares. Each price is a geometric Brownian motion with its own yearly volatility and drift,
 * seen through a tick of 0.01; how far it moves depends on the event time that passed, not on how often it is
 * looked at.
 */

import { randomLogNormal } from "d3-random";
import { normalTable, type Random, TABLE_MASK, TABLE_SIZE, zipfPicker } from "./random.ts";
import { byMinute } from "./times.ts";

export interface Market {
  /** Somebody looks at, or deals in, one share at `timeMs`. */
  draw(timeMs: number): void;
  /** Index of the share drawn. The first symbols are drawn most. */
  readonly symbol: number;
  /** Its price in ticks of 0.01: a whole number > 0. */
  readonly ticks: number;
  /** Lots of `LOT` shares offered or dealt: 1 to `MAX_LOTS`. */
  readonly lots: number;
}

/** Volatilities are said by the year of trading: 252 days of 6.5 hours. Here the market never sleeps. */
const YEAR_MS = 252 * 6.5 * 3_600_000;
const VOLATILITY_RANGE = { low: 0.2, high: 0.6 };
const DRIFT_PER_YEAR = { mean: 0.05, deviation: 0.15 };
const FIRST_PRICE_TICKS = { low: 2_000, high: 60_000 };
const MAX_TICKS = 1_000_000_000;
const POPULARITY_EXPONENT = 0.8;
export const LOT = 100;
export const MAX_LOTS = 10_000;

export function createMarket(symbols: number, random: Random): Market {
  const deviates = normalTable(random);
  const lotDeviates = Float64Array.from(
    { length: TABLE_SIZE },
    randomLogNormal.source(() => random.share())(Math.log(3), 0.9),
  );
  const pick = zipfPicker(symbols, POPULARITY_EXPONENT);
  const activity = byMinute(activityAt);
  const volatility = Float64Array.from(
    { length: symbols },
    () => logUniform(random, VOLATILITY_RANGE) / Math.sqrt(YEAR_MS),
  );
  const drift = volatility.map((perRootMs) => {
    const perYear =
      DRIFT_PER_YEAR.mean + DRIFT_PER_YEAR.deviation * (deviates[random.bits() & TABLE_MASK] as number);
    return perYear / YEAR_MS - perRootMs ** 2 / 2;
  });
  const price = Float64Array.from({ length: symbols }, () => logUniform(random, FIRST_PRICE_TICKS));
  const seenAtMs = new Float64Array(symbols).fill(Number.NaN);

  const market = {
    symbol: 0,
    ticks: 0,
    lots: 0,
    draw(timeMs: number) {
      const symbol = pick(random.share());
      const bits = random.bits();
      const sinceMs = timeMs - (seenAtMs[symbol] as number);
      seenAtMs[symbol] = timeMs;
      if (sinceMs > 0) {
        const deviate = deviates[bits & TABLE_MASK] as number;
        const move =
          (volatility[symbol] as number) * Math.sqrt(sinceMs) * deviate + (drift[symbol] as number) * sinceMs;
        price[symbol] = Math.min(MAX_TICKS, Math.max(1, (price[symbol] as number) * Math.exp(move)));
      }
      const wanted = Math.round((lotDeviates[bits >>> 16] as number) * activity(timeMs));
      market.symbol = symbol;
      market.ticks = Math.round(price[symbol] as number);
      market.lots = Math.min(MAX_LOTS, Math.max(1, wanted));
    },
  };
  return market;
}

function logUniform(random: Random, range: { low: number; high: number }): number {
  return range.low * (range.high / range.low) ** random.share();
}

const OPEN_MINUTE = 14 * 60 + 30;
const CLOSE_MINUTE = 21 * 60;
const ACTIVITY_OUTSIDE = 0.15;

/** How much is dealt at a time of day (UTC): a U over the trading day, little outside it and on weekends. */
export function activityAt(timeMs: number): number {
  const time = new Date(timeMs);
  const minute = time.getUTCHours() * 60 + time.getUTCMinutes();
  const isWeekend = time.getUTCDay() % 6 === 0;
  if (isWeekend || minute < OPEN_MINUTE || minute >= CLOSE_MINUTE) return ACTIVITY_OUTSIDE;
  const fromMiddle = (2 * (minute - OPEN_MINUTE)) / (CLOSE_MINUTE - OPEN_MINUTE) - 1;
  return 0.7 + 1.3 * fromMiddle ** 2;
}

const CENTS: readonly string[] = Array.from(
  { length: 100 },
  (_, cents) => `.${String(cents).padStart(2, "0")}`,
);

/** 12345 ticks → `123.45`. */
export function priceText(ticks: number): string {
  return Math.floor(ticks / 100) + (CENTS[ticks % 100] as string);
}
