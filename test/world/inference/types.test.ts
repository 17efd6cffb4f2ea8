/** The type of a column is the narrowest that holds its values exactly. */

import { describe, expect, test } from "bun:test";
import { readFiles, typesOf } from "../reading.ts";

/** The values of a CSV column, and the type that it should have. */
const CSV: readonly (readonly [what: string, values: readonly string[], type: string])[] = [
  ["whole numbers", ["1", "-2", "0"], "BIGINT"],
  ["a fraction among them", ["1", "2", "1.5"], "DOUBLE"],
  ["numbers in quotes", ['"1"', '"2"'], "BIGINT"],
  ["prices with zeros at their end", ["11.50", "9.00"], "DOUBLE"],
  ["the largest of 64 bits", ["9223372036854775807", "1"], "BIGINT"],
  ["one more", ["9223372036854775808", "1"], "HUGEINT"],
  ["38 digits", ["12345678901234567890123456789012345678"], "HUGEINT"],
  ["50 digits", ["12345678901234567890123456789012345678901234567890"], "VARCHAR"],
  ["a fraction beside 17 digits", ["12345678901234567", "0.5"], "DECIMAL(38,1)"],
  ["more digits than a DOUBLE has", ["0.12345678901234567891", "12.5"], "DECIMAL(38,20)"],
  ["what a DOUBLE is written as", ["0.1", "0.30000000000000004"], "DOUBLE"],
  ["scientific, with a sign or a point", ["1e-05", "1.5e5", "2"], "DOUBLE"],
  ["beyond every DOUBLE", ["1e+400", "2"], "VARCHAR"],
  ["leading zeros", ["00501", "12345"], "VARCHAR"],
  ["a plus", ["+4930123456", "4930654321"], "VARCHAR"],
  ["an underscore", ["1_000", "2"], "VARCHAR"],
  ["a thousands separator", ['"1,000"', "2"], "VARCHAR"],
  ["a decimal comma", ['"2,5"', '"3,5"'], "VARCHAR"],
  ["hexadecimal", ["0x1F", "0x20"], "VARCHAR"],
  ["a name that looks scientific", ["1e5", "12"], "VARCHAR"],
  ["infinity", ["Infinity", "Infinity"], "VARCHAR"],
  ["a version", ["1.2.3", "1.10"], "VARCHAR"],
  ["identifiers with a letter", ["10001", "10002", "10003-B"], "VARCHAR"],
  ["days", ["2026-01-05", "2026-01-06"], "DATE"],
  ["a day that is none", ["2026-02-30", "2026-01-06"], "VARCHAR"],
  ["days in another order", ["01/02/03", "02/02/03"], "VARCHAR"],
  ["a time among days", ["2026-01-05", "2026-01-06T10:00:00"], "TIMESTAMP"],
  ["nanoseconds", ["2026-01-05T10:00:00.123456789", "2026-01-05T10:00:00"], "TIMESTAMP_NS"],
  ["times of day", ["10:00:00", "11:00:00"], "VARCHAR"],
  ["true and false", ["true", "FALSE"], "BOOLEAN"],
  ["true and numbers", ["true", "1"], "VARCHAR"],
  ["nothing", ["", ""], "VARCHAR"],
  ["numbers with gaps", ["1", "", "3"], "BIGINT"],
];

/** A column for each kind; what a column has less of is empty. */
test("each kind of CSV values has its type, and every value is still there", async () => {
  const most = Math.max(...CSV.map(([, values]) => values.length));
  const line = (cells: readonly string[]): string => `${cells.join(",")}\n`;
  const lines = Array.from({ length: most }, (_, at) => line(CSV.map(([, values]) => values[at] ?? "")));
  const text = line(CSV.map((_, index) => `c${index}`)) + lines.join("");
  const read = await readFiles({ "in/a.csv": text }, { source: "format: csv" });
  expect(CSV.map(([what], index) => [what, typesOf(read)[`c${index}`]])).toEqual(
    CSV.map(([what, , type]) => [what, type]),
  );
  expect([read.dead, read.rows.length]).toEqual([[], most]);
});

/** The same for JSON. */
const JSON_VALUES: readonly (readonly [what: string, values: readonly string[], type: string])[] = [
  ["whole numbers", ["1", "-2"], "BIGINT"],
  ["a fraction among them", ["1", "1.5"], "DOUBLE"],
  ["beyond 64 bits", ["18446744073709551616", "1"], "HUGEINT"],
  ["50 digits", ["12345678901234567890123456789012345678901234567890"], "VARCHAR"],
  ["a fraction beside 17 digits", ["12345678901234567", "0.5"], "DECIMAL(38,1)"],
  ["more digits than a DOUBLE has", ["0.12345678901234567891", "12.5"], "DECIMAL(38,20)"],
  ["what a DOUBLE is written as", ["0.1", "0.30000000000000004", "1e5"], "DOUBLE"],
  ["numbers in quotes", ['"1"', '"2"'], "VARCHAR"],
  ["leading zeros", ['"000001"', '"600519"'], "VARCHAR"],
  ["a plus", ['"+4930123456"'], "VARCHAR"],
  ["days", ['"2026-01-05"'], "DATE"],
  ["times", ['"2026-01-05T10:00:00Z"', '"2026-01-05"'], "TIMESTAMP"],
  ["true and false", ["true", "false"], "BOOLEAN"],
  ["true and a number", ["true", "1"], "VARCHAR"],
  ["text and a number", ['"a"', "1"], "VARCHAR"],
  ["an object and a number", ['{"b":1}', "1"], "JSON"],
  ["a list and text", ["[1]", '"a"'], "JSON"],
  ["lists", ["[1,2]", "[3]"], "BIGINT[]"],
  ["objects", ['{"b":1}', '{"b":2,"c":"x"}'], "STRUCT(b BIGINT, c VARCHAR)"],
  ["a long number inside an object", ['{"b":123456789012345678901234567890}'], "JSON"],
  ["null", ["null"], "JSON"],
];

