/** Instants in whole jobs: found types, windows, and the time zone of a source. */

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../../support/binary.ts";
import { streamkit } from "../from-source.ts";

const SERVERS = [
  ["berlin", "2026-08-12T12:00:05+02:00"],
  ["utc", "2026-08-12T10:00:10Z"],
  ["delhi", "2026-08-12T15:30:15+05:30"],
  ["denver", "2026-08-12 04:00:20-06"],
] as const;
const INPUTS = {
  json: SERVERS.map(([host, ts]) => `${JSON.stringify({ host, ts })}\n`).join(""),
  csv: `host,ts\n${SERVERS.map((row) => `${row.join(",")}\n`).join("")}`,
};
const COUNT = "SELECT window_start, count(*) AS n FROM tumble(input, ts, INTERVAL 1 MINUTE) GROUP BY ALL";

describe("four servers at once are in one window", () => {
  for (const format of ["json", "csv"] as const)
    for (const schema of [
      [],
      ["--schema", "host VARCHAR, ts TIMESTAMP"],
      ["--schema", "host TEXT, ts TIMESTAMPTZ"],
    ])
      test(`${format}${schema.length === 0 ? ", types found" : `, ${schema[1]}`}`, async () => {
        const args = ["process", "--format", format, ...schema, "--sql", COUNT];
        const { code, stdout, stderr } = await streamkit(args, { input: INPUTS[format] });
        expect({ code, stdout, late: stderr.includes("late") }).toEqual({
          code: 0,
          stdout: '{"window_start":"2026-08-12T10:00:00.000Z","n":4}\n',
          late: false,
        });
      }, 60_000);
});

describe("timezone: of a source", () => {
  test("is a flag too, and verify reads as it says", async () => {
    using folder = emptyFolder();
    const file = join(folder.path, "in.csv");
    writeFileSync(file, "host,ts\na,2026-08-12 12:00:05\nb,2026-08-12T10:00:10Z\n");
    const args = ["--timezone", "Europe/Berlin", "--format", "csv", "--sql", COUNT];
    const run = await streamkit(["process", "--in", `file:${file}`, "--once", ...args]);
    expect(run).toMatchObject({ code: 0, stdout: '{"window_start":"2026-08-12T10:00:00.000Z","n":2}\n' });
    expect((await streamkit(["verify", "--input", file, ...args])).code).toBe(0);
  }, 120_000);

  test("is an IANA name, or the job is wrong and says what was meant", async () => {
    using folder = emptyFolder();
    const file = join(folder.path, "job.yaml");
    for (const [zone, meant] of [
      ["Europe/Berln", "Europe/Berlin"],
      ["europe/berlin", "Europe/Berlin"],
      ["Berlin", "Europe/Berlin"],
      ["New York", "America/New_York"],
      ["+02:00", undefined],
    ] as const) {
      writeFileSync(
        file,
        `sources: { s: { from: "-", timezone: "${zone}", schema: { ts: TIMESTAMP } } }
queries: { q: FROM s }
`,
      );
      const { code, stderr } = await streamkit(["check", file]);
      const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
      expect({ code, stderr }).toMatchObject({ code: 2 });
      expect(stderr).toContain(
        `sources.s.timezone: an IANA time zone like "Europe/Berlin" is expected, found "${zone}"${hint}\n`,
      );
    }
  }, 120_000);
});
