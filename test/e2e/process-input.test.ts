/** What people pipe and point at it: formats, ends of input, several sources, files that come later. */

import { describe, expect, test } from "bun:test";
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { multiset, output, rowsOf, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";

async function sqlRows(sql: string, input: string, more: readonly string[] = []): Promise<unknown[]> {
  return rowsOf(await output(["process", "--sql", sql, ...more], { input }));
}

describe("--sql prints bare rows", () => {
  test("of JSON lines, with or without a line feed at the end, and blank lines between", async () => {
    const wanted = [{ a: 1 }, { a: 2 }];
    expect(await sqlRows("SELECT a FROM input", '{"a":1}\n{"a":2}\n')).toEqual(wanted);
    expect(await sqlRows("SELECT a FROM input", '{"a":1}\n\n{"a":2}')).toEqual(wanted);
  });

  test("whether the query ends in a semicolon, a comment, or neither", async () => {
    for (const sql of ["SELECT a FROM input;", "SELECT a FROM input ; ", "SELECT a FROM input -- all of it"])
      expect(await sqlRows(sql, '{"a":1}\n'), sql).toEqual([{ a: 1 }]);
  });

  test("of CSV, its header being the names", async () => {
    const csv = 'name,price,note\nACME,1.5,"a, ""b"""\nGLOBEX,2,\n';
    expect(await sqlRows("SELECT * FROM input", csv, ["--format", "csv"])).toEqual([
      { name: "ACME", price: 1.5, note: 'a, "b"' },
      { name: "GLOBEX", price: 2, note: null },
    ]);
  });

  test("of a combined log", async () => {
    const line = '192.0.2.7 - - [05/Jan/2026:14:30:00 +0100] "GET /sale HTTP/2.0" 200 - "-" "curl/8"\n';
    const sql = "SELECT client, ts, method, path, status, bytes, referrer, agent FROM input";
    expect(await sqlRows(sql, line, ["--format", "combined"])).toEqual([
      {
        client: "192.0.2.7",
        ts: "2026-01-05T13:30:00.000Z",
        method: "GET",
        path: "/sale",
        status: 200,
        bytes: null,
        referrer: null,
        agent: "curl/8",
      },
    ]);
  });

  test("of lines, and of a pattern's groups", async () => {
    expect(await sqlRows("SELECT upper(line) AS l FROM input", "one\ntwo", ["--format", "lines"])).toEqual([
      { l: "ONE" },
      { l: "TWO" },
    ]);
    const pattern = ["--format", "regex", "--pattern", String.raw`k=(?<k>\w+)`, "--schema", "k VARCHAR"];
    expect(await sqlRows("SELECT k FROM input", "k=a\nk=b\n", pattern)).toEqual([{ k: "a" }, { k: "b" }]);
  });

  test("windows close when the input ends", async () => {
    const sql = "SELECT window_start, sum(n) AS n FROM tumble(input, ts, INTERVAL 1 HOUR) GROUP BY ALL";
    const input = ["10:00:00.000", "10:59:59.999", "11:00:00.000"].map(
      (time) => `{"ts":"2026-01-05T${time}Z","n":1}\n`,
    );
    expect(await sqlRows(sql, input.join(""))).toEqual([
      { window_start: "2026-01-05T10:00:00.000Z", n: 2 },
      { window_start: "2026-01-05T11:00:00.000Z", n: 1 },
    ]);
  });
});

describe("an input without a line", () => {
  const ways = [
    { name: "--sql, no schema", args: ["--sql", "SELECT * FROM input"] },
    { name: "--sql with a schema", args: ["--sql", "SELECT a FROM input", "--schema", "a INT"] },
    { name: "the market job", args: [] },
  ];
  for (const { name, args } of ways) {
    test(`${name}: nothing is written, exit code 0`, async () => {
      for (const options of [{}, { input: "" }]) {
        const { code, stdout } = await streamkit(["process", ...args], options);
        expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
      }
    });
  }
});

test("a rate holds back standard input, and loses nothing of it", async () => {
  using folder = emptyFolder();
  const job = join(folder.path, "job.yaml");
  await Bun.write(job, `{ sources: { input: { from: "-", schema: { n: INTEGER }, rate: 10000 } } }`);
  const numbers = Array.from({ length: 5000 }, (_, n) => n);
  const input = numbers.map((n) => `{"n":${n}}\n`).join("");
  const lines = rowsOf<{ batch: number; row: { n: number } }>(await output(["process", job], { input }));
  expect(lines.map(({ row }) => row.n)).toEqual(numbers);
  expect(new Set(lines.map(({ batch }) => batch)).size).toBeGreaterThan(1);
});

test("several streams and a static table meet in one job", async () => {
  using folder = emptyFolder();
  const at = (file: string) => join(folder.path, file);
  await Bun.write(
    at("a.ndjson"),
    '{"ts":"2026-01-05T10:00:00Z","id":1,"n":2}\n{"ts":"2026-01-05T10:00:01Z","id":9,"n":3}\n',
  );
  await Bun.write(at("b.csv"), "ts,id,n\n2026-01-05T10:00:02Z,2,40\n2026-01-05T10:00:03Z,1,50\n");
  await Bun.write(at("names.csv"), "id,name\n1,one\n2,two\n");
  await Bun.write(
    at("job.yaml"),
    `
sources:
  a: { from: "file:a.ndjson", schema: { ts: TIMESTAMP, id: INTEGER, n: INTEGER } }
  b: { from: "file:b.csv", format: csv, schema: { ts: TIMESTAMP, id: INTEGER, n: INTEGER } }
tables:
  names: { from: "file:names.csv" }
queries:
  named_a: SELECT ts, name, n FROM a JOIN names USING (id)
  named_b: SELECT b.ts, name, n FROM b LEFT JOIN names ON names.id = b.id
  per_minute: SELECT window_start, name, sum(n)::INT AS n
    FROM tumble(named_a, ts, INTERVAL 1 MINUTE) GROUP BY ALL
sinks:
  - { from: per_minute, to: "file:minute.ndjson" }
  - { from: named_b, to: "-" }
`,
  );
  const stdout = await output(["process", at("job.yaml"), "--once"]);
  expect(multiset(rowsOf(stdout).map((row) => row["row"]))).toEqual(
    multiset([
      { ts: "2026-01-05T10:00:02.000Z", name: "two", n: 40 },
      { ts: "2026-01-05T10:00:03.000Z", name: "one", n: 50 },
    ]),
  );
  expect(rowsOf(await Bun.file(at("minute.ndjson")).text())).toEqual([
    { window_start: "2026-01-05T10:00:00.000Z", name: "one", n: 2 },
  ]);
});

const PASS_ON = (sinks: string) => `
batch: 0
checkpoint: state
sources:
  input: { from: "file:in/*.ndjson", schema: { ts: TIMESTAMP, n: INTEGER } }
queries:
  all_rows: SELECT n FROM input
  minutes: SELECT window_start, sum(n)::INT AS n FROM tumble(input, ts, INTERVAL 1 MINUTE) GROUP BY ALL
sinks:
${sinks}
`;

const FILE_SINKS = `
  - { from: all_rows, to: "file:all.ndjson" }
  - { from: minutes, to: "file:minutes.ndjson" }
`;

function line(time: string, n: number): string {
  return `{"ts":"2026-01-05T${time}Z","n":${n}}\n`;
}

test("files that come later are taken in the order of their names", async () => {
  using folder = emptyFolder();
  const at = (file: string) => join(folder.path, file);
  await Bun.write(at("job.yaml"), PASS_ON(`  - { from: all_rows, to: "-" }`).replace("in/*", "in/**/*"));
  const slowly = ["--set", "sources.input.rate=6000"];
  await Bun.write(at("in/a/1.ndjson"), line("10:00:00", 1));
  await using job = await start(["process", at("job.yaml"), ...slowly]);
  const numbers = () => rowsOf<{ row: { n: number } }>(job.stdout()).map(({ row }) => row.n);
  await until("the first file", () => numbers().length === 1);
  for (const n of [3, 4, 2]) await Bun.write(at(`staged/${n}.ndjson`), line("10:00:00", n).repeat(2000));
  renameSync(at("staged"), at("in/b"));
  await until("the other files", () => numbers().length >= 6001);
  job.kill("SIGTERM");
  expect((await job.finished()).code).toBe(143);
  expect(numbers()).toEqual([1, ...[2, 3, 4].flatMap((n) => Array<number>(2000).fill(n))]);
});

test("--once a second time finds nothing to do, and writes no row twice", async () => {
  using folder = emptyFolder();
  const at = (file: string) => join(folder.path, file);
  await Bun.write(at("job.yaml"), PASS_ON(FILE_SINKS));
  await Bun.write(at("in/1.ndjson"), line("10:00:00", 1) + line("10:01:00", 2));
  const once = ["process", at("job.yaml"), "--once"];
  expect(await streamkit(once)).toMatchObject({ code: 0, stdout: "" });
  const written = [await Bun.file(at("all.ndjson")).text(), await Bun.file(at("minutes.ndjson")).text()];
  expect(written.map((text) => rowsOf(text).map((row) => row["n"]))).toEqual([
    [1, 2],
    [1, 2],
  ]);

  const again = await streamkit(once);
  expect(again).toMatchObject({ code: 0, stdout: "" });
  expect(again.stderr).toContain("0 rows in 0 batches");
  expect([await Bun.file(at("all.ndjson")).text(), await Bun.file(at("minutes.ndjson")).text()]).toEqual(
    written,
  );
});

test("--available-now leaves windows open, and a later run goes on with them", async () => {
  using folder = emptyFolder();
  const at = (file: string) => join(folder.path, file);
  const minutes = async () =>
    rowsOf(existsSync(at("minutes.ndjson")) ? await Bun.file(at("minutes.ndjson")).text() : "").map(
      (row) => row["n"],
    );
  await Bun.write(at("job.yaml"), PASS_ON(FILE_SINKS));
  await Bun.write(at("in/1.ndjson"), line("10:00:00", 1) + line("10:01:00", 10));
  await output(["process", at("job.yaml"), "--available-now"]);
  expect(await minutes()).toEqual([1]);
  await output(["process", at("job.yaml"), "--available-now"]);
  expect(await minutes()).toEqual([1]);
  await Bun.write(at("in/2.ndjson"), line("10:01:30", 20) + line("10:02:00", 100));
  await output(["process", at("job.yaml"), "--available-now"]);
  expect(await minutes()).toEqual([1, 30]);
  await output(["process", at("job.yaml"), "--once"]);
  expect(await minutes()).toEqual([1, 30, 100]);
});
