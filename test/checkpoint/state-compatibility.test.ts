/** A job goes on with its checkpoint after a change, as long as what that keeps still means the same. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { systemClock } from "../../src/base/clock.ts";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import { openDatabase } from "../../src/duckdb/database.ts";
import { id, raw, sql } from "../../src/duckdb/sql.ts";
import { runJob } from "../../src/engine/run-job.ts";
import { loadJobText } from "../../src/job/load.ts";
import { NO_OUTPUT } from "../../src/runtime/stdio.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "streamkit-evolution-"));
  mkdirSync(path.join(folder, "in"));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Part = Readonly<Record<string, unknown>>;

interface Job {
  readonly sources: Readonly<Record<string, Part>>;
  readonly queries: Readonly<Record<string, unknown>>;
  readonly sinks: readonly Part[];
  readonly batch?: string;
}

const TICKS = {
  from: "file:in/*.ndjson",
  schema: { ts: "TIMESTAMP", symbol: "VARCHAR", price: "BIGINT" },
  watermark: "1s",
};
const MINUTES = `SELECT symbol, window_start, count(*) AS n, max(price) AS high
  FROM tumble(clean, ts, INTERVAL 1 MINUTE) GROUP BY ALL`;

const JOB: Job = {
  sources: { ticks: TICKS },
  queries: {
    clean: "SELECT * FROM ticks WHERE price > 0",
    minutes: MINUTES,
    live: { mode: "update", sql: "SELECT symbol, count(*) AS n FROM ticks GROUP BY symbol" },
  },
  sinks: [
    { from: "minutes", to: "file:minutes.ndjson" },
    { from: "live", to: "file:live.ndjson" },
  ],
};

const withQuery = (name: string, query: unknown): Job => ({
  ...JOB,
  queries: { ...JOB.queries, [name]: query },
});
const withTicks = (more: Part): Job => ({ ...JOB, sources: { ticks: { ...TICKS, ...more } } });
const without = (name: string): Job => ({
  ...JOB,
  queries: Object.fromEntries(Object.entries(JOB.queries).filter(([query]) => query !== name)),
  sinks: JOB.sinks.filter(({ from }) => from !== name),
});

/** Takes what is there; windows stay open unless it is the `last` life. */
async function run(job: Job, { resets = [], last = false }: { resets?: string[]; last?: boolean } = {}) {
  const text = stringify(job);
  const options = { env: {}, overrides: [] };
  await runJob(loadJobText(text, path.join(folder, "job.yaml"), wholeJobSchema(), options), {
    clock: systemClock,
    stop: new AbortController().signal,
    stdout: NO_OUTPUT,
    freshSeed: () => 1,
    checkpointFolder: path.join(folder, "state"),
    resets,
    batchMs: 0,
    allowsEmpty: true,
    until: last ? "once" : "available",
    bareRows: false,
    observe: () => {},
    observesRows: false,
  });
}

function add(...rows: readonly (readonly [time: string, symbol: string, price: number])[]): void {
  const lines = rows.map(([time, symbol, price]) =>
    JSON.stringify({ ts: `2026-01-05T14:${time}Z`, symbol, price }),
  );
  const name = `${readdirSync(path.join(folder, "in")).length}.ndjson`;
  writeFileSync(path.join(folder, "in", name), `${lines.join("\n")}\n`);
}

function rowsIn(file: string): unknown[] {
  const text = readFileSync(path.join(folder, file), "utf8");
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as unknown]));
}

const minute = (time: string, symbol: string, more: Part) => ({
  symbol,
  window_start: `2026-01-05T14:${time}:00.000Z`,
  ...more,
});

/** Everything that the checkpoint holds: its tables, and its other files. */
async function contents(): Promise<unknown> {
  const database = await openDatabase({ threads: 1 });
  try {
    await database.run(sql`ATTACH ${path.join(folder, "state/checkpoint.duckdb")} AS c`);
    const named = await database.rows(raw("SELECT table_name AS name FROM duckdb_tables() ORDER BY ALL"));
    const tables: Record<string, unknown> = {};
    for (const { name } of named)
      tables[String(name)] = await database.rows(sql`FROM ${id("c", String(name))}`);
    return { tables, plan: readFileSync(path.join(folder, "state/plan.json"), "utf8") };
  } finally {
    database.close();
  }
}

async function refusal(job: Job): Promise<string> {
  const before = await contents();
  const error = await run(job).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "job" });
  expect(await contents()).toEqual(before as object);
  return (error as Error).message;
}

