/** Very many dead letters: each is right, and none of them is in a statement's text. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { messageOf } from "../../src/base/error.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import type { BatchProgress } from "../../src/engine/batch-progress.ts";
import { runJob } from "../../src/engine/run-job.ts";
import { loadedJob } from "../equation/streaming.ts";
import { ORIGIN_OFFSET, readBytes, type Way } from "../formats/reading.ts";
import { silentRun } from "../support/silent-run.ts";

let database: Database;
let longest = 0;
const folder = mkdtempSync(path.join(tmpdir(), "streamkit-flood-"));

beforeAll(async () => {
  const opened = await openDatabase();
  database = {
    ...opened,
    run: (statements) => opened.run(measured(statements)),
    runCounting: (statements) => opened.runCounting(measured(statements)),
    rows: (query) => opened.rows(measured(query)),
  };
});
afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

function measured<T extends { readonly text: string }>(statement: T): T {
  longest = Math.max(longest, statement.text.length);
  return statement;
}

/** More than a block of lines, and more than a table keeps. */
const LINES = 40_000;
const MAX_STATEMENT_CHARS = 600_000;
const ID = { id: "BIGINT" };

const kinds: readonly (readonly [string, Way, Buffer, string])[] = [
  ["no JSON", { format: "json", columns: ID }, Buffer.from("x"), "Malformed JSON"],
  ["a misfit", { format: "json", columns: ID }, Buffer.from('{"id":"é"}'), '"id" is not a BIGINT: "é"'],
  ["a list", { format: "json", columns: ID }, Buffer.from("[1]"), "A JSON object is expected, found ARRAY"],
  ["no UTF-8", { format: "json", columns: ID }, Buffer.from([0x7b, 0xff]), "The line is not UTF-8"],
  [
    "another structure inside",
    { format: "json", columns: { a: "STRUCT(b INTEGER[])" } },
    Buffer.from('{"a":{"b":5}}'),
    '"a" is not a STRUCT(b INTEGER[]): "{"b":5}"',
  ],
  [
    "too many values",
    { format: "csv", columns: ID, header: ["id"] },
    Buffer.from("1,2"),
    "Expected Number of Columns: 1 Found: 2",
  ],
  [
    "too few values",
    { format: "csv", columns: { id: "BIGINT", n: "BIGINT" }, header: ["id", "n"] },
    Buffer.from("x"),
    "Expected Number of Columns: 2 Found: 1",
  ],
  [
    "no match",
    { format: "regex", pattern: "^(?<id>[0-9]+)$", columns: ID },
    Buffer.from("no"),
    "The line does not match the pattern",
  ],
];

describe("a flood of dead letters", () => {
  test.each(kinds)("of %s", async (_, way, line, reason) => {
    longest = 0;
    const good = Buffer.from(
      way.format === "json"
        ? reason.includes('"a"')
          ? '{"a":{"b":[7]}}'
          : '{"id":7}'
        : "n" in (way.columns ?? {})
          ? "7,8"
          : "7",
    );
    const parts = Array.from({ length: LINES }, (_, index) => (index % 35_000 === 17 ? good : line));
    const bytes = Buffer.concat(parts.flatMap((part) => [part, Buffer.from("\n")]));
    const { rows, deadLetters } = await readBytes(database, way, bytes);
    expect(rows).toHaveLength(2);
    expect(deadLetters).toHaveLength(LINES - 2);
    expect(deadLetters.every((letter) => letter.reason.includes(reason))).toBe(true);
    const last = deadLetters.at(-1);
    expect(last?.lineNumber).toBe(LINES - 1);
    expect(last?.offset).toBe(ORIGIN_OFFSET + bytes.length - line.length - 1);
    expect(last?.line).toBe(line.toString(reason.includes("UTF-8") ? "latin1" : "utf8"));
    const numbers = deadLetters.map(({ lineNumber }) => lineNumber);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(longest).toBeLessThan(MAX_STATEMENT_CHARS);
  });
});

async function run(
  lines: readonly string[],
  source: object,
  more: object = {},
): Promise<readonly BatchProgress[]> {
  writeFileSync(path.join(folder, "in.txt"), lines.join(""));
  const text = stringify({
    sources: { s: { from: "file:in.txt", format: "json", schema: ID, ...source } },
    queries: { q: "SELECT id FROM s" },
    ...more,
  });
  const outcomes: BatchProgress[] = [];
  await runJob(loadedJob(text, folder), {
    ...silentRun(),
    observe: (outcome) => outcomes.push(outcome),
  });
  return outcomes;
}

const repeated = (count: number, ...lines: readonly string[]): string[] =>
  Array.from({ length: count }, (_, index) => lines[index % lines.length] ?? "");
const deadLettersIn = (outcomes: readonly BatchProgress[]): number =>
  outcomes.reduce((sum, { report }) => sum + report.deadLetters, 0);

const failureOf = (running: Promise<unknown>): Promise<string> => running.then(() => "", messageOf);

describe("max_bad", () => {
  test("left out, a source that fits nothing stops, and says the way out", async () => {
    const stopped = await failureOf(run(repeated(120_000, "x\n"), {}));
    expect(stopped).toContain("s: this is not json: 120,000 of 120,000 lines: first reason: Malformed JSON");
    expect(stopped).toContain("max_bad: off");
  });

  test("left out, one line that fits is enough, and few lines are let be", async () => {
    expect(deadLettersIn(await run(['{"id":1}\n', ...repeated(110_000, "x\n")], {}))).toBe(110_000);
    expect(deadLettersIn(await run(repeated(99_999, "x\n"), {}))).toBe(99_999);
  });

  test("is a share of what comes, and off is none", async () => {
    const half = repeated(120_000, "x\n", '{"id":1}\n');
    expect(deadLettersIn(await run(half, { max_bad: "50%" }))).toBe(60_000);
    expect(await failureOf(run(half, { max_bad: "49.9%" }))).toContain("60,000 of 120,000 lines");
    expect(deadLettersIn(await run(repeated(110_000, "x\n"), { max_bad: "off" }))).toBe(110_000);
  });

  test("is refused where it is no share", async () => {
    for (const share of ["half", "150%", "-1%", "50"])
      expect(await failureOf((async () => run([], { max_bad: share }))())).toContain(
        "a share like 50% is expected, or off",
      );
  });
});
