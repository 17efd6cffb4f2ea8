/** Whether processes may share a job: where its answer splits by what decides a record's partition. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { stringify } from "yaml";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf, StreamkitError } from "../../src/base/error.ts";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { explainJob } from "../../src/engine/explain.ts";
import { planJob } from "../../src/engine/prepare.ts";
import { loadJobText } from "../../src/job/load.ts";

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 1 });
});
afterAll(() => database.close());

type Queries = Readonly<Record<string, string | Readonly<Record<string, unknown>>>>;

function jobOf(queries: Queries, shares: readonly unknown[] = ["k", "k"]) {
  const source = (topic: string, share: unknown) => ({
    from: {
      kafka: { brokers: "127.0.0.1:1", topics: topic, ...(share === undefined ? {} : { share }) },
    },
    schema: { ts: "TIMESTAMP", k: "VARCHAR", j: "VARCHAR", n: "INTEGER" },
  });
  const text = stringify({
    sources: { ticks: source("ticks", shares[0]), others: source("others", shares[1]) },
    queries,
  });
  return loadJobText(text, "/tmp/job.yaml", wholeJobSchema(), { env: {}, overrides: [] });
}

async function verdict(queries: Queries, shares?: readonly unknown[]) {
  const job = jobOf(queries, shares);
  // Queries of one name in several jobs are tables in some and views in others.
  const own = await database.another();
  try {
    await planJob(job, own, { clock: systemClock }, new Map());
    return "taken";
  } catch (error) {
    if (error instanceof StreamkitError && error.code === "job") return error.message;
    throw error;
  } finally {
    own.close();
  }
}

const T = "tumble(ticks, ts, INTERVAL 1 MINUTE)";
const update = (sql: string) => ({ mode: "update", sql });

const TAKEN: Readonly<Record<string, Queries>> = {
  "rows alone": { q: "SELECT ts, n * 2 AS m FROM ticks WHERE n > 0" },
  "windows by key": { q: `SELECT k, window_start, sum(n) AS n FROM ${T} GROUP BY k, window_start` },
  "windows by key and more": {
    q: `SELECT k, j, window_start, sum(n) AS n FROM ${T} GROUP BY k, j, window_start`,
  },
  "a renamed key that is passed on": {
    a: "SELECT ts, k AS symbol, n FROM ticks",
    q: "SELECT symbol, window_start, count(*) AS n FROM tumble(a, ts, INTERVAL 1 MINUTE) GROUP BY ALL",
  },
  "sessions by key": {
    q: `SELECT k, window_start, window_end, count(*) AS n FROM session(ticks, ts, INTERVAL 1 MINUTE, k)
        GROUP BY k, window_start, window_end`,
  },
  "totals by key": { q: update("SELECT k, sum(n) AS n FROM ticks GROUP BY k") },
  "the last of each key": {
    q: update("SELECT * FROM ticks QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts DESC, n) = 1"),
  },
  "a join on the key": {
    q: {
      state: { keep: "1m" },
      sql: `SELECT a.k, a.ts, b.n FROM ticks a JOIN others b
            ON a.k = b.k AND b.ts BETWEEN a.ts - INTERVAL 1 MINUTE AND a.ts`,
    },
  },
};

const MIXED: Readonly<Record<string, Queries>> = {
  "windows over all": { q: `SELECT window_start, sum(n) AS n FROM ${T} GROUP BY window_start` },
  "windows by another column": { q: `SELECT j, window_start, sum(n) AS n FROM ${T} GROUP BY ALL` },
  "a key that is computed": {
    a: "SELECT ts, upper(k) AS k, n FROM ticks",
    q: "SELECT k, window_start, count(*) AS n FROM tumble(a, ts, INTERVAL 1 MINUTE) GROUP BY ALL",
  },
  "the name of the key on another column": {
    a: "SELECT ts, j AS k, n FROM ticks",
    q: "SELECT k, window_start, count(*) AS n FROM tumble(a, ts, INTERVAL 1 MINUTE) GROUP BY ALL",
  },
  "a key that a query drops": {
    a: "SELECT ts, n FROM ticks",
    q: "SELECT window_start, count(*) AS n FROM tumble(a, ts, INTERVAL 1 MINUTE) GROUP BY ALL",
  },
  "totals over all": { q: update("SELECT sum(n) AS n FROM ticks") },
  "the first of all": {
    q: { ...update("SELECT k, n FROM ticks ORDER BY n DESC, k LIMIT 3"), key: ["k", "n"] },
  },
  "sessions by another column": {
    q: `SELECT j, window_start, window_end, count(*) AS n FROM session(ticks, ts, INTERVAL 1 MINUTE, j)
        GROUP BY j, window_start, window_end`,
  },
  "a join on another column": {
    q: {
      state: { keep: "1m" },
      sql: `SELECT a.k, a.ts, b.n FROM ticks a JOIN others b
            ON a.j = b.j AND b.ts BETWEEN a.ts - INTERVAL 1 MINUTE AND a.ts`,
    },
  },
};

describe("what splits by the key is taken", () => {
  for (const [name, queries] of Object.entries(TAKEN))
    test(name, async () => expect(await verdict(queries)).toBe("taken"));
});

describe("what mixes partitions is refused", () => {
  for (const [name, queries] of Object.entries(MIXED))
    test(name, async () => {
      const unshared = await verdict(queries, [undefined, undefined]);
      expect(unshared).toBe("taken");
      const message = await verdict(queries);
      expect(message).toMatch(/job\.yaml:\d+/);
      expect(message).toContain("does not split by k");
      expect(message).toContain("take share out of the source");
    });
});

test("of a key of two columns, both must be named", async () => {
  const both = [
    ["k", "j"],
    ["k", "j"],
  ];
  const by = (columns: string) => ({
    q: `SELECT ${columns}, window_start, sum(n) AS n FROM ${T} GROUP BY ALL`,
  });
  expect(await verdict(by("k, j"), both)).toBe("taken");
  expect(await verdict(by("k"), both)).toContain("does not split by j");
});

test("all sources are shared, by the same columns, which they have", async () => {
  const rows = { q: "SELECT n FROM ticks" };
  expect(await verdict(rows, ["k", undefined])).toContain("all sources of the job must be");
  expect(await verdict(rows, ["k", "j"])).toContain("by the same columns");
  expect(await verdict(rows, ["symbol", "symbol"])).toMatch(/"symbol", which is none of its columns/);
});

describe("check says why a query can be shared", () => {
  async function why(queries: Queries, shares?: readonly unknown[]): Promise<(string | undefined)[]> {
    const text = await explainJob(jobOf(queries, shares), { clock: systemClock, freshSeed: () => 1 });
    return text
      .split("\n\n")
      .filter((part) => part.startsWith("query"))
      .map((part) => / {2}shared +(.*)/.exec(part)?.[1]);
  }
  const ONE_PARTITION = "and rows of one value are in one partition";

  test("by the columns that its answer splits by, of each source and query that it reads", async () => {
    const join = TAKEN["a join on the key"] ?? {};
    expect(await why(join)).toEqual([`its answer splits by ticks.k = others.k, ${ONE_PARTITION}`]);
    const both = { q: `SELECT k, j, window_start, sum(n) AS n FROM ${T} GROUP BY ALL` };
    const shares = ["k", "j"];
    expect(await why(both, [shares, shares])).toEqual([
      `its answer splits by ticks.k and ticks.j, ${ONE_PARTITION}`,
    ]);
  });

  test("a query on rows alone splits anywhere, and passes the key on", async () => {
    expect(await why(TAKEN["a renamed key that is passed on"] ?? {})).toEqual([
      "each of its rows comes from one row alone, in whichever partition that is",
      `its answer splits by a.symbol, ${ONE_PARTITION}`,
    ]);
  });

  test("nothing where nothing is shared", async () => {
    expect(await why(TAKEN["rows alone"] ?? {}, [undefined, undefined])).toEqual([undefined]);
  });
});

test("a record's column that hides the places of rows is refused, with the way out", async () => {
  const kafka = { brokers: "127.0.0.1:1", topics: "t" };
  const verdictOf = async (select: string) => {
    const source = { from: { kafka }, schema: { ts: "TIMESTAMP", rowid: "BIGINT" }, select };
    const text = stringify({ sources: { ticks: source } });
    const job = loadJobText(text, "/tmp/job.yaml", wholeJobSchema(), { env: {}, overrides: [] });
    return planJob(job, database, { clock: systemClock }, new Map()).then(() => "taken", messageOf);
  };
  expect(await verdictOf("*")).toContain("select: * RENAME (rowid AS row_id)");
  expect(await verdictOf("* RENAME (rowid AS row_id)")).toBe("taken");
});