beforeEach(async () => {
  add(["30:10", "a", 5], ["30:20", "b", 7]);
  await run(JOB);
  add(["30:50", "a", 9], ["31:30", "b", 1]);
});

describe("goes on", () => {
  const goesOn: Readonly<Record<string, Job>> = {
    "as it was": JOB,
    "with another layout of a query": withQuery("minutes", `-- candles\n${MINUTES.replaceAll(",", "  ,\n")}`),
    "with a query that keeps nothing more": withQuery("dear", "SELECT * FROM ticks WHERE price > 6"),
    "with another watermark and batch time": { ...withTicks({ watermark: "2s" }), batch: "5s" },
    "without a query": without("live"),
    "with sinks in another order, and one more": {
      ...JOB,
      sinks: [{ from: "clean", to: "file:clean.ndjson" }, ...JOB.sinks.toReversed()],
    },
  };
  for (const [name, job] of Object.entries(goesOn))
    test(name, async () => {
      await run(job, { last: true });
      expect(rowsIn("minutes.ndjson")).toEqual([
        minute("30", "a", { n: 2, high: 9 }),
        minute("30", "b", { n: 1, high: 7 }),
        minute("31", "b", { n: 1, high: 1 }),
      ]);
    });

  test("with another HAVING and select list over the same aggregates", async () => {
    const changed = `SELECT symbol, window_start, count(*) * 10 AS tens, max(price) + 1 AS more
      FROM tumble(clean, ts, INTERVAL 1 MINUTE) GROUP BY ALL HAVING count(*) > 1`;
    await run(withQuery("minutes", changed), { last: true });
    expect(rowsIn("minutes.ndjson")).toEqual([minute("30", "a", { tens: 20, more: 10 })]);
  });

  test("in update mode with another select list, whose whole answer is given out once more", async () => {
    await run(JOB);
    const before = rowsIn("live.ndjson").length;
    const sql = "SELECT symbol, count(*) * 10 AS n FROM ticks GROUP BY symbol";
    await run(withQuery("live", { mode: "update", sql }), { last: true });
    expect(rowsIn("live.ndjson").slice(before)).toMatchObject([
      { symbol: "a", n: 20, _op: "upsert" },
      { symbol: "b", n: 20, _op: "upsert" },
    ]);
    await run(withQuery("live", { mode: "update", sql }));
    expect(rowsIn("live.ndjson").length).toBe(before + 2);
  });

  test("and the state of a query that is gone is dropped", async () => {
    await run(without("live"));
    expect(JSON.stringify(await contents(), bigintText)).not.toContain("state_live");
  });

  test("and a sink that was left out for a while goes on where it was", async () => {
    const before = rowsIn("live.ndjson");
    await run({ ...JOB, sinks: JOB.sinks.slice(0, 1) });
    await run(JOB, { last: true });
    // The changes of meanwhile went to nobody.
    expect(rowsIn("live.ndjson")).toEqual(before);
  });

  test("and sinks that an older checkpoint names by their place go on", async () => {
    await run(JOB);
    const database = await openDatabase({ threads: 1 });
    await database.run(sql`ATTACH ${path.join(folder, "state/checkpoint.duckdb")} AS c;
      UPDATE c.progress SET json = replace(replace(json, 'file:minutes.ndjson', 'minutes/file/0'),
        'file:live.ndjson', 'live/file/1')`);
    database.close();
    const [first] = rowsIn("minutes.ndjson");
    await run({ ...JOB, sinks: JOB.sinks.toReversed() }, { last: true });
    expect(rowsIn("minutes.ndjson").length).toBe(3);
    expect(rowsIn("minutes.ndjson")[0]).toEqual(first);
    expect(JSON.stringify(await contents(), bigintText)).not.toContain("/file/0");
  });
});

