/**
 * Truth explains every difference between a disturbed stream and the clean one, and broken lines really are.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { sql } from "../../src/duckdb/sql.ts";
import type { Fault } from "../../src/simulate/faults.ts";
import type { SimulateOptions } from "../../src/simulate/options.ts";
import { linesOf, recovered, streamOf, withFile } from "./stream.ts";

const EVENTS = 20_000;
const FAULTS = { late: 0.04, duplicates: 0.03, bad: 0.02, late_by: "2s" };
const STREAMS: readonly SimulateOptions[] = [
  { kind: "quotes" },
  { kind: "quotes", format: "csv" },
  { kind: "trades" },
  { kind: "trades", format: "csv" },
  { kind: "access-log" },
];

describe.each(STREAMS.map((options) => ({ options, name: `${options.kind} ${options.format ?? ""}` })))(
  "$name",
  ({ options }) => {
    const headerLines = options.format === "csv" ? 1 : 0;
    const clean = streamOf(options, EVENTS);
    const disturbed = streamOf({ ...options, ...FAULTS }, EVENTS);

    test("the clean stream is the disturbed one with the truth applied", () => {
      expect(recovered(disturbed, headerLines)).toBe(clean.text);
    });

    test("canary: with one fault left out of the truth the clean stream does not come back", () => {
      for (const did of ["late", "duplicate", "broken"]) {
        const left = disturbed.faults.findIndex((fault) => fault.did === did);
        const faults = disturbed.faults.filter((_, index) => index !== left);
        expect(recovered({ ...disturbed, faults }, headerLines)).not.toBe(clean.text);
      }
    });

    test("each fault names its line by number and by offset, and the event by its place", () => {
      const lines = linesOf(disturbed.text);
      const cleanLines = linesOf(clean.text);
      for (const { line, offset, did, event, original } of disturbed.faults) {
        const end = disturbed.text.indexOf("\n", offset);
        expect(disturbed.text.slice(offset, end)).toBe(lines[line] as string);
        expect(original).toBe(cleanLines[event + headerLines] as string);
        if (did === "broken") expect(lines[line]).not.toBe(original);
        else expect(lines[line]).toBe(original);
      }
    });

    test("about the shares asked for are disturbed", () => {
      const count = (did: Fault["did"]) => disturbed.faults.filter((fault) => fault.did === did).length;
      expect(count("late") / EVENTS).toBeCloseTo(FAULTS.late, 2);
      expect(count("duplicate") / EVENTS).toBeCloseTo(FAULTS.duplicates, 2);
      expect(count("broken") / EVENTS).toBeCloseTo(FAULTS.bad, 2);
    });
  },
);

test("late events come after later ones, by at most late_by", () => {
  const { text, faults } = streamOf({ kind: "quotes", late: 0.1, late_by: "50ms", rate: 1000 }, EVENTS);
  const timesMs = linesOf(text).map((line) => Date.parse((JSON.parse(line) as { ts: string }).ts));
  let latestMs = 0;
  const lateness: number[] = [];
  timesMs.forEach((timeMs, line) => {
    if (timeMs < latestMs) lateness.push(line);
    latestMs = Math.max(latestMs, timeMs);
    expect(latestMs - timeMs).toBeLessThanOrEqual(50);
  });
  expect(lateness).toEqual(faults.map(({ line }) => line));
  expect(new Set(faults.map(({ by }) => by)).size).toBe(50);
});

test("an event held back to the end of the stream with nothing after it is not called late", () => {
  const { text, faults } = streamOf({ kind: "quotes", late: 1, late_by: "1h" }, 3);
  expect(recovered({ text, faults }, 0)).toBe(streamOf({ kind: "quotes" }, 3).text);
  const ids = linesOf(text).map((line) => (JSON.parse(line) as { ts: string }).ts);
  expect(faults).toHaveLength(
    ids.filter((ts, index) => ids.slice(0, index).some((before) => before > ts)).length,
  );
});

describe("no reader takes a broken line", () => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase({ threads: 1 });
  });
  afterAll(() => database.close());

  /** Some broken lines of each kind, each with a good neighbour before and after. */
  const brokenOf = (options: SimulateOptions, headerLines: number): { how: string; text: string }[] => {
    const { text, faults } = streamOf({ ...options, bad: 1 }, 120);
    const lines = linesOf(text);
    expect(new Set(faults.map(({ how }) => how)).size).toBe(5);
    return faults.map(({ line, how, original }) => {
      const broken = lines[line] as string;
      expect(broken).toMatch(/^[\x20-\x7e]+$/);
      return {
        how: `${how}: ${broken}`,
        text: [...lines.slice(0, headerLines), original, broken, original, ""].join("\n"),
      };
    });
  };

  test("a CSV line is cut before its last value begins", () => {
    for (const kind of ["quotes", "trades"] as const) {
      const { text, faults } = streamOf({ kind, format: "csv", bad: 1 }, EVENTS);
      const lines = linesOf(text);
      const commas = (line: string): number => line.split(",").length - 1;
      const cut = faults.filter(({ how }) => how === "truncated");
      expect(cut.length).toBeGreaterThan(EVENTS / 10);
      for (const { line, original } of cut) {
        expect(original).toStartWith(lines[line] as string);
        expect(commas(lines[line] as string)).toBeLessThan(commas(original));
      }
    }
  });

  const QUOTE = sql`{ts: 'TIMESTAMP', symbol: 'VARCHAR', price: 'DOUBLE', volume: 'BIGINT'}`;
  const TRADE = sql`{ts: 'TIMESTAMP', id: 'BIGINT', symbol: 'VARCHAR', side: 'VARCHAR', price: 'DOUBLE',
    quantity: 'BIGINT', account: 'VARCHAR'}`;

  test.each(["quotes", "trades"] as const)("%s as NDJSON", async (kind) => {
    const columns = kind === "quotes" ? QUOTE : TRADE;
    for (const { how, text } of brokenOf({ kind }, 0))
      await withFile(text, async (path) => {
        const from = sql`read_json(${path}, format = 'newline_delimited', columns = ${columns})`;
        const outcome = database.rows(sql`FROM ${from}`).then(
          () => `taken: ${how}`,
          () => "refused",
        );
        expect(await outcome).toBe("refused");
      });
  });

  test.each(["quotes", "trades"] as const)("%s as CSV", async (kind) => {
    const columns = kind === "quotes" ? QUOTE : TRADE;
    for (const { how, text } of brokenOf({ kind, format: "csv" }, 1))
      await withFile(text, async (path) => {
        const from = sql`read_csv(${path}, header = true, auto_detect = false, columns = ${columns},
          delim = ',', quote = '"', escape = '"', new_line = '\n')`;
        const outcome = database.rows(sql`FROM ${from}`).then(
          () => `taken: ${how}`,
          () => "refused",
        );
        expect(await outcome).toBe("refused");
      });
  });

  test("access logs", () => {
    const quoted = String.raw`"(?:[^"\\]|\\.)*"`;
    const time = String.raw`\[\d\d\/\w{3}\/\d{4}:[\d:]{8} \+0000\]`;
    const entry = new RegExp(String.raw`^\S+ \S+ \S+ ${time} ${quoted} \d{3} (?:\d+|-)( ${quoted}){0,2}$`);
    for (const { how, text } of brokenOf({ kind: "access-log" }, 0)) {
      const [before, broken] = linesOf(text);
      expect(before).toMatch(entry);
      expect({ how, fits: entry.test(broken as string) }).toEqual({ how, fits: false });
    }
  });
});
