/** Nexmark's queries as plain SQL in DuckDB: each answers, and answers what the question asks. */

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { BY_HAND, houseOf } from "./by-hand.ts";
import { nexmarkLines } from "./generator.ts";
import { batchAnswers } from "./in-duckdb.ts";
import { KEYS, NEXMARK_QUERIES, QUERIES } from "./job.ts";

/** 100 seconds around midnight, so that there are two days and ten windows. */
const lines = nexmarkLines({
  seed: 1,
  count: 20_000,
  eventsPerSecond: 200,
  disorderMs: 3000,
  timeStepMs: 50,
  startMs: Date.UTC(2026, 0, 5, 23, 59, 20),
});
const folder = mkdtempSync(path.join(tmpdir(), "streamkit-nexmark-"));
const eventsFile = path.join(folder, "events.ndjson");
writeFileSync(eventsFile, lines.map((line) => `${line}\n`).join(""));
const ARRIVALS = [
  { fromEvent: 0, atMs: Date.UTC(2026, 0, 6, 0, 0, 5) },
  { fromEvent: 9000, atMs: Date.UTC(2026, 0, 6, 0, 0, 9) },
  { fromEvent: 15_000, atMs: Date.UTC(2026, 0, 6, 0, 0, 31) },
];
const answers = await batchAnswers(eventsFile, NEXMARK_QUERIES, ARRIVALS);
const rowsOf = (query: string): Readonly<Record<string, number | string>>[] =>
  (answers.get(query)?.rows ?? []).map((row) => JSON.parse(row) as Record<string, number | string>);

afterAll(() => rmSync(folder, { recursive: true }));

describe("Nexmark in DuckDB", () => {
  test("has all its queries", () => {
    expect(NEXMARK_QUERIES).toEqual(Array.from({ length: 23 }, (_, index) => `q${index}`));
  });

  for (const name of NEXMARK_QUERIES) {
    test(`${name} has an answer, of rows that differ`, () => {
      const rows = answers.get(name)?.rows ?? [];
      expect(rows.length).toBeGreaterThan(1);
      expect(new Set(rows).size).toBeGreaterThan(1);
    });
  }

  for (const [name, byHand] of Object.entries(BY_HAND)) {
    test(`${name} is what a loop over the events finds, and not what it finds without some`, () => {
      const sorted = (rows: readonly (readonly unknown[])[]): string[] =>
        rows.map((row) => JSON.stringify(row)).toSorted();
      const found = sorted(rowsOf(name).map((row) => Object.values(row)));
      expect(found).toEqual(sorted(byHand(houseOf(lines))));
      expect(found).not.toEqual(sorted(byHand(houseOf(lines.slice(0, -5000)))));
    });
  }

  test("each query in update mode has a key, which names its rows", () => {
    const inUpdateMode = NEXMARK_QUERIES.filter((name) => QUERIES[name]?.mode === "update");
    expect(inUpdateMode.toSorted()).toEqual(Object.keys(KEYS).toSorted());
    for (const [name, key] of Object.entries(KEYS)) {
      const keys = rowsOf(name).map((row) => JSON.stringify(key.map((column) => row[column])));
      expect(new Set(keys).size).toBe(keys.length);
    }
  });

  test("q12 counts by the time of arrival", () => {
    const bids = rowsOf("q12").reduce((sums, { starttime = "", bid_count }) => {
      return sums.set(starttime, (sums.get(starttime) ?? 0) + Number(bid_count));
    }, new Map<number | string, number>());
    expect([...bids]).toEqual([
      ["2026-01-06T00:00:00.000Z", 15_000 * 0.92],
      ["2026-01-06T00:00:30.000Z", 5000 * 0.92],
    ]);
  });

  test("q20 is q9's auctions of category 10 and more", () => {
    const winning = rowsOf("q9").filter(({ category }) => category === 10);
    const bids = new Set(rowsOf("q20").map(({ auction, bid_extra }) => `${auction} ${bid_extra}`));
    expect(winning.length).toBeGreaterThan(100);
    expect(winning.every(({ auction, bid_extra }) => bids.has(`${auction} ${bid_extra}`))).toBe(true);
  });
});
