/**
 * A line's fate never depends on its neighbours, or on how the stream was cut: alone and in any company it
 * becomes the same row, or the same dead letter with the offset of its own bytes; rows keep the order of
 * their lines.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { lineFamilies } from "./lines.ts";
import { logFamilies } from "./log-lines.ts";
import { ORIGIN_OFFSET, type Read, readBytes, segmentOf, type Way } from "./reading.ts";

const RUNS = Number(process.env["STREAMKIT_RUNS"] ?? 1);
const TIMEOUT_MS = 60_000 * Math.max(1, RUNS);
/** Of each format: there are many, and a slow machine tries fewer cases of each. */
const MAX_MS = 8_000 * Math.max(1, RUNS);

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 2 });
});
afterAll(() => database.close());

/** What each line gives alone, put together. */
async function oneByOne(way: Way, lines: readonly Uint8Array[], verdicts: Map<string, Read>): Promise<Read> {
  const rows: string[] = [];
  const deadLetters: Read["deadLetters"][number][] = [];
  let offset = ORIGIN_OFFSET;
  for (const [lineNumber, line] of lines.entries()) {
    const key = Buffer.from(line).toString("latin1");
    const verdict = verdicts.get(key) ?? (await readBytes(database, way, segmentOf([line])));
    verdicts.set(key, verdict);
    expect(verdict.rows.length + verdict.deadLetters.length).toBeLessThanOrEqual(1);
    rows.push(...verdict.rows);
    deadLetters.push(...verdict.deadLetters.map((letter) => ({ ...letter, offset, lineNumber })));
    offset += line.length + 1;
  }
  return { rows, deadLetters };
}

/** A CSV line with several faults is told one of them: which, may depend on where the reader met it. */
function judged({ rows, deadLetters }: Read, { format }: Way): Read {
  if (format !== "csv") return { rows, deadLetters };
  return {
    rows,
    deadLetters: deadLetters.map((letter) => ({ ...letter, reason: letter.reason.slice(0, 0) })),
  };
}

describe("a line's fate is its own", () => {
  const families = [
    ...lineFamilies.map((family) => ({ ...family, runs: 30 })),
    // Most of them are read by the same few readers.
    ...logFamilies.map((family) => ({ ...family, runs: 12 })),
  ];
  for (const { name, way, line, runs } of families) {
    const verdicts = new Map<string, Read>();
    let untilMs = Number.POSITIVE_INFINITY;
    const property = fc.asyncProperty(fc.array(line, { minLength: 2, maxLength: 14 }), async (lines) => {
      // Not by an interrupt: what was under way would go on beside the next test, in the same files.
      if (performance.now() > untilMs) return;
      const together = await readBytes(database, way, segmentOf(lines));
      const alone = await oneByOne(way, lines, verdicts);
      expect(judged(together, way)).toEqual(judged(alone, way));
    });
    test(
      name,
      () => {
        untilMs = performance.now() + MAX_MS;
        return fc.assert(property, { numRuns: runs * RUNS });
      },
      TIMEOUT_MS,
    );
  }

  test("a log line whose odd bytes are in a column that nobody asks for", async () => {
    const way: Way = { format: "combined", select: "client, path" };
    const start = "1.2.3.4 - - [17/May/2015:10:05:03 +0000]";
    const line = (path: string, agent: string): Buffer =>
      Buffer.from(`${start} "GET ${path} HTTP/1.1" 200 1 "-" "${agent}"`, "latin1");
    const lines = [line("/\xc3\xa9", "\xa9"), Buffer.from("no line of a log"), line("/a", "b")];
    const { rows } = await oneByOne(way, lines, new Map());
    expect(rows).toEqual([`{"client":"1.2.3.4","path":"/Ã©"}`, `{"client":"1.2.3.4","path":"/a"}`]);
    expect((await readBytes(database, way, segmentOf(lines))).rows).toEqual(rows);
  });
});
