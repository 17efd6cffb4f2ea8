/**
 * Seeded randomness for the simulator. The hot loop reads tables that d3-random filled once and pays only for
 * one xoroshiro128+ step (Blackman & Vigna, https://vigna.di.unimi.it/ftp/papers/ScrambledLinear.pdf) a draw.
 */

import { randomNormal } from "d3-random";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

export interface Random {
  /** 32 random bits as a signed integer. */
  bits(): number;
  /** Uniform in [0, 1), a multiple of 2^-32. */
  share(): number;
}

const TWO_POW_32 = 2 ** 32;

/** Different streams of one seed never overlap: each starts 2^64 draws after the one before. */
export function createRandom(seed: number, stream: number): Random {
  const generator = xoroshiro128plus(seed | 0);
  for (let jumps = 0; jumps <= stream; jumps++) generator.jump();
  return {
    bits: () => generator.next(),
    share: () => (generator.next() >>> 0) / TWO_POW_32,
  };
}

/** A whole number in [0, below). */
export function integerBelow(random: Random, below: number): number {
  return Math.floor(random.share() * below);
}

/** One of `values`, each as likely as the other. Must not be empty. */
export function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[integerBelow(random, values.length)] as T;
}

export const TABLE_SIZE = 2 ** 16;
/** `bits & TABLE_MASK` is an index into a table. */
export const TABLE_MASK = TABLE_SIZE - 1;

/**
 * `TABLE_SIZE` standard normal deviates in random order whose mean is 0 and variance 1 exactly: a walk does
 * not drift.
 */
export function normalTable(random: Random): Float64Array {
  const deviate = randomNormal.source(() => random.share())(0, 1);
  const table = Float64Array.from({ length: TABLE_SIZE }, deviate);
  const mean = table.reduce((sum, value) => sum + value, 0) / TABLE_SIZE;
  const variance = table.reduce((sum, value) => sum + (value - mean) ** 2, 0) / TABLE_SIZE;
  const scale = 1 / Math.sqrt(variance);
  return table.map((value) => (value - mean) * scale);
}

/** Turns a uniform share in [0, 1) into an index. */
export type Picker = (share: number) => number;

/**
 * Picks index i with a likelihood proportional to `weights[i]`, in constant time: the alias method
 * (Vose 1991, "A linear algorithm for generating random numbers with a given distribution").
 */
export function weightedPicker(weights: readonly number[]): Picker {
  const size = weights.length;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const likelihood = Float64Array.from(weights, (weight) => (weight * size) / total);
  const alias = new Uint32Array(size);
  const small: number[] = [];
  const large: number[] = [];
  likelihood.forEach((value, index) => (value < 1 ? small : large).push(index));
  while (small.length > 0 && large.length > 0) {
    const poor = small.pop() as number;
    const rich = large.pop() as number;
    alias[poor] = rich;
    const left = (likelihood[rich] as number) + (likelihood[poor] as number) - 1;
    likelihood[rich] = left;
    (left < 1 ? small : large).push(rich);
  }
  for (const index of [...small, ...large]) likelihood[index] = 1;
  return (share) => {
    const scaled = share * size;
    const index = Math.floor(scaled);
    return scaled - index < (likelihood[index] as number) ? index : (alias[index] as number);
  };
}

/** Picks rank r (from 0) with a likelihood proportional to 1 / (r + 1)^exponent. */
export function zipfPicker(size: number, exponent: number): Picker {
  return weightedPicker(Array.from({ length: size }, (_, rank) => 1 / (rank + 1) ** exponent));
}
