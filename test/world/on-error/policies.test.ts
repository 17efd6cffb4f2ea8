/** `on_error: stop` and `null`, many bad rows, and changes of mind over a checkpoint. */

import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../../support/binary.ts";
import { streamkit } from "../../support/running.ts";
import { type Line, leftBy, linesText } from "./running.ts";

const MINUTE = "tumble(t, ts, INTERVAL 1 MINUTE)";
const line = (n: number, v: string, k = "A"): Line => ({ ts: `2026-01-05T10:00:0${n}Z`, k, v, n });
const LINES = [line(1, "1"), line(2, "n/a"), line(3, "3")];

function jobOf(queries: Readonly<Record<string, unknown>>): string {
  const schema = { ts: "TIMESTAMP", k: "VARCHAR", v: "VARCHAR", n: "BIGINT" };
  return JSON.stringify({ sources: { t: { from: "file:in.ndjson", schema } }, queries });
}

const withPolicy = (sql: string, policy: string | null): unknown => ({ sql, on_error: policy });

test("null: what fails is NULL, in every place of a query", async () => {
  const yaml = jobOf({
    listed: withPolicy(
      "SELECT n, v::INT AS v, v::INT + 1 AS w, regexp_matches('a', v || '(') AS r FROM t",
      null,
    ),
    unnamed: withPolicy("SELECT v::INT FROM t", null),
    where: withPolicy("SELECT n FROM t WHERE v::INT IS NULL OR v::INT > 1", null),
    summed: withPolicy(
      `SELECT window_start, sum(v::INT) AS s, sum(v::INT * 2) AS d, count(*) AS c
        FROM ${MINUTE} GROUP BY ALL`,
      null,
    ),
    keyed: withPolicy(`SELECT window_start, v::INT AS v, count(*) AS c FROM ${MINUTE} GROUP BY ALL`, null),
    kept: withPolicy(`SELECT window_start, list(v::INT ORDER BY n) AS l FROM ${MINUTE} GROUP BY ALL`, "null"),
    nested: withPolicy("WITH c AS (SELECT n, v::INT AS v FROM t) SELECT n, v * 2 AS v FROM c", null),
    groups: withPolicy(
      `SELECT window_start, n, (n * 100)::TINYINT AS x, sum(n * 100)::TINYINT AS s
        FROM ${MINUTE} GROUP BY ALL`,
      null,
    ),
  });
  const { rows, letters } = await leftBy(yaml, { "in.ndjson": linesText(LINES) }, { bytes: 70 });
  expect(rows["listed"]).toEqual([
    { n: 1, v: 1, w: 2, r: null },
    { n: 2, v: null, w: null, r: null },
    { n: 3, v: 3, w: 4, r: null },
  ]);
  expect(rows["unnamed"]).toEqual([1, null, 3].map((value) => ({ "CAST(v AS INTEGER)": value })));
  expect(rows["where"]).toEqual([{ n: 2 }, { n: 3 }]);
  expect(rows["summed"]).toMatchObject([{ s: 4, d: 8, c: 3 }]);
  expect(rows["keyed"]).toHaveLength(3);
  expect(rows["keyed"]).toContainEqual({ window_start: "2026-01-05T10:00:00.000Z", v: null, c: 1 });
  expect(rows["kept"]).toMatchObject([{ l: [1, null, 3] }]);
  expect(rows["nested"]).toEqual([
    { n: 1, v: 2 },
    { n: 2, v: null },
    { n: 3, v: 6 },
  ]);
  expect(rows["groups"]).toHaveLength(3);
  expect(rows["groups"]).toContainEqual({ window_start: "2026-01-05T10:00:00.000Z", n: 2, x: null, s: null });
  expect(letters).toEqual([]);
}, 120_000);

describe("many bad rows of a batch are each put aside, with no good one among them", () => {
  const many = Array.from({ length: 20_000 }, (_, n) => ({
    ts: new Date(Date.UTC(2026, 0, 5, 10, 0, n % 60)).toISOString(),
    k: "A",
    v: n % 3 === 0 ? String(n) : `x${n}`,
    n,
  }));
  const files = { "in.ndjson": linesText(many) };
  const queries: Readonly<Record<string, string>> = {
    stateless: "SELECT n, v::INT AS v FROM t",
    nested: "WITH c AS (SELECT n, v::INT AS v FROM t) SELECT n, v + 1 AS w FROM c WHERE n >= 0",
    united: "SELECT n, v::INT AS v FROM t UNION ALL SELECT n, v::INT FROM t",
    aggregate: `SELECT window_start, count(v::INT) AS c FROM ${MINUTE} GROUP BY ALL`,
    listed: `SELECT window_start, len(list(v::INT)) AS c FROM ${MINUTE} GROUP BY ALL`,
    distinct: "SELECT DISTINCT v::INT AS v FROM t",
  };
  for (const [name, sql] of Object.entries(queries))
    test(name, async () => {
      const { rows, letters } = await leftBy(jobOf({ [name]: sql }), files);
      const bad = many.filter(({ v }) => v.startsWith("x"));
      expect(letters).toHaveLength(bad.length);
      const values = new Set(letters.map(({ line: text }) => (JSON.parse(text) as Line).v));
      expect(bad.every(({ v }) => values.has(v))).toBe(true);
      const good = many.length - bad.length;
      const counted = rows[name] as readonly { readonly c?: number }[];
      if (counted[0]?.c === undefined) expect(counted).toHaveLength(name === "united" ? 2 * good : good);
      else expect(counted).toMatchObject([{ c: good }]);
    }, 120_000);
});

