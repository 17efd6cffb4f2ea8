/** The same seed and start give the same bytes, and DuckDB reads them with the types of the contract. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { sql } from "../../src/duckdb/sql.ts";
import { BLOCK_EVENTS } from "../../src/simulate/generator.ts";
import type { SimulateOptions } from "../../src/simulate/options.ts";
import { generatorOf, linesOf, manualClock, START, streamOf, textOf, withFile } from "./stream.ts";

const FAULTS = { late: 0.05, duplicates: 0.03, bad: 0.02, late_by: "300ms" };
const STREAMS: readonly SimulateOptions[] = [
  { kind: "quotes" },
  { kind: "quotes", format: "csv", step: "250ms" },
  { kind: "quotes", ...FAULTS },
  { kind: "trades", ...FAULTS },
  { kind: "trades", format: "csv", symbols: ["ACME", "GLOBEX"], ...FAULTS },
  { kind: "access-log", rate: 0, step: "1s" },
  { kind: "access-log", ...FAULTS },
];

let database: Database;
beforeAll(async () => {
  database = await openDatabase();
});
afterAll(() => database.close());

describe.each(STREAMS.map((options) => ({ options, name: JSON.stringify(options) })))(
  "$name",
  ({ options }) => {
    test("gives the same bytes and the same truth whatever the size of the blocks", () => {
      const whole = streamOf(options, 5000, [5000]);
      expect(streamOf(options, 5000, [1, 7, 0, 1000, 33])).toEqual(whole);
      expect(streamOf({ ...options, seed: 2 }, 5000).text).not.toBe(whole.text);
    });

    test("goes on after a skip as if the events had been asked for", () => {
      const straight = generatorOf(options);
      straight.next(BLOCK_EVENTS + 100);
      const resumed = generatorOf(options);
      resumed.skip(BLOCK_EVENTS + 100);

      expect(resumed.position).toBe(straight.position);
      expect(resumed.next(1000)).toEqual(straight.next(1000));
      expect(resumed.end()).toEqual(straight.end());
    });

    test("ends once", () => {
      const generator = generatorOf(options);
      generator.next(100);
      generator.end();
      expect(generator.end()).toMatchObject({ lines: 0, faults: [], bytes: new Uint8Array() });
    });
  },
);

describe("event time", () => {
  const times = (text: string) => linesOf(text).map((line) => (JSON.parse(line) as { ts: string }).ts);

  test("starts at the start and goes on by 1/rate, or 1 ms at rate 0", () => {
    expect(times(streamOf({ kind: "quotes", rate: 4 }, 3).text)).toEqual([
      START,
      "2026-01-05T14:30:00.250Z",
      "2026-01-05T14:30:00.500Z",
    ]);
    expect(times(streamOf({ kind: "quotes", rate: 0 }, 2).text)).toEqual([START, "2026-01-05T14:30:00.001Z"]);
    expect(times(streamOf({ kind: "quotes", step: "1d" }, 2).text)[1]).toBe("2026-01-06T14:30:00.000Z");
  });

  test("without a start is the wall clock: a block's events lie between the last block and now", () => {
    const clock = manualClock();
    const generator = generatorOf({ kind: "quotes", start: undefined }, clock);
    expect(times(textOf([generator.next(2)]))).toEqual([START, START]);
    clock.advance(100);
    expect(times(textOf([generator.next(2)]))).toEqual([
      "2026-01-05T14:30:00.050Z",
      "2026-01-05T14:30:00.100Z",
    ]);
    clock.advance(-5000);
    expect(times(textOf([generator.next(1)]))).toEqual(["2026-01-05T14:30:00.100Z"]);
  });
});

describe("DuckDB reads", () => {
  const EVENTS = 3000;
  const typesOf = async (reader: "read_json" | "read_csv", options: SimulateOptions) =>
    withFile(streamOf(options, EVENTS).text, async (path) => {
      const from = reader === "read_csv" ? sql`read_csv(${path})` : sql`read_json(${path})`;
      const columns = await database.describe(sql`FROM ${from}`);
      const { count } = await database.row(sql`SELECT count(*) AS count FROM ${from}`);
      expect(Number(count)).toBe(EVENTS);
      return columns.map(({ name, type }) => `${name} ${type}`).join(", ");
    });
  const QUOTE = "symbol VARCHAR, price DOUBLE, volume BIGINT";
  const TRADE = "id BIGINT, symbol VARCHAR, side VARCHAR, price DOUBLE, quantity BIGINT, account VARCHAR";

  // The CSV reader's detection takes a Z for a zone; the time is the same.
  test("quotes and trades as NDJSON and CSV, with the columns of the contract in their order", async () => {
    expect(await typesOf("read_json", { kind: "quotes" })).toBe(`ts TIMESTAMP, ${QUOTE}`);
    expect(await typesOf("read_csv", { kind: "quotes", format: "csv" })).toBe(
      `ts TIMESTAMP WITH TIME ZONE, ${QUOTE}`,
    );
    expect(await typesOf("read_json", { kind: "trades" })).toBe(`ts TIMESTAMP, ${TRADE}`);
    expect(await typesOf("read_csv", { kind: "trades", format: "csv" })).toBe(
      `ts TIMESTAMP WITH TIME ZONE, ${TRADE}`,
    );
  });

  test("every line of an access log as an entry of the combined format", async () => {
    const quoted = String.raw`"(?:[^"\\]|\\.)*"`;
    const entry = String.raw`\S+ - \S+ \[([^\]]+)\] ${quoted} \d{3} (?:\d+|-) ${quoted} ${quoted}`;
    const { fitting, first, last } = await withFile(
      streamOf({ kind: "access-log", step: "1m" }, EVENTS).text,
      (path) =>
        database.row(sql`WITH entries AS (
          SELECT regexp_full_match(line, ${entry}) AS fits,
            strptime(regexp_extract(line, ${entry}, 1), '%d/%b/%Y:%H:%M:%S %z') AS ts
          FROM (SELECT unnest(string_split(rtrim(content, chr(10)), chr(10))) AS line FROM read_text(${path}))
        ) SELECT count(*) FILTER (fits) AS fitting, min(ts)::VARCHAR AS first, max(ts)::VARCHAR AS last
          FROM entries`),
    );
    expect({ fitting: Number(fitting), first, last }).toEqual({
      fitting: EVENTS,
      first: "2026-01-05 14:30:00+00",
      last: "2026-01-07 16:29:00+00",
    });
  });
});
