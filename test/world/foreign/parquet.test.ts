/** Parquet files as a source: each row once and in its order, with the types of the file. */

import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { type Taking, take } from "../file-job.ts";
import { parquetFiles } from "./tables.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const source = { format: "parquet" };
const numbers = (rows: readonly string[]): number[] =>
  rows.map((row) => (JSON.parse(row) as { n: number }).n);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

test(`any cut and crash gives each row once, in order (SEED=${SEED})`, async () => {
  const files = await parquetFiles({
    "in/a": "SELECT range AS n FROM range(5000)",
    "in/b": "SELECT range + 5000 AS n FROM range(0)",
    "in/c": "SELECT range + 5000 AS n FROM range(3000)",
  });
  const faults = fc.dictionary(
    fc.constantFrom("0", "1", "2", "3"),
    fc.constantFrom("before sinks", "between sinks", "before commit", "restart"),
  ) as fc.Arbitrary<NonNullable<Taking["faults"]>>;
  const cuts = fc.array(fc.integer({ min: 800, max: 30_000 }), { minLength: 2, maxLength: 5 });
  const property = fc.asyncProperty(cuts, faults, async (sizes, died) => {
    const { rows, deadLetters } = await take(files, { source, cuts: sizes, faults: died });
    expect(deadLetters).toEqual([]);
    expect(numbers(rows)).toEqual(upTo(8000));
  });
  await fc.assert(property, { numRuns: 6, seed: SEED });
}, 120_000);

test("types are the file's own, and times with an offset are UTC", async () => {
  const files = await parquetFiles({
    "in/a": `SELECT 9007199254740993 AS n,
      12.345::DECIMAL(9, 3) AS d, TIMESTAMPTZ '2026-01-05 14:30:00+02' AS ts,
      DATE '2026-01-05' AS day, [1, 2] AS list, {'a': 'x'} AS s, NULL::VARCHAR AS nothing, true AS b,
      '007' AS id`,
  });
  const { rows } = await take(files, { source });
  expect(rows).toEqual([
    '{"n":9007199254740993,"d":12.345,"ts":"2026-01-05T12:30:00.000Z","day":"2026-01-05","list":[1,2],' +
      '"s":{"a":"x"},"nothing":null,"b":true,"id":"007"}',
  ]);
});

describe("files of several schemas", () => {
  test("are put together by name: what a file lacks is NULL, and the wider type is taken", async () => {
    const files = await parquetFiles({
      "in/a": "SELECT 1::INTEGER AS n, 'x' AS a",
      "in/b": "SELECT 1.5::FLOAT AS price, 2::BIGINT AS N",
      "in/c": "SELECT 2.25::DOUBLE AS price, 3::SMALLINT AS n",
    });
    const { rows } = await take(files, { source });
    expect(rows.map((row) => JSON.parse(row) as unknown)).toEqual([
      { n: 1, a: "x", price: null },
      { n: 2, a: null, price: 1.5 },
      { n: 3, a: null, price: 2.25 },
    ]);
  });

  test("are refused at the start where a type is another one", async () => {
    for (const [first, second] of [
      ["1::BIGINT", "'1'"],
      ["1.5::DOUBLE", "1::BIGINT"],
      ["'2026-01-05'", "DATE '2026-01-05'"],
      ["1.55::DECIMAL(9, 2)", "1.5::DOUBLE"],
    ]) {
      const files = await parquetFiles({ "in/a": `SELECT ${first} AS x`, "in/b": `SELECT ${second} AS x` });
      const error: unknown = await take(files, { source }).catch((thrown: unknown) => thrown);
      expect(String(error)).toMatch(
        /"in\/b": column "x" is \w+(?:\(.*\))?, where \w+(?:\(.*\))? is expected/,
      );
    }
  });

  test("are held against a schema that is declared", async () => {
    const files = await parquetFiles({
      "in/a": "SELECT 1::INTEGER AS n, 'x' AS left_out, 1.5::DECIMAL(4, 1) AS d",
    });
    const declared = { ...source, schema: { n: "BIGINT", d: "DECIMAL(18,4)", other: "VARCHAR" } };
    expect((await take(files, { source: declared })).rows).toEqual(['{"n":1,"d":1.5000,"other":null}']);
    const narrow = { ...source, schema: { n: "SMALLINT" } };
    expect(take(files, { source: narrow })).rejects.toThrow('"in/a": column "n" is INTEGER, where SMALLINT');
  });
});

test("what is no whole Parquet file is named", async () => {
  const { whole } = await parquetFiles({ whole: "SELECT range AS n FROM range(5000)" });
  const refusal = async (bytes: Buffer, given: Readonly<Record<string, unknown>> = source): Promise<string> =>
    String(await take({ "in/a": bytes }, { source: given }).catch((thrown: unknown) => thrown));
  expect(await refusal(whole.subarray(0, 900))).toContain('"in/a" is no whole Parquet file');
  expect(await refusal(Buffer.from("n\n1\n"))).toContain('"in/a" is no Parquet file: text was found');
  expect(await refusal(gzipSync(whole))).toContain('"in/a" is no Parquet file: gzip data was found');
  expect(await refusal(whole, {})).toContain('"in/a" is a Parquet file: name its format');
  expect(await refusal(gzipSync(whole), {})).toContain('"in/a" is a Parquet file, packed (gzip)');
});

test("a row too far ahead is a dead letter of its file and number", async () => {
  const files = await parquetFiles({
    "in/a": "SELECT range AS n, TIMESTAMP '2026-01-05' AS ts FROM range(3)",
    "in/b": "SELECT range AS n, TIMESTAMP '2026-01-05' + INTERVAL (range) YEAR * 200 AS ts FROM range(2)",
  });
  const { rows, deadLetters } = await take(files, { source: { ...source, max_ahead: "1h" } });
  expect(numbers(rows)).toEqual([0, 1, 2, 0]);
  expect(deadLetters).toMatchObject([{ origin: "in/b", byte_offset: 1 }]);
  expect(String(deadLetters[0]?.["line"])).toContain('"n":1');
});
