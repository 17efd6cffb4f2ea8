/**
 * A job that goes on with another query on its checkpoint is refused, or gives from there on what it would
 * have given had it run from the start: nothing that the former query pruned, closed or never let in is
 * missing.
 */

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { systemClock } from "../../src/base/clock.ts";
import { StreamkitError } from "../../src/base/error.ts";
import { readTree, type TreeNode } from "../../src/duckdb/syntax.ts";
import { linesOf } from "../../src/verify/rows.ts";
import { openRun, type Run } from "../../src/verify/run.ts";
import { runs, TIMEOUT_MS } from "./equation.ts";
import { jobText, loadedJob, type QuerySpec } from "./streaming.ts";
import { batchEnds, type RandomStream, SCHEMA, streamArbitrary, textOf } from "./streams.ts";

const { constantFrom, oneof, record } = fc;

const updating = (key: readonly string[]) => (sql: string) => ({ sql, mode: "update" as const, key });
interface Family {
  readonly choices: Readonly<Record<string, readonly string[]>>;
  query(chosen: Readonly<Record<string, string>>): QuerySpec;
}

/** Queries of one kind: what is chosen decides, at least in part, which rows their states have. */
const FAMILIES: Readonly<Record<string, Family>> = {
  windows: {
    choices: {
      call: [
        "tumble(ticks, ts, INTERVAL 30 SECOND)",
        "tumble(ticks, ts, INTERVAL 1 MINUTE)",
        "hop(ticks, ts, INTERVAL 30 SECOND, INTERVAL 1 MINUTE)",
        "(SELECT * FROM tumble(ticks, ts, INTERVAL 1 MINUTE) WHERE n > 0)",
      ],
      value: ["count(*)", "sum(n)", "list(id ORDER BY id)", "count(DISTINCT f)"],
      key: ["k", "f", "upper(k)"],
      where: ["", "WHERE n >= 0", "WHERE f"],
      having: ["", "HAVING count(*) > 1"],
    },
    query: ({ call, value, key, where, having }) => ({
      sql: `SELECT ${key} AS k, window_start, ${value} AS v FROM ${call} ${where} GROUP BY ALL ${having}`,
    }),
  },
  "changing windows": {
    choices: {
      size: ["30 SECOND", "1 MINUTE"],
      value: ["count(*)", "sum(n)", "list(id ORDER BY id)", "median(id)"],
      having: ["", "HAVING count(*) > 1"],
      lateness: ["", "", "20s", "1m"],
    },
    query: ({ size, value, having, lateness = "" }) => ({
      ...updating(["k", "window_start"])(
        `SELECT k, window_start, ${value} AS v FROM tumble(ticks, ts, INTERVAL ${size})
          GROUP BY ALL ${having}`,
      ),
      ...(lateness === "" ? {} : { lateness }),
    }),
  },
  groups: {
    choices: {
      value: ["count(*)", "sum(n) + 1", "sum(n)", "median(id)", "list(id ORDER BY id)", "last(price)"],
      where: ["", "WHERE n >= 0"],
      having: ["", "HAVING count(*) > 1"],
    },
    query: ({ value, where, having }) =>
      updating(["k"])(`SELECT k, ${value} AS v FROM ticks ${where} GROUP BY k ${having}`),
  },
  "first rows": {
    choices: {
      count: ["1", "2", "3"],
      by: ["id", "id DESC"],
      partition: ["k", "f"],
      shape: ["ranked", "ranked", "all"],
    },
    query: ({ count, by, partition, shape }) =>
      updating(["k", "f", "id"])(
        shape === "ranked"
          ? `SELECT k, f, id FROM ticks
              QUALIFY row_number() OVER (PARTITION BY ${partition} ORDER BY ${by}) <= ${count}`
          : `SELECT k, f, id FROM ticks WHERE id % ${count} = 0
              QUALIFY count(*) OVER (PARTITION BY ${partition}) > 1`,
      ),
  },
  seen: {
    choices: {
      partition: ["k", "f", "k, f"],
      where: ["", "WHERE n >= 0"],
      shape: ["first", "distinct"],
    },
    query: ({ partition, where, shape }) => ({
      sql:
        shape === "first"
          ? `SELECT k, f, id FROM ticks ${where}
              QUALIFY row_number() OVER (PARTITION BY ${partition} ORDER BY ts) = 1`
          : `SELECT DISTINCT ${partition} FROM ticks ${where}`,
    }),
  },
  sessions: {
    choices: {
      gap: ["5 SECOND", "20 SECOND", "1 MINUTE"],
      key: ["k", "f"],
      shape: [
        "SELECT $, window_start, count(*) AS c, sum(n) AS s FROM session() GROUP BY ALL",
        "SELECT $, window_start, window_end, list(id ORDER BY id) AS v FROM session() GROUP BY ALL",
        "SELECT k, f, id, window_end FROM session()",
      ],
    },
    query: ({ gap, key = "", shape = "" }) => ({
      sql: shape.replace("$", key).replace("session()", `session(ticks, ts, INTERVAL ${gap}, ${key})`),
    }),
  },
  joins: {
    choices: {
      join: ["JOIN", "LEFT JOIN", "SEMI JOIN", "ANTI JOIN"],
      on: ["a.k = b.k", "a.n = b.n", "a.k = b.k AND a.id <> b.id"],
      apart: ["10 SECOND", "30 SECOND"],
      keep: ["", "", "10s", "30s"],
      selects: ["a.id, a.k, a.n", "a.id * 2 AS twice, a.k, a.n"],
    },
    query: ({ join, on, apart, keep = "", selects }) => ({
      sql: `SELECT ${selects} FROM ticks a ${join} ticks b ON ${on}${
        keep === "" ? ` AND b.ts BETWEEN a.ts AND a.ts + INTERVAL ${apart}` : ""
      }`,
      ...(keep === "" ? {} : { state: { keep } }),
    }),
  },
  nearest: {
    choices: {
      join: ["ASOF JOIN", "ASOF LEFT JOIN"],
      on: ["a.k = b.k", "a.n = b.n", "a.k = b.k AND a.n = b.n"],
      time: [">", ">="],
    },
    query: ({ join, on, time }) => ({
      sql: `SELECT a.id, b.id AS bid, a.k, a.n FROM ticks a ${join} ticks b ON ${on} AND a.ts ${time} b.ts`,
    }),
  },
};

