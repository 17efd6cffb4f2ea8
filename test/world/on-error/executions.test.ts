/** Every execution of a query puts aside what fails, whatever way its input is cut. */

import { describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/base/clock.ts";
import { verifyJob } from "../../../src/verify/verify.ts";
import { emptyFolder } from "../../support/binary.ts";
import { jobIn } from "../../verify/job.ts";
import { type Left, type Line, leftBy, linesText } from "./running.ts";

const MINUTE = "tumble(t, ts, INTERVAL 1 MINUTE)";

/** Three minutes; `v` is a number but in every seventh row. */
const LINES: readonly Line[] = Array.from({ length: 24 }, (_, n) => ({
  ts: new Date(Date.UTC(2026, 0, 5, 10, Math.floor(n / 8), n % 8)).toISOString(),
  k: ["A", "B", "C"][n % 3] ?? "",
  v: n % 7 === 3 ? `x${n}` : String(n),
  n,
}));
const BAD = LINES.filter(({ v }) => v.startsWith("x"));
const GOOD = LINES.filter(({ v }) => !v.startsWith("x"));

const QUERIES = {
  stateless: "SELECT n, v::INT AS v FROM t",
  filtered: "SELECT n FROM t WHERE v::INT % 2 = 0",
  joined: "SELECT n, name FROM t JOIN names ON t.v::INT % 3 = names.id",
  chained: "SELECT n, v + 1 AS w FROM stateless",
  viewed: "SELECT n, v::INT AS v FROM passing",
  passing: "SELECT * FROM t WHERE n >= 0",
  both: "SELECT n, v::INT AS v FROM t UNION ALL SELECT -n, v::INT FROM t WHERE n < 30",
  nested: "WITH c AS (SELECT n, v::INT AS v FROM t) SELECT n, v FROM c WHERE v > 10",
  aggregate: `SELECT window_start, k, sum(v::INT) AS s, count(*) AS c, first(n) AS f
    FROM ${MINUTE} GROUP BY ALL`,
  keyed: `SELECT window_start, v::INT % 2 AS odd, count(*) AS c FROM ${MINUTE} GROUP BY ALL`,
  listed: `SELECT window_start, list(v::INT ORDER BY n) AS l FROM ${MINUTE} GROUP BY ALL`,
  ranked: `SELECT window_start, n FROM ${MINUTE}
    QUALIFY row_number() OVER (PARTITION BY window_start ORDER BY v::INT DESC) = 1`,
  hopping: `SELECT window_start, list(v::INT ORDER BY n) AS l
    FROM hop(t, ts, INTERVAL 30 SECOND, INTERVAL 1 MINUTE) GROUP BY ALL`,
  sessions: `SELECT k, window_start, list(v::INT ORDER BY n) AS l
    FROM session(t, ts, INTERVAL 10 SECOND, k) GROUP BY ALL`,
  distinct: "SELECT DISTINCT v::INT % 5 AS m FROM t",
  first: "SELECT k, v::INT AS v FROM t QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts) = 1",
  met: `SELECT a.n AS a, b.n AS b FROM t AS a JOIN t AS b
    ON a.v::INT = b.v::INT + 3 AND b.ts BETWEEN a.ts - INTERVAL 10 SECOND AND a.ts`,
  windows: `SELECT a.window_start, a.n AS a, b.n AS b FROM ${MINUTE} AS a JOIN ${MINUTE} AS b
    ON a.window_start = b.window_start AND a.v::INT = b.v::INT + 1`,
  latest: { sql: "SELECT k, max(v::INT) AS m, count(*) AS c FROM t GROUP BY k", mode: "update" },
  again: { sql: "SELECT k, list(v::INT ORDER BY n) AS l FROM t GROUP BY k", mode: "update" },
  top: { sql: "SELECT n, v::INT AS v FROM t ORDER BY v::INT DESC LIMIT 3", mode: "complete", key: ["n"] },
  whole: { sql: "SELECT sum(v::INT) AS s FROM t", state: "unbounded" },
} as const;

const YAML = JSON.stringify({
  sources: {
    t: {
      from: "file:in.ndjson",
      schema: { ts: "TIMESTAMP", k: "VARCHAR", v: "VARCHAR", n: "BIGINT" },
      watermark: "1m",
    },
  },
  tables: { names: { from: "file:names.csv" } },
  queries: QUERIES,
});
const FILES = { "in.ndjson": linesText(LINES), "names.csv": "id,name\n0,zero\n1,one\n" };

/** The rows that queries put aside, by query: the `n` of each, as often as it was. */
function asideOf({ letters }: Left, query: string): readonly number[] {
  return letters
    .filter((letter) => letter.query === query)
    .map(({ line }) => (JSON.parse(line) as Line).n)
    .toSorted((a, b) => a - b);
}

const numbers = (lines: readonly Line[]): readonly number[] => lines.map(({ n }) => n);

for (const [name, way] of Object.entries({
  "in one batch": {},
  "row by row, over a checkpoint": { bytes: 90, kept: true },
}))
  describe(name, () => {
    let left: Left | undefined;
    const run = async (): Promise<Left> => {
      left ??= await leftBy(YAML, FILES, way);
      return left;
    };

    test("each bad row is put aside once, of each query that fails on it", async () => {
      const found = await run();
      const unread = new Set(["passing", "chained"]);
      // Of a key's later rows the value is looked at or not.
      for (const query of Object.keys(QUERIES).filter((one) => one !== "first")) {
        const expected = unread.has(query) ? [] : numbers(BAD);
        expect({ query, aside: asideOf(found, query) }).toEqual({ query, aside: expected });
      }
      expect(found.letters.every(({ source }) => source === "t")).toBe(true);
    }, 240_000);

    test("the others are in the answers", async () => {
      const { rows } = await run();
      expect(rows["stateless"]).toEqual(GOOD.map(({ n, v }) => ({ n, v: Number(v) })));
      expect(rows["viewed"]).toEqual(GOOD.map(({ n, v }) => ({ n, v: Number(v) })));
      expect(rows["chained"]).toEqual(GOOD.map(({ n, v }) => ({ n, w: Number(v) + 1 })));
      const first = rows["first"] as readonly { readonly k: string }[];
      expect(first.toSorted((a, b) => (a.k < b.k ? -1 : 1))).toEqual(
        GOOD.slice(0, 3).map(({ k, n }) => ({ k, v: n })),
      );
      expect(rows["passing"]).toHaveLength(LINES.length);
      const listed = rows["listed"] as readonly { readonly window_start: string }[];
      expect(listed.toSorted((a, b) => (a.window_start < b.window_start ? -1 : 1))).toEqual(
        [0, 1, 2].map((minute) => ({
          window_start: `2026-01-05T10:0${minute}:00.000Z`,
          l: numbers(GOOD).filter((n) => Math.floor(n / 8) === minute),
        })),
      );
      expect(rows["whole"]).toEqual([{ s: numbers(GOOD).reduce((a, b) => a + b) }]);
    }, 240_000);
  });

test("the rows are those of the batch without what was put aside", async () => {
  using folder = emptyFolder();
  const job = jobIn(folder.path, YAML, FILES);
  const stop = new AbortController().signal;
  const found = await verifyJob(job, { clock: systemClock, stop, seed: 7, cuts: 1, startMs: 0 });
  const differing = found?.queries.filter(({ difference, fault }) => (difference ?? fault) !== undefined);
  expect(differing).toEqual([]);
  expect(found?.queries.find(({ query }) => query === "listed")?.putAside).toBe(BAD.length);
}, 240_000);
