/** Compressed files: any packing, any cut and any crash gives the rows of what is in them. */

import { describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { type Taking, take } from "../file-job.ts";
import { packings } from "./packings.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);

/** Lines of all sorts, with and without a last line feed, with NULs and empty lines inside. */
const texts = fc
  .array(fc.oneof(fc.constantFrom("", "a\0b", "é€😀", "tail\r", '{"n":1}'), fc.string({ maxLength: 40 })), {
    minLength: 1,
    maxLength: 60,
  })
  .map((lines) =>
    Buffer.from(lines.map((line) => line.replaceAll("\n", " ").replace(/^\0+/, "")).join("\n")),
  );

const faults = fc.dictionary(
  fc.constantFrom("0", "1", "2", "3"),
  fc.constantFrom("before sinks", "between sinks", "before commit", "restart"),
  { maxKeys: 3 },
) as fc.Arbitrary<NonNullable<Taking["faults"]>>;

describe(`the rows are those of the plain file (SEED=${SEED})`, () => {
  const source = { format: "lines" };
  for (const { name, pack } of packings)
    test(name, async () => {
      const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 3, maxLength: 6 });
      const property = fc.asyncProperty(texts, cuts, faults, async (text, sizes, died) => {
        const plain = await take({ "in/a.log": text, "in/b.log": text }, { source });
        const packed = await take(
          { "in/a.log": pack(text), "in/b.gz": text },
          { source, cuts: sizes, faults: died },
        );
        expect(packed.deadLetters).toEqual([]);
        expect(packed.rows).toEqual(plain.rows);
      });
      await fc.assert(property, { numRuns: 3, seed: SEED });
    }, 120_000);
});

const lines = (from: number, count: number): string =>
  Array.from({ length: count }, (_, n) => `${JSON.stringify({ n: from + n })}\n`).join("");
const numbers = (rows: readonly string[]): number[] =>
  rows.map((row) => (JSON.parse(row) as { n: number }).n);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe("rotated logs", () => {
  test("are read whatever they are called", async () => {
    const files = {
      "in/1": lines(0, 100),
      "in/2.gz": gzipSync(lines(100, 100)),
      "in/3.gz": lines(200, 100),
      "in/4.txt": zstdCompressSync(Buffer.from(lines(300, 100))),
      "in/5.gz": gzipSync(""),
      "in/6.zst": gzipSync(lines(400, 100)),
    };
    const { rows, deadLetters } = await take(files);
    expect(numbers(rows)).toEqual(upTo(500));
    expect(deadLetters).toEqual([]);
  });

  test("of many batches are unpacked once, and on from where they were after a restart", async () => {
    const files = { "in/a": gzipSync(lines(0, 60_000)) };
    const { rows, batches } = await take(files, {
      cuts: [100_000],
      faults: { 2: "before commit", 4: "restart", 5: "between sinks" },
    });
    expect(numbers(rows)).toEqual(upTo(60_000));
    expect(batches).toBeGreaterThan(5);
  });

  test("with a header have it inside", async () => {
    const csv = `n,text\n${upTo(50)
      .map((n) => `${n},"a, ${n}"\n`)
      .join("")}`;
    const files = { "in/a.csv": gzipSync(csv), "in/b.csv": zstdCompressSync(Buffer.from(csv)) };
    const { rows } = await take(files, {
      source: { format: "csv" },
      cuts: [40],
      faults: { 3: "before commit" },
    });
    expect(numbers(rows)).toEqual([...upTo(50), ...upTo(50)]);
  });
});

describe("an end that is missing", () => {
  test("costs what is missing and no more, and is a dead letter", async () => {
    const whole = gzipSync(lines(0, 50_000));
    const files = { "in/a.gz": whole.subarray(0, whole.length >> 1), "in/b": lines(70_000, 3) };
    const { rows, deadLetters } = await take(files, { cuts: [50_000], faults: { 1: "before commit" } });
    const found = numbers(rows);
    expect(found.slice(0, -3)).toEqual(upTo(found.length - 3));
    expect(found.length).toBeGreaterThan(10_000);
    expect(found.slice(-3)).toEqual([70_000, 70_001, 70_002]);
    expect(deadLetters).toMatchObject([
      { origin: "in/a.gz", reason: "its gzip data is cut off: the end is missing" },
    ]);
  });

  test("is told where nothing else is in the file", async () => {
    const { deadLetters } = await take({ "in/a.gz": gzipSync("x").subarray(0, 12), "in/b": lines(0, 1) });
    expect(deadLetters).toMatchObject([{ origin: "in/a.gz", byte_offset: 0 }]);
  });

  test("is told where the checksum is another one", async () => {
    const packed = gzipSync(lines(0, 100));
    packed[packed.length - 6] = (packed[packed.length - 6] ?? 0) ^ 255;
    const { rows, deadLetters } = await take({ "in/a.gz": packed });
    expect(rows.length).toBe(100);
    expect(deadLetters).toMatchObject([{ reason: "the checksum of its gzip data is another one" }]);
  });
});

describe("a line that does not end", () => {
  test("is cut, dead, and keeps its neighbours", async () => {
    const text = `${lines(0, 2)}${"x".repeat(40_000_000)}\n${lines(2, 2)}`;
    const { rows, deadLetters } = await take({ "in/bomb.gz": gzipSync(text) });
    expect(numbers(rows)).toEqual([0, 1, 2, 3]);
    expect(deadLetters).toMatchObject([{ byte_offset: lines(0, 2).length }]);
    expect(String(deadLetters[0]?.["reason"])).toStartWith("The line is longer than");
  });
});
