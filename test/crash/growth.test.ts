/**
 * The files of a checkpoint follow its open state, not the number of batches: `bun test/bench/growth.ts
 * 100000` prints the curve.
 */

import { expect, test } from "bun:test";
import { growth, type Size } from "../bench/growth.ts";

const BATCHES = 1200;
/** The log's bound, and what one commit may add to it before it is folded. */
const MAX_LOG_BYTES = 1.25 * 2 ** 20;

test(`${BATCHES} batches with windows that close: no file grows with their number`, async () => {
  const sizes: Size[] = [];
  for await (const size of growth(BATCHES, BATCHES / 60)) sizes.push(size);
  const logs = sizes.map(({ walBytes }) => walBytes);
  expect(Math.max(...logs)).toBeLessThan(MAX_LOG_BYTES);
  // It was folded on the way, and the database is no larger after it than after the first time.
  const folded = logs.flatMap((bytes, index) => (bytes < (logs[index - 1] ?? 0) ? [sizes[index]] : []));
  expect(folded.length).toBeGreaterThan(0);
  expect(sizes.at(-1)?.databaseBytes).toBeLessThan(2.5 * 2 ** 20);
}, 240_000);