describe("is refused, with nothing changed", () => {
  const refused: readonly (readonly [what: string, job: Job, ...words: string[]])[] = [
    [
      "windows from another origin",
      withQuery("minutes", MINUTES.replace("MINUTE)", "MINUTE, origin := TIMESTAMP '2026-01-01 00:00:30')")),
      "query minutes",
      "origin",
    ],
    [
      "another aggregate",
      withQuery("minutes", MINUTES.replace("max", "min")),
      "queries.minutes: the checkpoint does not fit this job",
      "minutes: its state is of another plan",
      "was: SELECT symbol, window_start, count_star() AS n, max(price)",
      "is:  SELECT symbol, window_start, count_star() AS n, min(price)",
      "--reset minutes",
    ],
    [
      "another stream with the same columns",
      withQuery("minutes", MINUTES.replace("clean", "ticks")),
      "query minutes, what it reads\n      was: clean\n      is:  ticks",
    ],
    [
      "another mode",
      withQuery("live", { mode: "complete", sql: "SELECT symbol, count(*) AS n FROM ticks GROUP BY symbol" }),
      "query live, mode\n      was: update\n      is:  complete",
    ],
    [
      "other groups that are let through, in update mode",
      withQuery("live", {
        mode: "update",
        sql: "SELECT symbol, count(*) AS n FROM ticks GROUP BY symbol HAVING count(*) > 1",
      }),
      "query live, what it lets through\n      was: every group\n      is:  (count_star() > 1)",
    ],
    ["another window", withQuery("minutes", MINUTES.replace("1 MINUTE", "2 MINUTES")), "--reset minutes"],
    [
      "another query upstream",
      withQuery("clean", "SELECT * FROM ticks WHERE price > 1"),
      "minutes: its state is of another plan\n    query clean\n",
      "      was: SELECT * FROM ticks WHERE (price > 0)\n",
    ],
    [
      "another column of a source",
      withTicks({ schema: { ...TICKS.schema, price: "DOUBLE" } }),
      "source ticks, columns\n      was: ts TIMESTAMP, symbol VARCHAR, price BIGINT\n      is:  ts",
      "--reset live --reset minutes",
    ],
    ["another projection of a source", withTicks({ select: "* REPLACE (-price AS price)" }), "ticks, select"],
    ["another format of a source", withTicks({ format: "csv" }), "ticks, format"],
    [
      "another layout of a source's lines",
      withTicks({ delimiter: ";" }),
      "source ticks, layout\n      was: log_format: -, delimiter: -\n      is:  log_format: -, delimiter: ;",
    ],
    [
      "a new query with state",
      withQuery("sums", "SELECT sum(price) AS sum FROM ticks"),
      "sums: it keeps state and is new here: it would begin in the middle of its input",
      "--reset sums",
    ],
    [
      "another kind of source",
      withTicks({ from: { simulate: { kind: "quotes", count: 5 } } }),
      "sources.ticks:",
      "source ticks, kind\n      was: files\n      is:  simulate",
      "give the source another name",
    ],
  ];
  for (const [what, job, ...words] of refused)
    test(what, async () => {
      const message = await refusal(job);
      for (const word of words) expect(message).toContain(word);
      await run(JOB, { last: true });
      expect(rowsIn("minutes.ndjson").length).toBe(3);
    });

  test("two sinks that write to the same file", async () => {
    const twice = { ...JOB, sinks: [...JOB.sinks, { from: "clean", to: "file:./live.ndjson" }] };
    expect(await refusal(twice)).toContain("sinks.2: sinks.1 writes to the same place");
  });
});

describe("--reset", () => {
  test("begins a changed query anew from here on, and leaves the others", async () => {
    const job = withQuery("minutes", MINUTES.replace("max", "min"));
    await run(job, { resets: ["minutes"], last: true });
    expect(rowsIn("minutes.ndjson")).toEqual([
      minute("30", "a", { n: 1, high: 9 }),
      minute("31", "b", { n: 1, high: 1 }),
    ]);
    expect(rowsIn("live.ndjson").slice(-2)).toMatchObject([
      { symbol: "a", n: 2 },
      { symbol: "b", n: 2 },
    ]);
  });

  test("lets a new query with state begin in the middle", async () => {
    const job = withQuery("sums", "SELECT sum(price)::BIGINT AS sum FROM ticks");
    await run(
      { ...job, sinks: [{ from: "sums", to: "file:sums.ndjson" }] },
      { resets: ["sums"], last: true },
    );
    expect(rowsIn("sums.ndjson")).toEqual([{ sum: 10 }]);
  });

  test("of what is no query is a wrong use", async () => {
    const error = await run(JOB, { resets: ["minuts"] }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "usage" });
    expect(String(error)).toContain('found "minuts", expected one of clean, live, minutes');
  });
});

test("a checkpoint without a commit keeps nothing, and takes any plan", async () => {
  for (const name of ["state", "in", ...readdirSync(folder).filter((found) => found.endsWith(".ndjson"))])
    rmSync(path.join(folder, name), { recursive: true });
  mkdirSync(path.join(folder, "in"));
  await run(JOB);
  expect(existsSync(path.join(folder, "state/plan.json"))).toBe(false);
  add(["30:10", "a", 5]);
  await run(withQuery("minutes", MINUTES.replace("max(price)", "min(ts)")), { last: true });
  expect(rowsIn("minutes.ndjson").length).toBe(1);
});

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
