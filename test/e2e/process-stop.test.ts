/** Asked to stop, it finishes the batch and commits; left by its reader, it ends quietly. */

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { multiset, output, rowsOf, shell, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";

const SLOW_JOB = `
checkpoint: state
batch: 0
sources:
  ticks:
    from: "file:quotes.ndjson"
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: BIGINT }
    rate: 20000
queries:
  passed_on: SELECT * FROM ticks
  minutes: SELECT symbol, window_start, count(*) AS n FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY ALL
sinks:
  - { from: passed_on, to: "file:all.ndjson" }
  - { from: minutes, to: "file:minutes.ndjson" }
`;

test("SIGINT and SIGTERM in the middle: nothing is lost, nothing comes twice", async () => {
  using folder = emptyFolder();
  const at = (file: string) => join(folder.path, file);
  await Bun.write(at("job.yaml"), SLOW_JOB);
  const flags = "--count 40000 --rate 0 --seed 5 --start 2026-01-05 --step 20ms".split(" ");
  await output(["simulate", "quotes", ...flags, "--out", `file:${at("quotes.ndjson")}`]);
  const size = () => (existsSync(at("all.ndjson")) ? statSync(at("all.ndjson")).size : 0);

  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    const before = size();
    await using job = await start(["process", at("job.yaml")]);
    await until("some rows", () => size() > before);
    job.kill(signal);
    const { code: found, stdout, stderr } = await job.finished();
    expect({ found, stdout }).toEqual({ found: code, stdout: "" });
    expect(stderr).toMatch(/rows? in \d+ batch(es)?, \d+\.\d s\n$/);
    expect(size()).toBeLessThan(statSync(at("quotes.ndjson")).size);
  }
  const last = await streamkit(["process", at("job.yaml"), "--once", "--set", "sources.ticks.rate=1000000"]);
  expect(last.code).toBe(0);
  expect(last.stderr).toContain("going on after batch");

  const quotes = rowsOf(readFileSync(at("quotes.ndjson"), "utf8"));
  expect(multiset(rowsOf(readFileSync(at("all.ndjson"), "utf8")))).toEqual(multiset(quotes));
  const counts = rowsOf<{ symbol: string; window_start: string; n: number }>(
    readFileSync(at("minutes.ndjson"), "utf8"),
  );
  expect(counts.reduce((sum, { n }) => sum + n, 0)).toBe(40_000);
  expect(new Set(counts.map(({ symbol, window_start }) => `${symbol} ${window_start}`)).size).toBe(
    counts.length,
  );
});

test("a signal while it waits for its first line ends it, with its input still open", async () => {
  for (const [args, source] of [
    [["--sql", "SELECT * FROM input"], "input"],
    [[], "ticks"],
  ] as const) {
    using folder = emptyFolder();
    const state = join(folder.path, "state");
    await using job = await start(["process", ...args, "--checkpoint", state]);
    await until("a spool", () => existsSync(join(state, "segments", source, "0000000000.segment")));
    job.kill("SIGTERM");
    expect(await job.finished()).toMatchObject({ code: 143, stdout: "" });
  }
});

/** Jobs that stop by what comes after them, all in the pipe: each part's exit code. */
async function pipeCodes(pipe: string): Promise<{ codes: string; stderr: string; stdout: string }> {
  const { code, stdout, stderr } = await shell(
    `set -m; timeout 25 bash -c '${pipe}; echo "\${PIPESTATUS[*]}" >&2'`,
  );
  expect(code).toBe(0);
  const lines = stderr.trimEnd().split("\n");
  // A slow machine may take longer than the patience of what waits for its first lines.
  const said = lines.slice(0, -1).filter((line) => !line.includes("nothing has come yet"));
  return { codes: lines.at(-1) ?? "", stderr: said.join("\n"), stdout };
}

test("| head -1 ends the whole pipe quietly", async () => {
  for (const rate of ["0", "2000"]) {
    const process = '"$S" process --sql "SELECT symbol FROM input"';
    const pipe = `"$S" simulate quotes --rate ${rate} | ${process} | head -1`;
    const { codes, stderr, stdout } = await pipeCodes(pipe);
    expect({ codes, stderr }).toEqual({ codes: "0 0 0", stderr: "" });
    expect(stdout).toMatch(/^\{"symbol":"SYM\d+"\}\n$/);
  }
  expect(await pipeCodes('"$S" simulate quotes | "$S" process | head -1')).toMatchObject({
    codes: "0 0 0",
    stderr: "",
  });
  expect(await pipeCodes('"$S" simulate quotes --rate 0 | head -1')).toMatchObject({
    codes: "0 0",
    stderr: "",
  });
});

test("after | head -1, nothing of its working files is left", async () => {
  using folder = emptyFolder();
  const { code } = await shell('"$S" simulate quotes | "$S" process | head -1', {
    env: { TMPDIR: folder.path },
  });
  expect(code).toBe(0);
  expect(readdirSync(folder.path)).toEqual([]);
});

test("a batch that takes too long after a signal is given up, and repeated by the next start", async () => {
  using folder = emptyFolder();
  const at = (file: string) => join(folder.path, file);
  const numbers = (count: number): string =>
    `x\n${Array.from({ length: count }, (_, index) => index + 1).join("\n")}\n`;
  const job = (more: string): string => `
checkpoint: state
batch: 0
sources: { input: { from: "-", schema: { n: BIGINT } } }
tables: { numbers: { from: "file:numbers.csv" } }
queries: { cubes: "SELECT n FROM input, numbers a, numbers b, numbers c WHERE a.x * b.x * c.x = n${more}" }
sinks: [{ from: cubes, to: "file:out.ndjson" }]
`;
  await Bun.write(at("job.yaml"), job(""));
  await Bun.write(at("numbers.csv"), numbers(20_000));
  await using first = await start(["process", at("job.yaml"), "--stop-timeout", "200ms"]);
  await first.feed('{"n":1}\n');
  await until("the first batch", () => existsSync(at("state/plan.json")));
  first.kill("SIGTERM");
  const stopped = await first.finished();
  expect(stopped.code).toBe(143);
  expect(stopped.stderr).toContain("did not end within 200ms after SIGTERM and was given up");
  expect(readFileSync(at("out.ndjson"), "utf8")).toBe("");

  // The batch is run again with the rows that the table had, so it is the query that asks for less.
  await Bun.write(at("job.yaml"), job(" AND a.x <= 2 AND b.x <= 2 AND c.x <= 2"));
  expect(await streamkit(["process", at("job.yaml")], { input: '{"n":8}\n' })).toMatchObject({ code: 0 });
  expect(readFileSync(at("out.ndjson"), "utf8")).toBe('{"n":1}\n{"n":8}\n');
});
