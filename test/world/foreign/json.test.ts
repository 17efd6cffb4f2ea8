/** JSON as programs print it for people gives the rows of the same objects, one a line. */

import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { take } from "../file-job.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const source = { format: "json", schema: { n: "BIGINT", v: "JSON" } };

const objects = fc.array(fc.record({ n: fc.integer(), v: fc.jsonValue({ maxDepth: 3 }) }), {
  minLength: 1,
  maxLength: 20,
});

const STYLES: Readonly<Record<string, (all: readonly unknown[]) => string>> = {
  "an array in a line": (all) => JSON.stringify(all),
  "an array with an object a line": (all) => `[\n${all.map((each) => JSON.stringify(each)).join(",\n")}\n]\n`,
  "an array over many lines": (all) => JSON.stringify(all, null, 2).replaceAll("\n", "\r\n"),
  "objects over many lines": (all) => all.map((each) => JSON.stringify(each, null, "\t")).join("\n"),
};

for (const [name, print] of Object.entries(STYLES))
  test(`${name} (SEED=${SEED})`, async () => {
    const property = fc.asyncProperty(objects, fc.integer({ min: 1, max: 300 }), async (all, cut) => {
      const lines = all.map((each) => `${JSON.stringify(each)}\n`).join("");
      const { rows: expected } = await take({ "in/a": lines }, { source });
      const text = print(all);
      const faults = { 1: "before commit", 2: "restart" } as const;
      const { rows, deadLetters } = await take(
        { "in/a": text, "in/b": gzipSync(text) },
        { source, cuts: [cut], faults },
      );
      expect(deadLetters).toEqual([]);
      expect(rows).toEqual([...expected, ...expected]);
    });
    await fc.assert(property, { numRuns: 4, seed: SEED });
  }, 120_000);

test("what is no object in an array is a dead letter, and so is what is cut off", async () => {
  const { rows, deadLetters } = await take(
    { "in/a": '[ {"n":1}, 2, "x y", [3],\n{"n":4},{"n":' },
    { source },
  );
  expect(rows.map((row) => JSON.parse(row) as unknown)).toMatchObject([{ n: 1 }, { n: 4 }]);
  expect(deadLetters.map(({ line }) => line)).toEqual(["2", '"x y"', "[3]", '{"n":']);
});

test("a broken line that only begins so costs no neighbour", async () => {
  for (const broken of ["{", "[1,", "[2026-01-05] starting"]) {
    const { rows, deadLetters } = await take({ "in/a": `${broken}\n{"n":1}\n{"n":2}\n` }, { source });
    expect([broken, rows.length, deadLetters.length]).toEqual([broken, 2, 1]);
  }
});