type Chosen = Readonly<Record<string, string>>;

function chosenOf({ choices }: Family): fc.Arbitrary<Chosen> {
  const each = Object.entries(choices).map(([name, values]) => [name, constantFrom(...values)] as const);
  return record(Object.fromEntries(each));
}

/** Two queries of one family that differ in one choice, or in all. */
function pairOf(family: Family): fc.Arbitrary<readonly [QuerySpec, QuerySpec]> {
  const names = Object.keys(family.choices);
  return record({
    before: chosenOf(family),
    after: chosenOf(family),
    changed: oneof(
      { weight: 4, arbitrary: constantFrom(...names).map((name) => [name]) },
      { weight: 1, arbitrary: fc.constant(names) },
    ),
  }).map(({ before, after, changed }) => {
    const both = Object.fromEntries(Object.entries(after).filter(([name]) => changed.includes(name)));
    return [family.query(before), family.query({ ...before, ...both })] as const;
  });
}

const any: fc.Arbitrary<QuerySpec> = oneof(
  ...Object.values(FAMILIES).map((family) => chosenOf(family).map((chosen) => family.query(chosen))),
);
const pair = oneof(...Object.values(FAMILIES).map((family) => ({ weight: 2, arbitrary: pairOf(family) })), {
  weight: 1,
  arbitrary: fc.tuple(any, any),
});

