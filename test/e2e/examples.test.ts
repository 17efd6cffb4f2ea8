/** `test`: the examples inside a job file, right and wrong ones. */

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { streamkit } from "../support/running.ts";

const JOB = `name: market
checkpoint: state
sources:
  ticks:
    from: "-"
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: BIGINT }
    watermark: 2s
  trades:
    { from: "-", format: csv, delimiter: ";", schema: { ts: TIMESTAMP, symbol: VARCHAR, quantity: INTEGER } }
  hits: { from: "-", format: combined }
tables:
  companies: { from: "file:companies.csv" }
queries:
  clean: SELECT ticks.*, company FROM ticks LEFT JOIN companies USING (symbol) WHERE price > 0
  minute: |
    SELECT symbol, window_start, arg_min(price, ts) AS open, sum(price) AS sum, sum(volume) AS volume
    FROM tumble(clean, ts, INTERVAL 1 MINUTE) GROUP BY ALL
  total:
    mode: update
    sql: SELECT symbol, sum(quantity) AS quantity FROM trades GROUP BY ALL HAVING count(*) < 3
  pages: SELECT path, status FROM hits
sinks:
  - { from: minute, to: "file:out/minute.ndjson" }
tests:
`;

const RIGHT = `  - name: candles of two symbols
    input:
      ticks:
        - { ts: 2026-01-05T14:30:01Z, symbol: A, price: 0.1, volume: 5 }
        - { ts: 2026-01-05T14:30:59.5Z, symbol: A, price: 0.2, volume: "9007199254740993" }
        - { ts: 2026-01-05T14:31:00Z, symbol: B, price: 3 }
    expect:
      minute:
        - { symbol: B, window_start: 2026-01-05T14:31:00Z, open: 3.0, sum: 3, volume: null }
        - { symbol: A, window_start: "2026-01-05 14:30:00", open: 0.1, sum: 0.3, volume: "9007199254740998" }
  - name: broken lines are dead letters
    input: { ticks: ["no JSON", '{"ts":"2026-01-05T14:30:01Z","symbol":"A","price":1}', { price: 0 }] }
    expect: { clean: [{ symbol: A, company: One }], dead_letters: [{ line: no JSON, source: ticks }] }
  - name: the table that changes make
    input:
      trades:
        - { ts: 2026-01-05T14:30:01Z, symbol: 'a;"b"', quantity: 2 }
        - { symbol: gone, quantity: 1 }
        - { symbol: gone, quantity: 1 }
        - { symbol: 'a;"b"', quantity: 3 }
        - { symbol: gone, quantity: 1 }
    expect: { total: [{ symbol: 'a;"b"', quantity: 5 }] }
  - name: lines of a log, and a CSV with its header
    input:
      hits: |
        127.0.0.1 - - [05/Jan/2026:14:30:00 +0000] "GET /a HTTP/1.1" 200 12 "-" "x"
        127.0.0.1 - - [05/Jan/2026:14:30:01 +0000] "GET /b HTTP/1.1" 404 12 "-" "x"
      trades: ["symbol;ts;quantity", "A;2026-01-05T14:30:00Z;7"]
    expect:
      pages: [{ path: /b, status: 404 }, { path: /a, status: 200 }]
      total: [{ symbol: A, quantity: 7 }]
      minute: []
  - name: what is late depends on the cut
    batches: [1, 1]
    input:
      ticks:
        - { ts: 2026-01-05T14:31:05Z, symbol: A, price: 1 }
        - { ts: 2026-01-05T14:30:00Z, symbol: A, price: 2 }
    expect: { minute: [{ open: 1 }], late.ticks: [{ price: 2 }] }
  - name: nothing comes of nothing
    expect: { minute: [] }
`;

async function run(tests: string, folder: string) {
  await Bun.write(join(folder, "companies.csv"), "symbol,company\nA,One\n");
  await Bun.write(join(folder, "job.yaml"), JOB + tests);
  return streamkit(["test", "job.yaml"], { cwd: folder });
}

test("examples pass, in one batch and row by row, and nothing else is touched", async () => {
  using folder = emptyFolder();
  const { code, stdout, stderr } = await run(RIGHT, folder.path);
  expect([code, stderr, stdout.match(/FAIL[\s\S]*/)]).toEqual([0, "", null]);
  const names = [...RIGHT.matchAll(/- name: (.*)/g)].map(([, name]) => `ok    ${name}\n`);
  expect(stdout).toBe(`${names.join("")}6 of 6 tests passed\n`);
  expect(readdirSync(folder.path).toSorted()).toEqual(["companies.csv", "job.yaml"]);
});

