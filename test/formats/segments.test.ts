/** Whole segments: what the simulator broke, long lines, line ends, several pieces. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { MAX_LINE_BYTES } from "../../src/formats/json.ts";
import { linesOf, streamOf } from "../simulate/stream.ts";
import { ORIGIN_OFFSET, readBytes, segmentOf, type Way } from "./reading.ts";

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 2 });
});
afterAll(() => database.close());

const QUOTES = { ts: "TIMESTAMP", symbol: "VARCHAR", price: "DOUBLE", volume: "BIGINT" };
const text = (lines: readonly string[]): Buffer => segmentOf(lines.map((line) => Buffer.from(line)));

describe("the dead letters are the lines that the simulator broke", () => {
  const ways = [
    ["quotes", "ndjson", { format: "json", columns: QUOTES }],
    ["quotes", "csv", { format: "csv", columns: QUOTES, header: ["ts", "symbol", "price", "volume"] }],
    ["access-log", "combined", { format: "combined" }],
  ] as const;
  for (const [kind, format, way] of ways)
    test(`${kind} as ${format}`, async () => {
      const events = 3000;
      const stream = streamOf({ kind, format, bad: 0.03, late: 0.02, duplicates: 0.01 }, events);
      const headerLines = format === "csv" ? 1 : 0;
      const lines = linesOf(stream.text).slice(headerLines);
      const headerBytes = stream.text.length - lines.join("\n").length - 1;
      const { rows, deadLetters } = await readBytes(database, way, text(lines));
      const broken = stream.faults.filter(({ did }) => did === "broken");
      expect(broken.length).toBeGreaterThan(50);
      expect(deadLetters.map(({ offset }) => offset - ORIGIN_OFFSET + headerBytes)).toEqual(
        broken.map(({ offset }) => offset),
      );
      expect(deadLetters.map(({ line }) => line)).toEqual(
        broken.map(({ line }) => lines[line - headerLines] ?? "missing"),
      );
      expect(deadLetters.every(({ reason }) => reason.length > 5 && !reason.includes("\n"))).toBe(true);
      expect(rows.length).toBe(lines.length - broken.length);
    });
});

const JSON_WAY: Way = { format: "json", columns: { k: "VARCHAR" } };

describe("a segment", () => {
  test("has dead letters for lines that are too long, and rows for those that are not", async () => {
    const long = (bytes: number): string => `{"k":"${"x".repeat(bytes - 8)}"}`;
    for (const taken of [MAX_LINE_BYTES / 2, MAX_LINE_BYTES - 1])
      for (const refused of [MAX_LINE_BYTES, MAX_LINE_BYTES + 1, 3 * MAX_LINE_BYTES]) {
        const lines = [`{"k":"a"}`, long(refused), `{"k":"b"}`, long(taken), `{"k":"c"}`];
        const { rows, deadLetters } = await readBytes(database, JSON_WAY, text(lines));
        expect(rows.map((row) => row.length)).toEqual([9, 9, taken, 9]);
        expect(deadLetters.map(({ offset, reason }) => [offset, reason])).toEqual([
          [ORIGIN_OFFSET + 10, `The line is longer than ${MAX_LINE_BYTES} bytes`],
        ]);
      }
    expect((await readBytes(database, JSON_WAY, text([long(MAX_LINE_BYTES)]))).rows).toEqual([]);
    expect((await readBytes(database, JSON_WAY, text([long(MAX_LINE_BYTES - 1)]))).deadLetters).toEqual([]);
  });

  test("of nothing, of blank lines and of broken lines alone has no rows and the right columns", async () => {
    for (const lines of [[], ["", " ", "\r"], ["x", "y"]]) {
      const { rows, deadLetters } = await readBytes(database, JSON_WAY, text(lines));
      expect(rows).toEqual([]);
      expect(deadLetters.map(({ line }) => line)).toEqual(lines.filter((line) => line.trim() !== ""));
      expect(await database.describe({ text: "FROM records" })).toEqual([{ name: "k", type: "VARCHAR" }]);
    }
  });

  test("keeps the order of its lines over many of DuckDB's pieces, broken lines among them", async () => {
    const lines = Array.from({ length: 60_000 }, (_, index) =>
      index % 20_000 === 777 ? "broken" : JSON.stringify({ k: `${index} ${"padding ".repeat(10)}` }),
    );
    const { rows, deadLetters } = await readBytes(database, JSON_WAY, text(lines));
    expect(deadLetters.length).toBe(3);
    const numbers = rows.map((row) => Number(/\d+/.exec(row)?.[0]));
    expect(numbers).toEqual([...lines.keys()].filter((index) => index % 20_000 !== 777));
  });

  for (const format of ["json", "csv", "combined"] as const)
    test(`with CRLF and with LF gives the same rows: ${format}`, async () => {
      const ways = {
        json: [JSON_WAY, `{"k":"a"}`],
        csv: [{ format: "csv", columns: { k: "VARCHAR", n: "INTEGER" }, header: ["k", "n"] }, `"a ""b""",1`],
        combined: [
          { format: "combined" },
          '::1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "a \\x16"',
        ],
      } as const;
      const [way, line] = ways[format];
      const plain = await readBytes(database, way, text([line, line, line]));
      expect(plain.rows.length).toBe(3);
      expect(await readBytes(database, way, text([line, line, line].map((each) => `${each}\r`)))).toEqual(
        plain,
      );
      expect(await readBytes(database, way, text([`${line}\r`, line, `${line}\r`]))).toEqual(plain);
    });
});
