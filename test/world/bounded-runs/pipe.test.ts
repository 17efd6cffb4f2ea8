/** What can't be read twice is held to its end: nothing of a pipe is late where --once takes it for whole. */

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { emptyFolder } from "../../support/binary.ts";
import { rowsOf, start } from "../../support/running.ts";
import { until } from "../../support/until.ts";
import { runIn, writtenIn } from "./bounded.ts";

const LINES = ["12:00:00", "10:00:00", "09:59:59"].map((time) => `{"ts":"2026-01-05T${time}"}\n`);
const COUNT = "SELECT window_start, count(*) AS n FROM tumble(input, ts, INTERVAL 1 HOUR) GROUP BY ALL";

/** How many rows each way of running gives of lines that come one batch after the other. */
async function rowsOfPipe(folder: string, flags: readonly string[]): Promise<number> {
  const state = path.join(folder, "state");
  const args = ["process", "--schema", "ts TIMESTAMP", "--sql", COUNT, "--checkpoint", state, "--batch", "0"];
  await using running = await start([...args, ...flags]);
  const journal = path.join(state, "live.ndjson");
  for (const [index, line] of LINES.entries()) {
    await running.feed(line);
    await until("the batch of the line", async () => {
      const text = existsSync(journal) ? await Bun.file(journal).text() : "";
      const rows = text.split("\n").filter((outcome) => outcome.includes('"inputRows":1'));
      return rows.length > index;
    });
  }
  await running.endInput();
  const { stdout } = await running.finished();
  return rowsOf<{ n: number }>(stdout).length;
}

test("a pipe with --once is whole; without, it is live", async () => {
  using whole = emptyFolder();
  expect(await rowsOfPipe(whole.path, ["--once"])).toBe(3);
  using live = emptyFolder();
  expect(await rowsOfPipe(live.path, [])).toBe(1);
});

test("files that are being written, and a simulator", async () => {
  using folder = emptyFolder();
  mkdirSync(path.join(folder.path, "in"));
  writeFileSync(path.join(folder.path, "in/log"), LINES.join("").repeat(20));
  const simulated = {
    kind: "quotes",
    rate: 0,
    count: 3000,
    start: "2026-01-05T10:00:00Z",
    step: "1s",
    late: 0.2,
    symbols: 3,
    seed: 5,
  };
  const job = {
    sources: {
      log: { from: "tail:in/log", schema: { ts: "TIMESTAMP" }, watermark: "0s" },
      quotes: {
        from: { simulate: simulated },
        schema: { ts: "TIMESTAMP", symbol: "VARCHAR" },
        watermark: "0s",
      },
    },
    queries: {
      logged: COUNT.replace("input", "log"),
      quoted: COUNT.replace("input", "quotes"),
    },
    sinks: ["logged", "quoted"].map((from) => ({ from, to: `file:out/${from}.ndjson` })),
  };
  const { lateRows, batches } = await runIn(folder.path, JSON.stringify(job), {
    bounds: { segmentBytes: 100, heldRows: 0 },
  });
  expect(batches).toBeGreaterThan(5);
  expect(lateRows).toBe(0);
  const total = (query: string): number =>
    writtenIn(folder.path, query).reduce((sum, row) => sum + (JSON.parse(row) as { n: number }).n, 0);
  expect(total("logged")).toBe(60);
  expect(total("quoted")).toBe(3000);
});
