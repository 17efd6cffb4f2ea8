/** Declared types: what fits, what is a dead letter, and in what words; the same in every format. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Database, openDatabase } from "../../../src/duckdb/database.ts";
import { type Read, readBytes, segmentOf, type Way } from "../../formats/reading.ts";

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 2 });
});
afterAll(() => database.close());

function read(way: Way, lines: readonly string[]): Promise<Read> {
  return readBytes(database, way, segmentOf(lines.map((line) => Buffer.from(line))));
}

async function reasons(way: Way, lines: readonly string[]): Promise<readonly string[]> {
  return (await read(way, lines)).deadLetters.map(({ reason }) => reason);
}

const json = (columns: Readonly<Record<string, string>>): Way => ({ format: "json", columns });

test("a fraction, a boolean, a number and a time where another type is declared", async () => {
  const way = json({ n: "BIGINT", b: "BOOLEAN", x: "DOUBLE", d: "DATE" });
  const line = (change: object): string =>
    JSON.stringify({ n: 1, b: true, x: 1.5, d: "2026-01-05", ...change });
  const lines = [{}, { n: 1.5 }, { n: true }, { b: 7 }, { x: true }, { d: "2026-01-05T23:59:00" }].map(line);
  const { rows, deadLetters } = await read(way, lines);
  expect(rows).toEqual([lines[0] ?? ""]);
  expect(deadLetters.map(({ reason }) => reason)).toEqual([
    '"n" is not a BIGINT: "1.5" (it is no integer, or out of range)',
    '"n" is not a BIGINT: "true"',
    '"b" is not a BOOLEAN: "7"',
    '"x" is not a DOUBLE: "true"',
    '"d" is not a DATE: "2026-01-05T23:59:00" (it has a time)',
  ]);
  expect(deadLetters.map(({ line: text }) => text)).toEqual(lines.slice(1));
});

describe("a value has the same reason in every format", () => {
  const values: readonly (readonly [type: string, text: string, why: string])[] = [
    ["INTEGER", "2147483648", ' "2147483648" (out of its range)'],
    ["UINTEGER", "-1", ' "-1" (out of its range)'],
    ["DECIMAL(6,2)", "1.005", ' "1.005" (digits would be lost, or it is out of range)'],
    ["DOUBLE", "n/a", ' "n/a"'],
    ["DOUBLE", "9007199254740993", ' "9007199254740993" (its last digits would be lost)'],
    ["DOUBLE", "1e400", ' "1e400" (out of its range)'],
    [
      "TIMESTAMP",
      "2026-01-05T10:00:00.1234567Z",
      ' "2026-01-05T10:00:00.1234567Z" (TIMESTAMP_NS keeps nanoseconds)',
    ],
    ["TIMESTAMP", "2026-01-05 10:00 CET", ' "2026-01-05 10:00 CET"'],
    ["TIME", "10:00:00+02:00", ' "10:00:00+02:00"'],
    ["UUID", "x", ' "x"'],
    ["ENUM('a', 'b')", "c", ' "c"'],
    ["INTERVAL", "12:00:05 tomorrow", ' "12:00:05 tomorrow"'],
  ];
  for (const [type, text, why] of values)
    test(`${text} is not ${type}`, async () => {
      const columns = { v: type };
      const a = /^[AEIO]/.test(type) ? "an" : "a";
      const reason = [`"v" is not ${a} ${type}:${why}`];
      expect(await reasons(json(columns), [`{"v":${JSON.stringify(text)}}`])).toEqual(reason);
      expect(await reasons({ format: "csv", columns, header: ["v"] }, [text])).toEqual(reason);
      expect(await reasons({ format: "regex", columns, pattern: "^v=(?<v>.*)" }, [`v=${text}`])).toEqual(
        reason,
      );
      const number = /^[\d.e+-]+$/.test(text) && !text.includes(":");
      if (number) expect(await reasons(json(columns), [`{"v":${text}}`])).toEqual(reason);
    });
});

describe("inside of nested types", () => {
  const way = json({
    s: "STRUCT(a INTEGER, b VARCHAR[], t TIMESTAMP)",
    l: "DECIMAL(6,2)[]",
    m: "MAP(VARCHAR, BIGINT)",
    p: "DOUBLE[2]",
  });

  test("values keep to the same rules", async () => {
    const { rows, deadLetters } = await read(way, [
      '{"s":{"a":1,"b":["x",1.50,null,true],"t":"2026-01-05T12:00:00+02:00"}}',
      '{"l":[1,2.5,"3.25"],"m":{"k":2},"p":[1,2]}',
      '{"s":{"a":1.5}}',
      '{"s":{"t":"2026-01-05T12:00:00.1234567"}}',
      '{"l":[1,2.005]}',
      '{"m":{"k":1.0}}',
      '{"m":{"k":true}}',
      '{"p":[1,"x"]}',
      '{"s":{"b":[{"x":1.10}]},"l":null}',
      "{}",
    ]);
    expect(rows).toEqual([
      '{"s":{"a":1,"b":["x","1.50",null,"true"],"t":"2026-01-05T10:00:00.000Z"},"l":null,"m":null,"p":null}',
      '{"s":null,"l":[1.0,2.5,3.25],"m":{"k":2},"p":[1.0,2.0]}',
      '{"s":null,"l":null,"m":{"k":1},"p":null}',
      '{"s":{"a":null,"b":["{\\"x\\":1.1}"],"t":null},"l":null,"m":null,"p":null}',
      '{"s":null,"l":null,"m":null,"p":null}',
    ]);
    expect(deadLetters.map(({ reason }) => reason)).toEqual([
      '"s.a" is not an INTEGER: "1.5" (it is no integer, or out of range)',
      '"s.t" is not a TIMESTAMP: "2026-01-05T12:00:00.1234567" (TIMESTAMP_NS keeps nanoseconds)',
      '"l[]" is not a DECIMAL(6,2): "2.005" (digits would be lost, or it is out of range)',
      '"m[]" is not a BIGINT: "true"',
      '"p[]" is not a DOUBLE: "x"',
    ]);
  });

  test("of CSV too, where they are DuckDB's texts", async () => {
    const csv: Way = { format: "csv", columns: { l: "INTEGER[]", s: "STRUCT(a DATE)" }, header: ["l", "s"] };
    const { rows, deadLetters } = await read(csv, [
      '"[1, 2]","{a: 2026-01-05}"',
      '"[1, 2.5]",',
      ',"{a: 2026-01-05 10:00}"',
      "x,",
    ]);
    expect(rows).toEqual(['{"l":[1,2],"s":{"a":"2026-01-05"}}']);
    expect(deadLetters.map(({ reason }) => reason)).toEqual([
      '"l[]" is not an INTEGER: "2.5" (it is no integer, or out of range)',
      '"s.a" is not a DATE: "2026-01-05 10:00" (it has a time)',
      '"l" is not an INTEGER[]: "x"',
    ]);
  });
});

describe("a number's own digits", () => {
  test("are those of a text and of a decimal, whatever else is in the batch", async () => {
    const way = json({ v: "VARCHAR", d: "DECIMAL(38,20)", n: "HUGEINT", j: "JSON", x: "DOUBLE" });
    const { rows, deadLetters } = await read({ ...way, select: "v, d::VARCHAR AS d, n, j, x" }, [
      '{"v":1.10,"d":0.12345678901234567890,"n":123456789012345678901234567890}',
      '{"v":1e3,"d":1e-20,"n":1.5e3,"j":{"p":1.50},"x":1.50}',
      '{"v":"1.10","d":"1.10","n":"7","x":"1.50"}',
      '{"v":-0.0,"d":123456789012345678}',
      '{"d":1.000000000000000000001}',
    ]);
    expect(rows).toEqual([
      '{"v":"1.10","d":"0.12345678901234567890","n":123456789012345678901234567890,"j":null,"x":null}',
      '{"v":"1e3","d":"0.00000000000000000001","n":1500,"j":{"p":1.5},"x":1.5}',
      '{"v":"1.10","d":"1.10000000000000000000","n":7,"j":null,"x":1.5}',
      '{"v":"-0.0","d":"123456789012345678.00000000000000000000","n":null,"j":null,"x":null}',
    ]);
    expect(deadLetters.map(({ line }) => line)).toEqual(['{"d":1.000000000000000000001}']);
  });

  test("do not make JSON of what is none", async () => {
    const way = json({ v: "VARCHAR" });
    const lines = [
      '{"v":1.50}',
      '{"v":1.5.2}',
      "{1.5:2}",
      '{"v" 1.5}',
      '{"v":01.5}',
      '{"v":"a',
      '{"v":-1.50}',
    ];
    const { rows, deadLetters } = await read(way, lines);
    expect(rows).toEqual(['{"v":"1.50"}', '{"v":"-1.50"}']);
    expect(deadLetters.map(({ reason }) => reason)).toEqual(Array<string>(5).fill("Malformed JSON"));
  });

  test("that a program writes of a large DOUBLE come back", async () => {
    const { rows, deadLetters } = await read(json({ x: "DOUBLE" }), [
      JSON.stringify({ x: 2 ** 70 + 2 ** 30 }),
      JSON.stringify({ x: 1.234_567_890_123_456_7e20 }),
      '{"x":9007199254740992}',
      '{"x":1234567890123456789}',
    ]);
    expect(rows.length).toBe(3);
    expect(deadLetters.map(({ line }) => line)).toEqual(['{"x":1234567890123456789}']);
  });
});

test("aliases of types are the types, and a long value is cut in its reason", async () => {
  const { rows, deadLetters } = await read(json({ n: "BIGINT" }), ['{"n":1}', `{"n":"${"x".repeat(5000)}"}`]);
  expect(rows).toEqual(['{"n":1}']);
  expect(deadLetters[0]?.reason.length).toBeLessThan(300);
  expect(deadLetters[0]?.reason).toEndWith('x…"');
});
