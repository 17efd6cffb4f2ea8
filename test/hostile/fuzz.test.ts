/**
 * Random bytes in every format, from a seed that a failure prints: whatever the lines are, each format's own
 * lines among them are rows, and no line is more than one row or dead letter. STREAMKIT_FUZZ_RUNS makes it
 * longer, STREAMKIT_SEED another.
 */

import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { readBytes, segmentOf } from "../formats/reading.ts";
import { seedOr } from "../support/seed.ts";
import { DEEP, ODD, SHALLOW } from "./corpus.ts";
import { hostileWays } from "./ways.ts";

const RUNS = Number(process.env["STREAMKIT_FUZZ_RUNS"] ?? 4);
const SEED = seedOr(20_260_105);

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 2 });
});
afterAll(() => database.close());

const SNIPPETS = [
  ...Array.from("{}[]\"',:\\ \t=#<>-_.;%+eE0189anx\r\0\x1e\x1f"),
  "\xff",
  "\xc0\xaf",
  "\xed\xa0\x80",
  "\xef\xbb\xbf",
];
const WORDS = [
  "null",
  "NaN",
  "1e400",
  "-0",
  "00",
  "\\u0000",
  "\\ud800",
  '""',
  '{"":',
  "[[",
  "]]",
  "#Fields: ",
  "<13>1 ",
];

const small = fc
  .array(fc.constantFrom(...SNIPPETS, ...WORDS), { maxLength: 30 })
  .map((parts) => Buffer.from(parts.join(""), "latin1"));
const repeated = fc
  .record({ part: fc.constantFrom(...SNIPPETS, ...WORDS), times: fc.integer({ min: 200, max: 30_000 }) })
  .map(({ part, times }) => Buffer.from(part.repeat(times), "latin1"));

/** A line of somebody's with a piece of another one in it. */
const spliced = (good: string): fc.Arbitrary<Buffer> =>
  fc
    .record({
      from: fc.constantFrom(Buffer.from(good), ...[...ODD, ...SHALLOW, ...DEEP].map(({ bytes }) => bytes)),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      piece: fc.oneof(small, repeated),
    })
    .map(({ from, at, piece }) => {
      const cut = Math.floor(at * from.length);
      return Buffer.concat([from.subarray(0, cut), piece, from.subarray(cut)]);
    });

test.each([...hostileWays])(
  "$name",
  async ({ way, good }) => {
    const [own] = (await readBytes(database, way, segmentOf([Buffer.from(good)]))).rows;
    const line = fc
      .oneof(
        { weight: 3, arbitrary: small },
        { weight: 1, arbitrary: repeated },
        { weight: 2, arbitrary: spliced(good) },
      )
      // What the values behind it are, such a line of W3C's logs says.
      .map((bytes) => (way.format === "w3c" && bytes.includes("#Fields:") ? Buffer.of() : bytes))
      .filter((bytes) => !bytes.includes(10));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 8 }), async (lines) => {
        const { rows, deadLetters } = await readBytes(
          database,
          way,
          segmentOf([Buffer.from(good), ...lines.flatMap((bytes) => [bytes, Buffer.from(good)])]),
        );
        expect(rows.filter((row) => row === own).length).toBeGreaterThan(lines.length);
        expect(rows.length + deadLetters.length).toBeLessThanOrEqual(2 * lines.length + 1);
        for (const { lineNumber } of deadLetters) expect(lineNumber % 2).toBe(1);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  },
  60_000 * Math.max(1, RUNS),
);
