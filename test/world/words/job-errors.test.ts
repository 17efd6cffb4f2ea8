/**
 * What is wrong with the SQL of a job: the line in the file, in words of the user's, and all of it at once.
 */

import { describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/base/clock.ts";
import { messageOf } from "../../../src/base/error.ts";
import { wholeJobSchema } from "../../../src/commands/load-job.ts";
import { explainJob } from "../../../src/engine/explain.ts";
import { loadJobText } from "../../../src/job/load.ts";

async function refusalOf(yaml: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  try {
    const job = loadJobText(yaml, "job.yaml", wholeJobSchema(), { env, overrides: [] });
    await explainJob(job, { clock: systemClock, freshSeed: () => 1 });
    return "";
  } catch (error) {
    return messageOf(error);
  }
}

const SOURCES = `sources:
  t: { from: "-", schema: { ts: TIMESTAMP, price: DOUBLE, symbol: VARCHAR } }
`;

describe("an error in a query's SQL names its line and column", () => {
  const cases: Readonly<Record<string, readonly [queries: string, place: string, says: string]>> = {
    "in one line": ["  q: SELECT prize FROM t", "4:13: queries.q: ", '"prize" not found'],
    "in quotes": [
      '  q: "SELECT \\"price\\", prize FROM t"',
      "4:25: queries.q: ",
      'Candidate bindings: "price"',
    ],
    "in single quotes": ["  q: 'SELECT ''a'', prize FROM t'", "4:21: queries.q: ", '"prize" not found'],
    "in a block": [
      "  q: |\n    -- prize\n    SELECT symbol,\n           prize\n    FROM t",
      "7:12: queries.q: ",
      '"prize" not found',
    ],
    "in a block of a mapping": [
      "  q:\n    mode: append\n    sql: |\n      SELECT symbol\n      FROM t WHERE maxx(price) > 1",
      "8:20: queries.q.sql: ",
      'Did you mean "max"',
    ],
    "in folded lines": [
      "  q: >-\n    SELECT symbol\n    FROM t\n    WHERE prize > 1",
      "7:11: queries.q: ",
      '"prize" not found',
    ],
    "in a text over lines": [
      "  q: SELECT symbol\n    FROM t WHERE prize > 1",
      "5:18: queries.q: ",
      '"prize" not found',
    ],
    "that does not parse": [
      "  q: |\n    SELECT symbol\n    FROM t WERE x",
      "6:17: queries.q: ",
      "syntax error",
    ],
    "with letters beyond ASCII before it": [
      "  q: SELECT 'größer → 10' AS \"é\", prize FROM t",
      "4:35: queries.q: ",
      '"prize" not found',
    ],
    "of the second of two same words": [
      "  q: SELECT price AS prize FROM t WHERE prize.x > 1",
      "4:41: queries.q: ",
      "prize",
    ],
  };
  for (const [name, [queries, place, says]] of Object.entries(cases))
    test(name, async () => {
      const message = await refusalOf(`${SOURCES}queries:\n${queries}\n`);
      expect(message).toStartWith(`job.yaml:${place}`);
      expect(message).toContain(says);
      expect(message).not.toMatch(/LINE \d|DESCRIBE|"_|Binder Error|!;/);
    });
});

test("what is no single SELECT is told in words", async () => {
  const found: Readonly<Record<string, string>> = {
    "UPDATE t SET price = 1": "4:6: queries.q: a query is one SELECT, found UPDATE",
    "/* old */ DELETE FROM t": "4:16: queries.q: a query is one SELECT, found DELETE",
    "CREATE TABLE x AS FROM t": "4:6: queries.q: a query is one SELECT, found CREATE",
    "DESCRIBE t": "4:6: queries.q: a query is one SELECT, found DESCRIBE",
    "SELECT 1; SELECT 2": "4:3: queries.q: a query is one SELECT, found 2 statements",
    "PIVOT t ON symbol USING sum(price)": "4:6: queries.q: PIVOT takes its columns from the rows",
    '"-- nothing"': "4:3: queries.q: a query is one SELECT, and this holds no statement",
  };
  for (const [sql, message] of Object.entries(found))
    expect(await refusalOf(`${SOURCES}queries:\n  q: ${sql}\n`)).toStartWith(`job.yaml:${message}`);
});

test("everything that is wrong is told at once, in the order of the file, and nothing twice", async () => {
  const message = await refusalOf(`sources:
  bad: { from: "-", schema: { a: DUOBLE } }
  late: { from: "-", schema: { a: INTEGER }, time: at }
  t: { from: "-", schema: { a: INTEGER } }
queries:
  one: SELECT b FROM t
  after: SELECT * FROM one
  of_bad: SELECT anything FROM bad
  two: SELECT a FORM t
  fine: SELECT a FROM t
sinks:
  - { from: one, to: "ftp:x" }
  - { from: nobody, to: "file:x" }
  - { from: fine }
`);
  const lines = message.split("\n");
  expect(lines[0]).toBe("7 errors in the job:");
  expect(lines.slice(1).map((line) => /^ {2}job\.yaml:(\d+):\d+: ([\w.]+): /.exec(line)?.slice(1))).toEqual([
    ["2", "sources.bad.schema.a"],
    ["3", "sources.late"],
    ["6", "queries.one"],
    ["9", "queries.two"],
    ["12", "sinks.0.to"],
    ["13", "sinks.1.from"],
    ["14", "sinks.2"],
  ]);
});

test("all keys and values that are wrong are told at once", async () => {
  const message = await refusalOf(`nam: x
batch: 5
sources:
  t: { form: "-", schema: { a: INTEGER }, watermark: soon, rate: -1 }
queries:
  q: { sql: "SELECT a FROM t", mode: upsert, keys: [a] }
`);
  const places = message
    .split("\n")
    .slice(1)
    .map((line) => /: ([\w.]+): /.exec(line)?.[1]);
  expect(places).toEqual([
    "nam",
    "batch",
    "sources.t.watermark",
    "sources.t.rate",
    "sources.t.form",
    "queries.q.mode",
    "queries.q.keys",
  ]);
});

describe("what YAML makes of SQL is explained", () => {
  test("a colon", async () => {
    const message = await refusalOf(`${SOURCES}queries:\n  q: SELECT symbol FROM t WHERE symbol = 'a: b'\n`);
    expect(message).toStartWith("job.yaml:4:");
    expect(message).toContain('in lines of its own below "|", or in quotes');
  });

  test("a number sign", async () => {
    const message = await refusalOf(
      `${SOURCES}queries:\n  q: SELECT symbol FROM t WHERE symbol IN ('a', # b\n`,
    );
    expect(message).toContain('to YAML the text ends before " #"');
  });
});

test("variables fill numbers and booleans, and are checked", async () => {
  const job = (rate: string): string => `name: my-job.v2
sources:
  t: { from: "tail:x", schema: { a: INTEGER }, rate: "\${RATE}", watermark: "\${WATERMARK:-5s}" }
sinks:
  - from: t
    parquet: { table: t, add_columns: "\${ADD}", roll: { rows: "\${ROWS:-10}" }, metastore: "thrift://h:1" }
${rate}`;
  expect(await refusalOf(job(""), { RATE: "1000", ADD: "true" })).toBe("");
  expect(await refusalOf(job(""), { RATE: "1e3", ADD: "no" })).toContain(
    'sinks.0.parquet.add_columns: true or false is expected, found "${ADD}"',
  );
  const wrong = await refusalOf(job(""), { RATE: "many", ADD: "false", ROWS: "0.5" });
  expect(wrong).toContain('sources.t.rate: a number is expected, found "${RATE}"');
  expect(wrong).toContain("sinks.0.parquet.roll.rows: ");
  expect(wrong).not.toContain("many");
});

test("a job's name may have dashes and dots", async () => {
  const named = (name: string): Promise<string> => refusalOf(`name: ${name}\n${SOURCES}`);
  for (const name of ["my-job", "a.b", "v1.2-rc", "A_b"])
    expect({ name, says: await named(name) }).toEqual({ name, says: "" });
  for (const name of ['"-a"', "a/b", '"a b"', "job.3", '"a."'])
    expect(await named(name)).toContain("name: a name ");
});
