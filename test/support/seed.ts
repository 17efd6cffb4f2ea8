/**
 * What properties are tried on: the same cases at every run, so that one tree has one answer.
 * STREAMKIT_SEED=random draws other ones, STREAMKIT_SEED=7 those of that seed; a failure prints its own.
 */

import fc from "fast-check";

const DEFAULT_SEED = 1;
const given = process.env["STREAMKIT_SEED"];

if (given !== undefined && given !== "random" && !/^\d+$/.test(given))
  throw new Error(`STREAMKIT_SEED is a whole number or random: "${given}"`);
if (given !== "random") fc.configureGlobal({ seed: seedOr(DEFAULT_SEED) });

/** For a test with a seed of its own. */
export function seedOr(seed: number): number {
  return given === "random" ? Math.floor(Math.random() * 2 ** 31) : Number(given ?? seed);
}
