/** `streamkit simulate` as a shell runs it. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fault } from "../../src/simulate/faults.ts";
import { linesOf, recovered, streamOf } from "./stream.ts";

const ROOT = join(import.meta.dirname, "../..");
const SIMULATE = [process.execPath, join(ROOT, "src/main.ts"), "simulate"];
const DETERMINED = ["--rate", "0", "--seed", "1", "--start", "2026-01-05T14:30:00Z"];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "streamkit-simulate-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function simulate(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = Bun.spawn([...SIMULATE, ...args], { cwd: folder, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

describe("output", () => {
  test("is the stream of the seed and start, with a header where the format has one", async () => {
    const { code, stdout, stderr } = await simulate(
      "trades",
      ...DETERMINED,
      "--count",
      "9000",
      "--format",
      "csv",
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(streamOf({ kind: "trades", rate: 0, format: "csv" }, 9000).text);
  });

  test("goes to stdout and to several files at once", async () => {
    const args = ["quotes", ...DETERMINED, "--count", "500", "--symbols", "ACME,GLOBEX"];
    const { code, stdout } = await simulate(
      ...args,
      "--out",
      "-",
      "--out",
      "file:a.ndjson",
      "--out",
      "file:b.ndjson",
    );
    expect(code).toBe(0);
    expect(stdout).toBe(streamOf({ kind: "quotes", rate: 0, symbols: ["ACME", "GLOBEX"] }, 500).text);
    for (const file of ["a.ndjson", "b.ndjson"])
      expect(readFileSync(join(folder, file), "utf8")).toBe(stdout);
  });

  test("goes to whatever collecting writes to", async () => {
    const lines: string[] = [];
    using server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: (_socket, bytes) => void lines.push(bytes.toString()) },
    });
    const outs = ["--out", `tcp://127.0.0.1:${server.port}`, "--out", "roll:rolled", "--out", "null:"];
    const { code, stderr } = await simulate("quotes", ...DETERMINED, "--count", "300", ...outs);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const expected = streamOf({ kind: "quotes", rate: 0 }, 300).text;
    const [file = ""] = [...new Bun.Glob("events.*").scanSync(join(folder, "rolled"))];
    expect(readFileSync(join(folder, "rolled", file), "utf8")).toBe(expected);
    expect(lines.join("")).toBe(expected);
  });

  test("comes with the truth about every disturbed line", async () => {
    const faults = [
      "--late",
      "0.1",
      "--late-by",
      "1s",
      "--duplicates",
      "0.1",
      "--bad",
      "0.1",
      "--truth",
      "truth.ndjson",
    ];
    const { code, stdout } = await simulate(
      "quotes",
      ...DETERMINED,
      "--count",
      "20000",
      ...faults,
      "--format",
      "csv",
    );
    expect(code).toBe(0);
    const truth = linesOf(readFileSync(join(folder, "truth.ndjson"), "utf8")).map(
      (line) => JSON.parse(line) as Fault,
    );
    expect(truth.length).toBeGreaterThan(5000);
    const clean = streamOf({ kind: "quotes", rate: 0, format: "csv" }, 20_000).text;
    expect(recovered({ text: stdout, faults: truth }, 1)).toBe(clean);
  });
});

describe("the end", () => {
  test("head takes a line and both end well", async () => {
    const pipe = `"$@" quotes --rate 0 | head -n 1; echo "\${PIPESTATUS[@]}"`;
    const child = Bun.spawn(["bash", "-c", pipe, "bash", ...SIMULATE], { stdout: "pipe", stderr: "pipe" });
    const lines = linesOf(await new Response(child.stdout).text());
    expect(lines).toEqual([expect.stringMatching(/^\{"ts":.*\}$/) as string, "0 0"]);
    expect(await new Response(child.stderr).text()).toBe("");
  });

  test.each(["0", "1000"])(
    "at rate %s SIGINT ends the stream with a whole line, code 130 and all of the truth",
    async (rate) => {
      const args = [
        "quotes",
        "--seed",
        "1",
        "--start",
        "2026-01-05",
        "--rate",
        rate,
        "--late",
        "0.3",
        "--truth",
        "late.ndjson",
      ];
      const child = Bun.spawn([...SIMULATE, ...args], { cwd: folder, stdout: "pipe", stderr: "pipe" });
      let text = "";
      for await (const chunk of child.stdout) {
        if (text === "") child.kill("SIGINT");
        text += Buffer.from(chunk).toString("latin1");
      }
      expect(await child.exited).toBe(130);
      expect(await new Response(child.stderr).text()).toBe("");
      const faults = linesOf(readFileSync(join(folder, "late.ndjson"), "utf8")).map(
        (line) => JSON.parse(line) as Fault,
      );
      const clean = streamOf(
        { kind: "quotes", start: "2026-01-05", rate: Number(rate) },
        linesOf(text).length,
      ).text;
      expect(recovered({ text, faults }, 0) === clean).toBe(true);
    },
  );
});

describe("wrong usage ends with code 2 and what would be right", () => {
  const share = "must be a share between 0 and 1";
  const cases: readonly (readonly [string, string])[] = [
    ["", "missing required argument 'kind'"],
    ["quote", '<kind> must be quotes, trades or access-log: found "quote"'],
    ["quotes --format combined", '--format must be ndjson or csv for quotes: found "combined"'],
    ["access-log --format csv", '--format must be combined for access-log: found "csv"'],
    ["access-log --symbols 3", "--symbols is for quotes and trades: an access log has no symbols"],
    ["quotes --format xml", '--format must be ndjson, csv or combined: found "xml"'],
    ["quotes --late 2", `--late ${share}: found 2`],
    ["quotes --bad x", `--bad ${share}: found "x"`],
    ["quotes --late .6 --bad .6", "--bad and late and duplicates must be at most 1 together: found 1.2"],
    ["quotes --rate fast", '--rate must be a number of events a second, 0 or more: found "fast"'],
    ["quotes --count 0", "--count must be a whole number of events, 1 or more: found 0"],
    ["quotes --step 5", '--step must be a duration over 0 like 250ms, 5s or 1m: found "5"'],
    ["quotes --late-by 0s", '--late-by must be a duration over 0 like 250ms, 5s or 1m: found "0s"'],
    ["quotes --start noon", '--start must be an ISO 8601 time like 2026-01-05T14:30:00Z: found "noon"'],
    ["quotes --seed 1.5", "--seed must be a whole number between 0 and 4294967295: found 1.5"],
    ["quotes --symbols A,A", "--symbols must be how many (1 to 100000), or different names"],
    ["quotes --out mqtt://host:1883/topic", "--out: an output is one of -, file:PATH, roll:FOLDER, kafka://"],
    ["quotes --out kafka://host:9092", "--out: kafka://HOST:PORT/TOPIC is expected, found"],
  ];

  test.each(cases)("simulate %s", async (args, message) => {
    const { code, stdout, stderr } = await simulate(...args.split(" ").filter((arg) => arg !== ""));
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });

  test("a file that can't be written ends with code 1", async () => {
    const { code, stderr } = await simulate("quotes", "--out", "file:missing/folder/x");
    expect(code).toBe(1);
    expect(stderr).toStartWith('streamkit: Cannot write "missing/folder/x": ');
  });
});

test("--help shows every flag, the records and examples that run", async () => {
  const { code, stdout } = await simulate("--help");
  expect(code).toBe(0);
  const flags = "rate count for symbols seed start step format late late-by duplicates bad truth out".split(
    " ",
  );
  for (const flag of flags) expect(stdout).toContain(`--${flag} `);
  const examples = stdout
    .split("\n")
    .flatMap((line) => /^ {4}streamkit simulate ([^>|]+)/.exec(line)?.[1] ?? [])
    // test/kafka has a broker for it.
    .filter((example) => !example.includes("--out kafka:"));
  expect(examples).toHaveLength(6);
  for (const example of examples) {
    const outcome = await simulate(...example.trim().split(" "), "--count", "3", "--rate", "0");
    expect({ example, code: outcome.code }).toEqual({ example, code: 0 });
    expect(linesOf(outcome.stdout).length).toBeGreaterThanOrEqual(3);
  }
});