describe("of JSON", () => {
  test("each kind of values has its type, and every value is still there", async () => {
    const most = Math.max(...JSON_VALUES.map(([, values]) => values.length));
    const lines = Array.from({ length: most }, (_, at) => {
      const pairs = JSON_VALUES.flatMap(([, values], index) =>
        values[at] === undefined ? [] : [`"c${index}":${values[at]}`],
      );
      return `{${pairs.join(",")}}\n`;
    });
    const read = await readFiles({ "in/a.ndjson": lines.join("") }, { source: "format: json" });
    expect(JSON_VALUES.map(([what], index) => [what, typesOf(read)[`c${index}`]])).toEqual(
      JSON_VALUES.map(([what, , type]) => [what, type]),
    );
    expect([read.dead, read.rows.length]).toEqual([[], most]);
  });

  test("long numbers keep all their digits", async () => {
    const text = '{"a":18446744073709551617,"b":12345678901234567}\n{"a":1,"b":0.5}\n';
    const { rows } = await readFiles({ "in/a.ndjson": text }, { source: "format: json" });
    expect(rows).toEqual(['{"a":18446744073709551617,"b":12345678901234567.0}', '{"a":1,"b":0.5}']);
  });
});

describe("a few values of another kind", () => {
  const many = (value: (index: number) => string): string =>
    Array.from({ length: 100 }, (_, index) => `${value(index)},k\n`).join("");

  test("that are words are broken ones, and become dead letters", async () => {
    const text = `x,k\n${many((index) => (index === 50 ? "n/a" : String(index)))}`;
    const read = await readFiles({ "in/a.csv": text }, { source: "format: csv" });
    expect(typesOf(read)).toEqual({ x: "BIGINT", k: "VARCHAR" });
    expect(read.dead.map(({ line }) => line)).toEqual(["n/a,k"]);
    expect(read.dead[0]?.reason).not.toContain("declare");
  });

  test("and of times, whatever they are", async () => {
    const text = `x,k\n${many((index) => (index === 50 ? "2026-13-45" : "2026-01-05T10:00:00"))}`;
    const read = await readFiles({ "in/a.csv": text }, { source: "format: csv" });
    expect([typesOf(read)["x"], read.dead.length]).toEqual(["TIMESTAMP", 1]);
  });

  test("one fraction, one leading zero, one letter after digits are enough for a wider type", async () => {
    for (const [odd, type] of [
      ["1.5", "DOUBLE"],
      ["00501", "VARCHAR"],
      ["17-B", "VARCHAR"],
    ] as const) {
      const text = `x,k\n${many((index) => (index === 50 ? odd : String(index)))}`;
      const read = await readFiles({ "in/a.csv": text }, { source: "format: csv" });
      expect([odd, typesOf(read)["x"], read.dead]).toEqual([odd, type, []]);
    }
  });

  test("a line with another number of values has no vote", async () => {
    const text = `x,k\n${many(String)}#noise\n1,2,3\n`;
    const read = await readFiles({ "in/a.csv": text }, { source: "format: csv" });
    expect([typesOf(read), read.dead.length]).toEqual([{ x: "BIGINT", k: "VARCHAR" }, 2]);
  });
});

describe("what comes late in the input is seen", () => {
  const FILLER = "x".repeat(200);
  const large = (oddAt: number): string =>
    Array.from(
      { length: 40_000 },
      (_, index) => `{"p":${index === oddAt ? "0.5" : "7"},"f":"${FILLER}"}\n`,
    ).join("");

  test("in the middle and at the end of a large file", async () => {
    for (const oddAt of [20_000, 39_999]) {
      const read = await readFiles(
        { "in/a.ndjson": large(oddAt) },
        { source: "format: json", sql: "SELECT p FROM input WHERE p < 1" },
      );
      expect([oddAt, typesOf(read)["p"], read.rows]).toEqual([oddAt, "DOUBLE", ['{"p":0.5}']]);
    }
  });

  test("in any file of a glob, also one with its columns in another order", async () => {
    const read = await readFiles(
      { "in/1.csv": "a,b\n1,2\n", "in/2.csv": "b,a\n5,1.5\n", "in/3.csv": "a,b\n01,2\n" },
      { source: "format: csv", sql: "SELECT a, b FROM input" },
    );
    expect(typesOf(read)).toEqual({ a: "VARCHAR", b: "BIGINT" });
    expect(read.rows).toEqual(['{"a":"1","b":2}', '{"a":"1.5","b":5}', '{"a":"01","b":2}']);
  });

  test("a key that the first lines lack is a column", async () => {
    const read = await readFiles(
      { "in/1.ndjson": '{"a":1}\n', "in/2.ndjson": '{"a":2,"b":"x"}\n' },
      { source: "format: json" },
    );
    expect(typesOf(read)).toEqual({ a: "BIGINT", b: "VARCHAR" });
  });
});
