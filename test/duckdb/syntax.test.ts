/** The syntax tree travels without loss: what DuckDB wrote is what DuckDB gets back. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { raw } from "../../src/duckdb/sql.ts";
import { parseSelect, readTree, selectText, writeTree } from "../../src/duckdb/syntax.ts";

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 1 });
});
afterAll(() => database.close());

describe("readTree and writeTree", () => {
  test("numbers keep every digit, wherever they stand", () => {
    for (const text of [
      '{"a":18446744073709551615}',
      '{"a":-9223372036854775808,"b":[9007199254740993]}',
      '{"a":"18446744073709551615 in text","b":"\\"123456789012345678\\""}',
      '{"a":0.30000000000000004,"b":1e-7,"c":0.1}',
    ])
      expect(writeTree(readTree(text))).toBe(text);
  });

  test("the digits after a point too, more than a double has", () => {
    for (const text of ['{"a":0.12345678901234567}', "[1.2345678901234567e10,-12345678901234567.5]"])
      expect(writeTree(readTree(text))).toBe(text);
  });
});

const CONSTANTS: readonly string[] = [
  "1e3",
  "1E3",
  "1e0",
  "1.5e0",
  "0e0",
  "-0e0",
  "-1e3",
  "1e-7",
  "1e22",
  "1e400",
  "-1e400",
  ".5e1",
  "5e-324",
  "99999999999999999999.0e0",
  "0.1",
  "1.50",
  "100.000",
  "2.",
  "99999999999999999999999.",
  "1_000",
  "9223372036854775807",
  "9223372036854775808",
  "-9223372036854775808",
  "170141183460469231731687303715884105727",
  "12345678901234567890.123456789",
  "'\\xAA\\x00'::BLOB",
  "INTERVAL 1 MONTH",
  "INTERVAL '1.5' SECOND",
  "DATE '2026-01-01'",
  "'-infinity'::DATE",
  "TIMESTAMPTZ '2026-01-01 00:00:00+02'",
  "'nan'::FLOAT",
  "NULL",
  "true",
  "E'a\\nb'",
  "'\u0001'",
  "'101'::BIT",
  "[1e3, 2]",
  "{'a': 1e3}",
  "MAP {1e3: 2.0}",
  "(1, 2e0)",
  "1e3::DECIMAL(10, 2)",
  "'x' || 1e3",
  "-(1e3)",
];

test.each(CONSTANTS)("%s keeps its value and its kind", async (constant) => {
  const said = (text: string) =>
    database.row(raw(`SELECT x::VARCHAR AS value, typeof(x) AS type FROM (${text})`));
  const text = `SELECT ${constant} AS x`;
  const again = await selectText(database, await parseSelect(database, text));
  expect(await said(again.text)).toEqual(await said(text));
});

describe("a query's text", () => {
  const constant = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => `${value}::DOUBLE`),
    fc.string({ maxLength: 8 }).map((text) => `'${text.replaceAll("'", "''").replaceAll("\0", "")}'`),
  );

  test("gives the same rows after it was taken apart and put together", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(constant, { minLength: 1, maxLength: 4 }), async (constants) => {
        const items = constants.map((value, index) => `${value} AS c${index}`);
        const text = `SELECT ${items.join(", ")} ORDER BY ALL`;
        const again = await selectText(database, await parseSelect(database, text));
        expect(await database.rows(again)).toEqual(await database.rows(raw(text)));
      }),
      { numRuns: 60 },
    );
  });

  test("what is no single SELECT is refused", async () => {
    for (const text of ["SELECT 1; SELECT 2", "DROP TABLE x", "SELEC 1", ""])
      expect(parseSelect(database, text)).rejects.toThrow();
  });
});
