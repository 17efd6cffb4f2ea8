/** Candles of the built-in job where quotes come at equal times; and what is said of `arg_max`. */

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { MARKET_JOB } from "../../../src/job/market.ts";
import { emptyFolder } from "../../support/binary.ts";
import { streamkit } from "../from-source.ts";

const QUOTES = [
  { ts: "2026-01-05T10:00:01Z", symbol: "A", price: 1, volume: 1 },
  { ts: "2026-01-05T10:00:01Z", symbol: "A", price: 2, volume: 1 },
  { ts: "2026-01-05T10:00:00Z", symbol: "A", price: 7, volume: 1 },
  { ts: "2026-01-05T10:00:00Z", symbol: "A", price: 8, volume: 1 },
  { ts: "2026-01-05T10:00:01Z", symbol: "A", price: 3, volume: 1 },
];
const INPUT = QUOTES.map((quote) => `${JSON.stringify(quote)}\n`).join("");

interface Printed {
  readonly query: string;
  readonly row: { readonly open: number; readonly close: number; readonly change: number };
}

const printed = (stdout: string): readonly Printed[] =>
  stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Printed]));

test("of equal times the first quote opens and the last one closes", async () => {
  const { code, stdout, stderr } = await streamkit(["process"], { input: INPUT });
  expect({ code, stderr: stderr.includes("warning") }).toEqual({ code: 0, stderr: false });
  const rows = printed(stdout);
  expect(rows.map(({ query }) => query)).toEqual(["minute", "day"]);
  for (const { row } of rows) expect(row).toMatchObject({ open: 7, close: 3, change: -57.143 });
}, 60_000);

test("a checkpoint of the candles that took arg_max is refused, with the way on", async () => {
  using folder = emptyFolder();
  const former = MARKET_JOB.replaceAll(/first\(price ORDER BY ts\)/g, "arg_min(price, ts)").replaceAll(
    /last\(price ORDER BY ts\)/g,
    "arg_max(price, ts)",
  );
  expect(former).not.toContain("ORDER BY");
  writeFileSync(join(folder.path, "former.yaml"), former);
  const options = { cwd: folder.path, input: INPUT };
  const before = await streamkit(
    ["process", "former.yaml", "--checkpoint", "state", "--available-now"],
    options,
  );
  expect(before.code).toBe(0);
  expect(printed(before.stdout)[0]?.row.close).toBe(1);
  const refused = await streamkit(["process", "--checkpoint", "state"], options);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/was: .*arg_max\(price, ts\)[\s\S]*is: .*last"?\(price ORDER BY ts\)/);
  const [resets = ""] = /--reset minute --reset day/.exec(refused.stderr) ?? [];
  const after = await streamkit(["process", "--checkpoint", "state", ...resets.split(" ")], options);
  expect(after.code).toBe(0);
  expect(printed(after.stdout)[0]?.row.close).toBe(3);
}, 120_000);

test("arg_max over the event time is warned of by check, and once when a job starts", async () => {
  using folder = emptyFolder();
  const query = (call: string): string => `
    SELECT symbol, window_start, ${call} AS close FROM tumble(ticks, ts, INTERVAL 1 MINUTE) t GROUP BY ALL`;
  writeFileSync(
    join(folder.path, "job.yaml"),
    `sources:
  ticks: { from: "-", schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: BIGINT } }
queries:
  a: ${query("arg_max(price, t.ts) FILTER (price > 0)")}
  b: ${query("max_by(price, ts)")}
  c: ${query("arg_max(price, volume)")}
  d: ${query("arg_min(price, ts)")}
  e: ${query("arg_max_null(price, epoch_ms(ts))")}
`,
  );
  const said = (text: string): readonly string[] => text.match(/of equal times .*/g) ?? [];
  const expected = [
    ["arg_max(price, t.ts)", "last(price ORDER BY t.ts)"],
    ["max_by(price, ts)", "last(price ORDER BY ts)"],
    ["arg_max_null(price, epoch_ms(ts))", "last(price ORDER BY epoch_ms(ts))"],
  ].map(
    ([found, better]) =>
      `of equal times ${found} takes the first row; ${better} takes the last, as a close does`,
  );
  const checked = await streamkit(["check", "job.yaml"], { cwd: folder.path });
  expect({ code: checked.code, said: said(checked.stdout) }).toEqual({ code: 0, said: expected });
  const run = await streamkit(["process", "job.yaml"], { cwd: folder.path, input: INPUT });
  expect({ code: run.code, said: said(run.stderr) }).toEqual({ code: 0, said: expected });
  expect(printed(run.stdout)).toHaveLength(5);
}, 60_000);
