/** Strict values in whole jobs: the market's volumes, declared columns by their other names, examples. */

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../../support/binary.ts";
import { streamkit } from "../from-source.ts";

interface Row {
  readonly row: Readonly<Record<string, unknown>>;
}

describe("the built-in market job", () => {
  for (const [name, second] of [
    ["a number", "2.5"],
    ["a number in quotes", '"2.5"'],
    ["a number with an exponent", "25e-1"],
  ] as const)
    test(`takes a volume that is ${name}`, async () => {
      const input =
        '{"ts":"2026-01-05T10:00:00Z","symbol":"COIN","price":100,"volume":1}\n' +
        `{"ts":"2026-01-05T10:00:01Z","symbol":"COIN","price":100.6,"volume":${second}}\n`;
      const { code, stdout } = await streamkit(["process"], { input });
      expect(code).toBe(0);
      const rows = stdout
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as Row).row);
      expect(rows.map(({ volume, vwap, trades }) => ({ volume, vwap, trades }))).toEqual(
        rows.map(() => ({ volume: 3.5, vwap: 100.4286, trades: 2 })),
      );
    }, 60_000);
});

test("types by their other names keep to the rules too", async () => {
  using folder = emptyFolder();
  const file = join(folder.path, "in.ndjson");
  writeFileSync(file, '{"n":1,"s":1.50,"d":1.25}\n{"n":1.5,"s":2}\n{"n":2,"d":1.255}\n{"n":true}\n');
  const { code, stdout, stderr } = await streamkit([
    ..."process --once --schema".split(" "),
    "n int, s text, d numeric(5,2)",
    "--in",
    `file:${file}`,
    "--sql",
    "SELECT *, typeof(n) AS type FROM input",
  ]);
  expect(code).toBe(0);
  expect(stdout).toBe('{"n":1,"s":"1.50","d":1.25,"type":"INTEGER"}\n');
  expect(stderr).toContain("3 dead letters");
}, 60_000);

describe("examples", () => {
  const job = (expected: string): string => `
name: j
sources: { ticks: { from: "-", schema: { ts: TIMESTAMP, n: BIGINT, d: DATE } } }
queries: { q: "SELECT ts, n, d FROM ticks" }
tests:
  - name: one
    input:
      ticks:
        - { ts: 2026-01-05T12:00:00+02:00, n: 1, d: 2026-01-05 }
        - { ts: 2026-01-05T10:00:01Z, n: 1.5 }
    expect:
      q: [ ${expected} ]
      dead_letters: [ { reason: '"n" is not a BIGINT: "1.5" (it is no integer, or out of range)' } ]
`;
  const tested = async (expected: string): ReturnType<typeof streamkit> => {
    using folder = emptyFolder();
    const file = join(folder.path, "job.yaml");
    writeFileSync(file, job(expected));
    return await streamkit(["test", file]);
  };

  test("give their inputs to the same rules", async () => {
    const { code, stdout } = await tested("{ ts: 2026-01-05T10:00:00Z, n: 1, d: 2026-01-05 }");
    expect({ code, stdout }).toMatchObject({ code: 0 });
  }, 60_000);

  test("expect no value that its column can't have", async () => {
    const { code, stderr } = await tested("{ ts: 2026-01-05T10:00:00Z, n: 0.9, d: 2026-01-05 }");
    expect(code).toBe(2);
    expect(stderr).toContain('a value does not fit its column: "n" is not a BIGINT: "0.9"');
  }, 60_000);
});
