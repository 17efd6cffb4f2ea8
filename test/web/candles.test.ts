/** Which queries the page takes for its chart. */

import { expect, test } from "bun:test";
import type { BatchProgress, QueryOutput } from "../../src/engine/batch-progress.ts";
import { openHub } from "../../src/server/hub.ts";
import { createCandleStore } from "../../web/candle-store.ts";
import { batchReport } from "../support/batch-report.ts";

const COLUMNS = ["open", "high", "low", "close"].map((name) => ({ name, type: "DOUBLE" }));

function candles(query: string, seconds: number, mode: "append" | "update", rows: number): QueryOutput {
  const start = Date.parse("2026-01-05T14:30:00Z");
  return {
    query,
    mode,
    key: mode === "append" ? [] : ["symbol", "window_start"],
    columns: [
      { name: "symbol", type: "VARCHAR" },
      { name: "window_start", type: "TIMESTAMP" },
      { name: "window_end", type: "TIMESTAMP" },
      ...COLUMNS,
    ],
    changes: Array.from({ length: rows }, (_, index) => ({
      op: "upsert" as const,
      row: {
        symbol: "ACME",
        window_start: new Date(start + index * seconds * 1000).toISOString(),
        window_end: new Date(start + (index + 1) * seconds * 1000).toISOString(),
        open: 1,
        high: 2,
        low: 1,
        close: 2,
      },
    })),
    omittedRows: 0,
  };
}

function outcome(outputs: readonly QueryOutput[]): BatchProgress {
  return { job: "market", report: batchReport(), outputs };
}

test("the shortest windows come first, and a query without a row yet does not come at all", () => {
  const hub = openHub();
  hub.publish(
    outcome([
      candles("day", 86_400, "update", 1),
      candles("stored", 60, "append", 0),
      candles("live", 10, "update", 3),
    ]),
  );
  const store = createCandleStore();
  store.replace(hub.state);
  expect(store.sets().map(({ query }) => query)).toEqual(["live", "day"]);
});