test("the manual's example passes", async () => {
  using folder = emptyFolder();
  const page = readFileSync(join(import.meta.dirname, "../../src/manual/testing.md"), "utf8");
  const jobs = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, job]) => job ?? "");
  const [job = "", ...others] = jobs.filter((text) => text.includes("\ntests:"));
  expect(others).toEqual([]);
  await Bun.write(join(folder.path, "job.yaml"), job);
  const { code, stdout } = await streamkit(["test", "job.yaml"], { cwd: folder.path });
  expect(stdout).toEndWith("1 of 1 tests passed\n");
  expect(code).toBe(0);
});

test("what differs is shown, with the way it was cut", async () => {
  using folder = emptyFolder();
  const { code, stdout, stderr } = await run(
    `  - name: wrong
    input: { ticks: [{ ts: 2026-01-05T14:30:01Z, symbol: A, price: 1 }] }
    expect: { clean: [{ price: 1, symbol: B }, { price: 1.0000001 }], minute: [] }
  - name: late in one way only
    input: { ticks: [{ ts: 2026-01-05T14:31:05Z, price: 1 }, { ts: 2026-01-05T14:30:00Z, price: 2 }] }
    expect: { minute: [{ open: 1 }, { open: 2 }] }
  - name: right
    input: { ticks: [{ price: 1 }] }
    expect: { clean: [{ price: 1 }] }
`,
    folder.path,
  );
  expect([code, stderr]).toEqual([1, "streamkit: 2 of 3 tests failed\n"]);
  expect(stdout).toBe(`FAIL  wrong
      clean, with all rows in one batch:
        1 row found, 2 expected
        only found:
          {"symbol":"A","price":1}
        only expected:
          {"symbol":"B","price":1}
          {"symbol":null,"price":1.0000001}
      minute, with all rows in one batch:
        1 row found, 0 expected
        only found:
          {"symbol":"A","window_start":"2026-01-05T14:30:00.000Z","open":1,"sum":1,"volume":null}
FAIL  late in one way only
      minute, with each row a batch:
        1 row found, 2 expected
        only expected:
          {"open":2}
        1 row came late, behind the watermark: batches: says how the input is cut
ok    right
`);
});

describe("faults of an example are told at their place", () => {
  const INPUT = "input: { ticks: [{ price: 1 }] }";
  for (const { name, example, says } of [
    {
      name: "an unknown source",
      example: "{ name: x, input: { tick: [] }, expect: {} }",
      says: 'job.yaml:25:25: tests.0.input.tick: there is no source "tick": found ticks, trades, hits',
    },
    {
      name: "an unknown query",
      example: `{ name: x, ${INPUT}, expect: { minut: [] } }`,
      says: 'job.yaml:25:60: tests.0.expect.minut: nothing is called "minut": found ticks, trades, ',
    },
    {
      name: "an unknown column",
      example: `{ name: x, ${INPUT}, expect: { clean: [{ price: 1 }, { prize: 1 }] } }`,
      says: 'job.yaml:25:84: tests.0.expect.clean.1.prize: clean has no column "prize": found ts, symbol, ',
    },
    {
      name: "a value that is none of its column",
      example: `{ name: x, ${INPUT}, expect: { clean: [{ price: 1 }, { price: much }] } }`,
      says: "job.yaml:25:82: tests.0.expect.clean.1: a value does not fit its column: ",
    },
    {
      name: "rows of a format without columns",
      example: "{ name: x, input: { hits: [{ path: /a }] }, expect: {} }",
      says: "job.yaml:25:32: tests.0.input.hits.0: a line of text is expected: rows as mappings are for ",
    },
    {
      name: "a way of cutting that is none",
      example: "{ name: x, batches: two, expect: {} }",
      says: 'job.yaml:25:16: tests.0.batches: one of one, each is expected, found "two"',
    },
    {
      name: "a number that YAML would round",
      example: "{ name: x, expect: { clean: [{ volume: 9007199254740993 }] } }",
      says: "tests.0.expect.clean.0.volume: integers beyond 2^53 are expected in quotes, found ",
    },
    {
      name: "an unknown key",
      example: "{ name: x, expects: {} }",
      says: 'job.yaml:25:16: tests.0.expects: unknown key "expects"; did you mean "expect"?',
    },
  ])
    test(name, async () => {
      using folder = emptyFolder();
      const { code, stderr } = await run(`  - ${example}\n`, folder.path);
      expect(stderr).toContain(says);
      expect(code).toBe(2);
    });
});

test("a job without tests says so; check looks at the names in them", async () => {
  using folder = emptyFolder();
  const { code, stderr } = await run("  []\n", folder.path);
  expect(stderr).toStartWith("streamkit: job.yaml:1:1: it has no tests: add examples with tests:");
  expect(code).toBe(2);
  await Bun.write(join(folder.path, "job.yaml"), `${JOB}  - { name: x, expect: { minut: [] } }\n`);
  const checked = await streamkit(["check", "job.yaml"], { cwd: folder.path });
  expect(checked.code).toBe(2);
  expect(checked.stderr).toContain('nothing is called "minut"');
});
