/**
 * What properties are tried on: the same cases at every run, so that one tree has one answer.
 * STREAMKIT_SEED=random draws other ones, STREAMKIT_SEED=7 those of that seed; a failure prints its own.
 */

import fc from "fast-check";

const DEFAULT_SEED = 1;
const given = process.env["STREAMKIT_SEED"];

if (given !== "random") {
  const seed = Number(given ?? DEFAULT_SEED);
  if (!Number.isSafeInteger(seed)) throw new Error(`STREAMKIT_SEED is a whole number or random: ${given}`);
  fc.configureGlobal({ seed });
}
