/** The source `tail:` of jobs, in the finished binary. */

import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { rowsOf, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";
import { filesIn } from "./following.ts";

interface JobFolder extends Disposable {
  readonly files: ReturnType<typeof filesIn>;
  readonly job: string;
  /** Runs it on what is there now. */
  run(...flags: string[]): Promise<string>;
  /** Of the sink's file. */
  rows(name?: string): Record<string, unknown>[];
}

/** A folder with `logs`, and a job over them that writes its rows to `out.ndjson`. */
function jobFolder(source: object, options: { sql?: string; checkpoint?: boolean } = {}): JobFolder {
  const folder = emptyFolder();
  mkdirSync(path.join(folder.path, "logs"));
  const job = path.join(folder.path, "job.json");
  const sinks = ["rows", "dead_letters"].map((from) => ({ from, to: `file:${from}.ndjson` }));
  const { sql = "SELECT * FROM input", checkpoint = true } = options;
  const state = checkpoint ? { checkpoint: "state" } : {};
  writeFileSync(
    job,
    JSON.stringify({ ...state, batch: 0, sources: { input: source }, queries: { rows: sql }, sinks }),
  );
  return {
    job,
    files: filesIn(path.join(folder.path, "logs")),
    async run(...flags) {
      const { code, stderr } = await streamkit(["process", job, "--quiet", ...flags]);
      return code === 0 ? "" : stderr;
    },
    rows(name = "rows") {
      const file = path.join(folder.path, `${name}.ndjson`);
      return existsSync(file) ? rowsOf(readFileSync(file, "utf8")) : [];
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

test("follows a log through rotations, run after run", async () => {
  using at = jobFolder({ from: "tail:logs/app.log*", format: "lines" });
  at.files.add("app.log", "1\n2\nha");
  expect(await at.run("--available-now")).toBe("");
  at.files.add("app.log", "lf\n");
  at.files.move("app.log", "app.log.1");
  at.files.compress("app.log.1");
  at.files.add("app.log", "3\n");
  expect(await at.run("--available-now")).toBe("");
  expect(await at.run("--available-now")).toBe("");
  at.files.copyTruncate("app.log", "app.log.1");
  at.files.add("app.log", "4\n");
  expect(await at.run("--available-now")).toBe("");
  expect(at.rows().map(({ line }) => line)).toEqual(["1", "2", "half", "3", "4"]);
});

test("a source tail: without a glob is refused", async () => {
  using at = jobFolder({ from: "tail:", format: "lines" });
  expect(await at.run("--available-now")).toContain('found "tail:"');
});

test("what the job writes itself is not followed", async () => {
  using at = jobFolder({ from: "tail:**/*", format: "lines" });
  at.files.add("app.log", "1\n");
  for (let time = 0; time < 3; time += 1) expect(await at.run("--available-now")).toBe("");
  const lines = at.rows().map(({ line }) => line);
  expect(lines.filter((line) => line === "1")).toHaveLength(1);
  expect(lines.filter((line) => String(line).includes('"line"'))).toEqual([]);
});

test("without a checkpoint, a half line is given at the end", async () => {
  using at = jobFolder({ from: "tail:logs/app.log", format: "lines" }, { checkpoint: false });
  at.files.add("app.log", "1\nhalf");
  expect(await at.run("--once")).toBe("");
  expect(at.rows()).toEqual([{ line: "1" }, { line: "half" }]);
});

test("gives rows as lines are written, and goes on after a kill", async () => {
  using at = jobFolder({ from: "tail:logs/*.log", format: "json", schema: { n: "BIGINT" } });
  for (const life of [0, 1, 2]) {
    await using running = await start(["process", at.job, "--quiet"]);
    for (let n = 0; n < 3; n += 1) {
      at.files.add("app.log", `{"n":${10 * life + n}}\n`);
      await until("the row", () => at.rows().length === 3 * life + n + 1);
    }
    running.kill("SIGKILL");
    await running.finished();
  }
  expect(at.rows().map(({ n }) => n)).toEqual([0, 1, 2, 10, 11, 12, 20, 21, 22]);
});

describe("events of several lines", () => {
  const starts = { multiline: { starts: "^\\d" } };

  test("are lines with line feeds inside, whatever bytes are in them", async () => {
    using at = jobFolder({ from: { tail: { path: "logs/*", ...starts } }, format: "lines" });
    at.files.add("app.log", "1 a\n\tb\n2 \u001e\u001f\u001fs\n  c\n3\n");
    expect(await at.run("--once")).toBe("");
    expect(at.rows().map(({ line }) => line)).toEqual(["1 a\n\tb", "2 \u001e\u001f\u001fs\n  c", "3"]);
  });

  test("are taken apart by a pattern over all of them", async () => {
    const pattern = "(?s)^(?<n>\\d) (?<first>[^\\n]*)\\n?(?<trace>.*)$";
    using at = jobFolder({ from: { tail: { path: "logs/*", ...starts } }, format: "regex", pattern });
    at.files.add("app.log", "1 a\n at b\n at c\n2 d\nno event\n");
    at.files.add("b.log", "broken\nmore\n");
    expect(await at.run("--once")).toBe("");
    expect(at.rows()).toEqual([
      { n: "1", first: "a", trace: " at b\n at c" },
      { n: "2", first: "d", trace: "no event" },
    ]);
    const [letter] = at.rows("dead_letters");
    expect(letter).toMatchObject({ origin: "logs/b.log", byte_offset: 0, line: "broken\nmore" });
  });

  test("are objects of JSON that someone has made readable", async () => {
    const from = { tail: { path: "logs/*", multiline: { starts: "^\\{" } } };
    using at = jobFolder({ from, format: "json", schema: { a: "BIGINT", b: "VARCHAR" } });
    at.files.add("app.log", '{\n  "a": 1,\n  "b": "x"\n}\n{"a":2}\n');
    expect(await at.run("--once")).toBe("");
    expect(at.rows()).toEqual([
      { a: 1, b: "x" },
      { a: 2, b: null },
    ]);
  });

  test("are refused for formats of lines", async () => {
    using at = jobFolder({ from: { tail: { path: "logs/*", ...starts } }, format: "combined" });
    expect(await at.run("--once")).toContain("multiline: is for the formats lines, regex and json");
  });
});

test("the file's path is a column where it is asked for", async () => {
  using at = jobFolder(
    { from: { tail: { path: "logs/*", file: "file" } }, format: "json", schema: { n: "BIGINT" } },
    { sql: "SELECT n, regexp_extract(file, '[^/]*$') AS file FROM input" },
  );
  at.files.add("a.log", '{"n":1}\n\n  \n{"n":2}\n');
  at.files.add('b "x".log', '{"n":3}\nbroken\n{"n":4}\n');
  expect(await at.run("--once")).toBe("");
  expect(at.rows().toSorted((a, b) => Number(a["n"]) - Number(b["n"]))).toEqual([
    { n: 1, file: "a.log" },
    { n: 2, file: "a.log" },
    { n: 3, file: 'b "x".log' },
    { n: 4, file: 'b "x".log' },
  ]);
});

test("a broken line is a dead letter with its place in the file", async () => {
  using at = jobFolder({ from: "tail:logs/*", format: "json", schema: { n: "BIGINT" } });
  at.files.add("a.log", '{"n":1}\n');
  expect(await at.run("--available-now")).toBe("");
  at.files.add("a.log", '{"n":2}\nbroken\n{"n":3}\n');
  expect(await at.run("--available-now")).toBe("");
  expect(at.rows("dead_letters")).toMatchObject([{ origin: "logs/a.log", byte_offset: 16, line: "broken" }]);
});

test("each file of CSV has its header, and what follows it is known by that after a restart", async () => {
  const schema = { a: "BIGINT", b: "BIGINT" };
  using at = jobFolder({ from: "tail:logs/*", format: "csv", schema });
  at.files.add("1.csv", "a,b\n1,2\n");
  at.files.add("2.csv", "b,a\n4,3\n");
  expect(await at.run("--available-now")).toBe("");
  at.files.add("1.csv", "5,6\n");
  at.files.add("2.csv", "8,7\n");
  expect(await at.run("--available-now")).toBe("");
  expect(at.rows().toSorted((a, b) => Number(a["a"]) - Number(b["a"]))).toEqual([
    { a: 1, b: 2 },
    { a: 3, b: 4 },
    { a: 5, b: 6 },
    { a: 7, b: 8 },
  ]);
});

test("a rate is kept to, and nothing is left behind", async () => {
  using at = jobFolder({ from: "tail:logs/*", format: "lines", rate: 2000 });
  at.files.add("a.log", Array.from({ length: 1500 }, (_, n) => `${n}\n`).join(""));
  expect(await at.run("--once")).toBe("");
  expect(at.rows().map(({ line }) => Number(line))).toEqual(Array.from({ length: 1500 }, (_, n) => n));
  const left = readdirSync(path.join(at.files.folder, "../state/segments/input"));
  expect(left).toHaveLength(1);
  expect(left[0]).toEndWith(".segment.json");
});

test("from: end begins where the first start was, also when that was killed before it read", async () => {
  using at = jobFolder({ from: { tail: { path: "logs/*", from: "end" } }, format: "lines" });
  at.files.add("a.log", "old\n");
  {
    await using running = await start(["process", at.job, "--quiet"]);
    const kept = path.join(at.files.folder, "../state/segments/input/start.json");
    await until("the start", () => existsSync(kept));
    running.kill("SIGKILL");
    await running.finished();
  }
  at.files.add("a.log", "new\n");
  expect(await at.run("--available-now")).toBe("");
  expect(at.rows()).toEqual([{ line: "new" }]);
});