test("lines that the source's select fails on are dead letters too, however many they are", async () => {
  const many = Array.from({ length: 6000 }, (_, n) => ({
    ts: "2026-01-05T10:00:00Z",
    k: "A",
    v: n % 4 === 0 ? String(n) : `x${n}`,
    n,
  }));
  const schema = { ts: "TIMESTAMP", k: "VARCHAR", v: "VARCHAR", n: "BIGINT" };
  const yaml = JSON.stringify({
    sources: { t: { from: "file:in.ndjson", schema, select: "* REPLACE (v::INT AS v), n * 2 AS m" } },
    queries: { q: "SELECT n, v, m FROM t" },
  });
  const { rows, letters } = await leftBy(yaml, { "in.ndjson": linesText(many) });
  expect(rows["q"]).toEqual(
    many.filter(({ n }) => n % 4 === 0).map(({ n, v }) => ({ n, v: Number(v), m: 2 * n })),
  );
  expect(letters).toHaveLength(4500);
  expect(letters[0]).toMatchObject({ query: null, source: "t", line: linesText(many.slice(1, 2)).trimEnd() });
  expect(letters.every(({ reason }) => reason.includes("Could not convert string 'x"))).toBe(true);
}, 120_000);

test("on_error may be changed over a checkpoint, also of a query with state", async () => {
  using folder = emptyFolder();
  const job = (policy: string): string => `
sources:
  t: { from: "tail:*.ndjson", watermark: 1h, schema: { ts: TIMESTAMP, k: VARCHAR, v: VARCHAR, n: BIGINT } }
queries:
  s:
    on_error: ${policy}
    sql: SELECT window_start, sum(v::INT * 2) AS s, list(n) AS l FROM ${MINUTE} GROUP BY ALL
  m:
    on_error: ${policy}
    sql: SELECT window_start, sum(v::INT) AS s, count(*) AS c FROM ${MINUTE} GROUP BY ALL
sinks: [{ from: m, to: "file:out.txt" }]
`;
  const run = async (policy: string, file: string, ...flags: string[]): Promise<number> => {
    writeFileSync(join(folder.path, file), linesText(LINES));
    writeFileSync(join(folder.path, "job.yaml"), job(policy));
    const args = ["process", "job.yaml", "--checkpoint", "state", ...flags];
    const { code, stderr } = await streamkit(args, { cwd: folder.path });
    if (code !== 0) throw new Error(stderr);
    return code;
  };
  await run("dead_letter", "1.ndjson", "--available-now");
  await run("null", "2.ndjson", "--available-now");
  await run("stop", "2.ndjson", "--available-now");
  await run("dead_letter", "3.ndjson", "--once");
  // Of the first and the third file the bad row is put aside; of the second it counts, and its value is NULL.
  expect(JSON.parse(readFileSync(join(folder.path, "out.txt"), "utf8"))).toMatchObject({ s: 12, c: 7 });
}, 120_000);

describe("stop", () => {
  const job = (policy: string): string =>
    `sources: { t: { from: "file:in.ndjson", schema: { ts: TIMESTAMP, k: VARCHAR, v: VARCHAR, n: BIGINT } } }
queries:
  up: SELECT * FROM t WHERE n > 0
  cast: { on_error: ${policy}, sql: "SELECT n, v::INT AS v FROM up" }
sinks: [{ from: cast, to: "file:out.ndjson" }]
`;

  test("ends the job with query, batch, row, its place and the ways out; then goes on", async () => {
    using folder = emptyFolder();
    writeFileSync(join(folder.path, "in.ndjson"), linesText(LINES));
    writeFileSync(join(folder.path, "job.yaml"), job("stop"));
    const run = () =>
      streamkit(["process", "job.yaml", "--once", "--checkpoint", "state"], { cwd: folder.path });
    for (const start of ["first", "second"]) {
      const { code, stderr } = await run();
      expect({ start, code }).toEqual({ start, code: 1 });
      expect(stderr).toContain("Query cast fails in batch 1: Could not convert string 'n/a' to INTEGER");
      expect(stderr).toContain('The row of t (in.ndjson, byte 52): {"ts":"2026-01-05T10:00:02.000Z"');
      expect(stderr).toContain("on_error: dead_letter");
      expect(stderr).not.toMatch(/LINE \d|"_|CREATE|Conversion Error/);
    }
    writeFileSync(join(folder.path, "job.yaml"), job("dead_letter"));
    const { code, stderr } = await run();
    expect(code).toBe(0);
    expect(stderr).toContain("cast: 1 row was put aside: Could not convert string 'n/a' to INTEGER");
    expect(readFileSync(join(folder.path, "out.ndjson"), "utf8")).toBe('{"n":1,"v":1}\n{"n":3,"v":3}\n');
  }, 120_000);
});
