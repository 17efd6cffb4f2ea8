/**
 * Technical indicators, each a value a candle in the order of time; undefined where there is not enough
 * before it. Definitions are those of J. Murphy, Technical Analysis of the Financial Markets (1999), and for
 * RSI of J. W. Wilder, New Concepts in Technical Trading Systems (1978).
 */

import type { Candle } from "./candle-store.ts";

type Line = (number | undefined)[];

/** The mean of the last `length` values. */
export function simpleAverage(values: readonly number[], length: number): Line {
  let total = 0;
  return values.map((value, index) => {
    total += value - (index >= length ? (values[index - length] ?? 0) : 0);
    return index + 1 < length ? undefined : total / length;
  });
}

/** Begins with the mean of the first `length` values; the newest then weighs 2 / (length + 1). */
export function exponentialAverage(values: readonly number[], length: number): Line {
  const weight = 2 / (length + 1);
  let average: number | undefined;
  return values.map((value, index) => {
    if (index + 1 < length) return undefined;
    average =
      average === undefined
        ? values.slice(0, length).reduce((sum, each) => sum + each, 0) / length
        : average + weight * (value - average);
    return average;
  });
}

export interface Bands {
  readonly upper: Line;
  readonly middle: Line;
  readonly lower: Line;
}

/** The mean of the last `length` values, and `deviations` standard deviations (of all of them) around it. */
export function bollingerBands(values: readonly number[], length: number, deviations: number): Bands {
  const middle = simpleAverage(values, length);
  const spread = middle.map((mean, index) => {
    if (mean === undefined) return undefined;
    const last = values.slice(index + 1 - length, index + 1);
    return deviations * Math.sqrt(last.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length);
  });
  const shifted = (sign: number): Line =>
    middle.map((mean, index) => {
      const distance = spread[index];
      return mean === undefined || distance === undefined ? undefined : mean + sign * distance;
    });
  return { upper: shifted(1), middle, lower: shifted(-1) };
}

/** 100 where prices only rose, 0 where they only fell, 50 where they stood still. */
export function relativeStrength(values: readonly number[], length: number): Line {
  let [gain, loss] = [0, 0];
  return values.map((value, index) => {
    if (index === 0) return undefined;
    const change = value - (values[index - 1] ?? value);
    // The first means are plain ones; Wilder's go on from them.
    const kept = index <= length ? 1 : (length - 1) / length;
    gain = gain * kept + Math.max(0, change) / length;
    loss = loss * kept + Math.max(0, -change) / length;
    if (index < length) return undefined;
    return gain + loss === 0 ? 50 : (100 * gain) / (gain + loss);
  });
}

const DAY_MS = 86_400_000;

/**
 * The volume-weighted average price since the day began, in UTC. Where a candle has none of its own, its
 * typical price stands for it.
 */
export function dayAverage(candles: readonly Candle[]): Line {
  let day = Number.NaN;
  let [money, volume] = [0, 0];
  return candles.map((candle) => {
    const today = Math.floor(candle.timeMs / DAY_MS);
    if (today !== day) [day, money, volume] = [today, 0, 0];
    const price = candle.vwap ?? (candle.high + candle.low + candle.close) / 3;
    money += price * (candle.volume ?? 0);
    volume += candle.volume ?? 0;
    return volume === 0 ? undefined : money / volume;
  });
}