/** Another job on the run's checkpoint; undefined where that is refused. */
async function openOn(folder: string, q: QuerySpec): Promise<Run | undefined> {
  const text = jobText({ schema: SCHEMA, tables: {}, watermark: "5s", queries: { q } });
  try {
    return await openRun(loadedJob(text, folder), { clock: systemClock, isDurable: true, folder });
  } catch (error) {
    if (error instanceof StreamkitError && error.message.includes("the checkpoint does not fit this job"))
      return undefined;
    throw error;
  }
}

async function inFolder<T>(stream: RandomStream, action: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), "streamkit-evolution-"));
  writeFileSync(path.join(folder, "ticks.ndjson"), textOf(stream.lines));
  try {
    return await action(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Given {
  /** Lines of the query's sink before it was changed, and after. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** What is given where the batches from `first` on are another query's; undefined where that is refused. */
function givenBy(
  stream: RandomStream,
  first: number,
  [before, after]: readonly [QuerySpec, QuerySpec],
): Promise<Given | undefined> {
  return inFolder(stream, async (folder) => {
    const ends = [...batchEnds(stream), undefined];
    let takenByte = 0;
    let linesBefore = 0;
    let run = await openOn(folder, before);
    for (const [index, end] of ends.entries()) {
      if (index === first) {
        linesBefore = linesOf(run?.written("q") ?? "").length;
        await run?.close();
        run = await openOn(folder, after);
      }
      if (run === undefined) return undefined;
      await run.batch({ ticks: Math.max(0, (end ?? 0) - takenByte) }, index === ends.length - 1);
      takenByte = Math.max(takenByte, end ?? 0);
    }
    await run?.close();
    const lines = linesOf(run?.written("q") ?? "");
    return { before: lines.slice(0, linesBefore), after: lines.slice(linesBefore) };
  });
}

/** By key, what the lines of update mode leave: a row, or its deletion. */
function lastOf(lines: readonly string[], key: readonly string[]): ReadonlyMap<string, string> {
  const rows = new Map<string, string>();
  for (const line of lines) {
    const row = readTree(line) as TreeNode;
    const { _op: op, _batch, ...values } = row;
    rows.set(
      JSON.stringify(key.map((column) => row[column] ?? null)),
      op === "delete" ? "gone" : JSON.stringify(values),
    );
  }
  return rows;
}

/** What changes from there on is the same, and all that is given is what would have been there. */
function expectSame({ mode, key = [] }: QuerySpec, found: Given, expected: Given): void {
  if (mode === undefined) return expect(found.after.toSorted()).toEqual(expected.after.toSorted());
  const given = lastOf(found.after, key);
  const wanted = lastOf([...expected.before, ...expected.after], key);
  for (const changed of lastOf(expected.after, key).keys())
    expect([changed, given.get(changed)]).toEqual([changed, wanted.get(changed)]);
  for (const [name, row] of given) expect([name, row]).toEqual([name, wanted.get(name) ?? "gone"]);
}

/** Batches enough for something to be pruned and closed before the change. */
const BATCHES = 6;

function inEvenBatches(lines: readonly string[]): RandomStream {
  const size = Math.ceil(lines.length / BATCHES);
  const starts = Array.from({ length: BATCHES }, (_, index) => index * size);
  return { lines, batches: starts.map((start) => lines.slice(start, start + size).length) };
}

async function check(stream: RandomStream, first: number, before: QuerySpec, query: QuerySpec) {
  const found = await givenBy(stream, first, [before, query]);
  if (found === undefined) return expect(JSON.stringify(query)).not.toBe(JSON.stringify(before));
  const expected = await givenBy(stream, first, [query, query]);
  expectSame(query, found, expected ?? { before: [], after: [] });
}

test(
  "another query on a checkpoint",
  async () => {
    const property = fc.asyncProperty(
      pair,
      // More than the watermark allows: some rows are late, by the same rule on both sides.
      streamArbitrary(60, 20),
      fc.integer({ min: 1, max: BATCHES - 1 }),
      ([before, query], { lines }, first) => check(inEvenBatches(lines), first, before, query),
    );
    await fc.assert(property, runs(30));
  },
  TIMEOUT_MS,
);
