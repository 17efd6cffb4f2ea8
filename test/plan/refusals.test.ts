/**
 * What this version can't answer rightly is refused, with the reason and a way out: never answered wrongly.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { systemClock } from "../../src/base/clock.ts";
import { StreamkitError } from "../../src/base/error.ts";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { planJob } from "../../src/engine/prepare.ts";
import { loadJobText } from "../../src/job/load.ts";
import { REFUSED, T } from "./refused-queries.ts";

let database: Database;
let folder: string;
beforeAll(async () => {
  database = await openDatabase({ threads: 1 });
  folder = mkdtempSync(path.join(tmpdir(), "streamkit-refusals-"));
  writeFileSync(path.join(folder, "companies.csv"), "sym,name,rank\na,Alpha,1\n");
});
afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

type Queries = Readonly<Record<string, string | { readonly sql: string; readonly mode: string }>>;

async function refusalOf(queries: Queries): Promise<string> {
  const source = {
    from: "file:ticks.ndjson",
    schema: { ts: "TIMESTAMP", k: "VARCHAR", price: "DOUBLE", s: "STRUCT(window_start INTEGER)" },
  };
  const text = stringify({
    sources: { ticks: source, others: source },
    tables: { companies: { from: "file:companies.csv" } },
    queries,
  });
  const job = loadJobText(text, path.join(folder, "job.yaml"), wholeJobSchema(), { env: {}, overrides: [] });
  try {
    await planJob(job, database, { clock: systemClock }, new Map());
    return "taken";
  } catch (error) {
    if (error instanceof StreamkitError && error.code === "job") return error.message;
    throw error;
  }
}

describe("refused", () => {
  for (const [sql, reason, remedy] of REFUSED)
    test(sql, async () => {
      const message = await refusalOf({ q: sql });
      expect(message).toMatch(/job\.yaml:\d+:\d+: queries\.q: /);
      expect(message).toMatch(reason);
      expect(message).toMatch(remedy);
    });

  const MINUTES = `SELECT k, window_start, count(*) AS c FROM ${T} GROUP BY ALL`;
  const JOBS: readonly (readonly [why: string, queries: Queries, reason: RegExp])[] = [
    [
      "reading rows that change",
      { a: { sql: MINUTES, mode: "update" }, b: "SELECT * FROM a" },
      /rows change/,
    ],
    [
      "update mode without an aggregation",
      { q: { sql: "SELECT k FROM ticks", mode: "update" } },
      /needs an aggregation/,
    ],
    [
      "update mode without a name for its rows",
      { q: { sql: "SELECT k, price FROM ticks ORDER BY price LIMIT 3", mode: "update" } },
      /key: \[column/,
    ],
    [
      "update mode without its keys",
      { q: { sql: "SELECT count(*) FROM ticks GROUP BY k", mode: "update" } },
      /not selected/,
    ],
    [
      "update mode with several rows of a group",
      { q: { sql: "SELECT k, unnest([min(price), max(price)]) AS v FROM ticks GROUP BY k", mode: "update" } },
      /names a row, and unnest makes several of one: say it with key/,
    ],
    [
      "update mode with several rows of a first row",
      {
        q: {
          sql: `SELECT k, unnest([1, price]) AS v FROM ticks
            QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts) = 1`,
          mode: "update",
        },
      },
      /unnest makes several of one/,
    ],
    [
      "update mode with totals that look like the NULL key's",
      { q: { sql: "SELECT k, median(price) AS m FROM ticks GROUP BY ROLLUP (k)", mode: "update" } },
      /a total has NULL where a NULL key has it: select grouping\(…\)/,
    ],
    [
      "update mode with a grouping that does not tell all keys",
      {
        q: {
          sql: "SELECT k, price, grouping(k) AS g, count(*) AS c FROM ticks GROUP BY CUBE (k, price)",
          mode: "update",
        },
      },
      /select grouping\(…\) of all keys/,
    ],
    [
      "update mode with the same grouping set twice",
      {
        q: {
          sql: "SELECT k, grouping(k) AS g, count(*) AS c FROM ticks GROUP BY GROUPING SETS ((k), (k))",
          mode: "update",
        },
      },
      /key: \[column/,
    ],
    ["complete mode over windows", { q: { sql: MINUTES, mode: "complete" } }, /complete mode/],
    [
      "a name that marks a changing row",
      { q: { sql: "SELECT k, count(*) AS _op FROM ticks GROUP BY k", mode: "update" } },
      /"_op".*AS/,
    ],
    [
      "windows over an aggregation of WITH",
      { q: `WITH ticks AS (SELECT ts, count(*) AS c FROM ticks GROUP BY ts) ${MINUTES}` },
      /"ticks" of its WITH/,
    ],
    [
      "sessions over a query of WITH",
      {
        q: `WITH x AS (SELECT * FROM ticks WHERE price > 1) SELECT k, window_end, count(*) AS c
          FROM session(x, ts, INTERVAL 5 SECOND, k) GROUP BY ALL`,
      },
      /"x" of its WITH/,
    ],
    [
      "an ASOF join by another time",
      {
        q: `SELECT a.k FROM (SELECT k, ts + INTERVAL 1 HOUR AS ts FROM ticks) a
          ASOF JOIN ticks b ON a.k = b.k AND a.ts >= b.ts`,
      },
      /does not look back in event time/,
    ],
    ["a circle", { a: "SELECT * FROM b", b: "SELECT * FROM a" }, /circle/],
    [
      "a window column that is hidden",
      {
        a: MINUTES,
        b: "SELECT window_start, sum(c) FROM tumble(a, window_start, INTERVAL 1 HOUR) GROUP BY ALL",
      },
      /hides/,
    ],
    [
      "a time that was moved",
      {
        a: "SELECT ts - INTERVAL 1 HOUR AS ts FROM ticks",
        b: "SELECT window_start, count(*) FROM tumble(a, ts, INTERVAL 1 MINUTE) GROUP BY ALL",
      },
      /no event-time column/,
    ],
    [
      "a time that was moved inside",
      {
        a: "SELECT ts FROM (SELECT ts - INTERVAL 1 HOUR AS ts FROM ticks)",
        b: "SELECT window_start, count(*) FROM tumble(a, ts, INTERVAL 1 MINUTE) GROUP BY ALL",
      },
      /no event-time column/,
    ],
    [
      "a time that was moved on one side of UNION ALL",
      {
        a: "SELECT ts, k FROM ticks UNION ALL SELECT ts - INTERVAL 1 HOUR, k FROM others",
        b: "SELECT window_start, count(*) FROM tumble(a, ts, INTERVAL 1 MINUTE) GROUP BY ALL",
      },
      /no event-time column/,
    ],
    [
      "a time that one side of UNION ALL BY NAME does not have",
      {
        a: "SELECT ts, k FROM ticks UNION ALL BY NAME SELECT k, price FROM others",
        b: "SELECT window_start, count(*) FROM tumble(a, ts, INTERVAL 1 MINUTE) GROUP BY ALL",
      },
      /no event-time column/,
    ],
    [
      "a time that is a table's",
      {
        a: `SELECT c.ts FROM ticks t JOIN (SELECT TIMESTAMP '2020-01-01' AS ts, sym
          FROM companies) c ON c.sym = t.k`,
        b: "SELECT window_start, count(*) FROM tumble(a, ts, INTERVAL 1 MINUTE) GROUP BY ALL",
      },
      /no event-time column/,
    ],
    ["a column that is not there", { q: "SELECT nothing FROM ticks" }, /nothing/],
  ];
  for (const [why, queries, reason] of JOBS)
    test(why, async () => expect(await refusalOf(queries)).toMatch(reason));
});

test("the same judge takes what is right", async () => {
  expect(await refusalOf({ q: `SELECT window_start, k, count(*) FROM ${T} GROUP BY ALL` })).toBe("taken");
  expect(await refusalOf({ q: "SELECT t.k, c.name FROM ticks t JOIN companies c ON c.sym = t.k" })).toBe(
    "taken",
  );
});
