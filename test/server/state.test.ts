import { expect, test } from "bun:test";
import type { Json } from "../../src/engine/batch-progress.ts";
import type { TableDelta } from "../../src/server/protocol.ts";
import { applyDelta, emptyState, STATE_BOUNDS } from "../../src/server/state.ts";
import { marketFeed } from "./market-feed.ts";

const BOUNDS = { ...STATE_BOUNDS, maxKeyedRows: 3, maxAppendRows: 2 };

test("of a table with a key the row that changed longest ago is forgotten first", () => {
  const state = emptyState("engine");
  apply(state, {
    mode: "update",
    rows: [
      [1, "a"],
      [2, "a"],
      [3, "a"],
    ],
  });
  apply(state, {
    mode: "update",
    rows: [
      [1, "b"],
      [4, "a"],
    ],
  });
  expect(rowsOf(state)).toEqual([
    [3, "a"],
    [1, "b"],
    [4, "a"],
  ]);
});

test("a deletion takes the row of its key, and a deletion of none is no news", () => {
  const state = emptyState("engine");
  apply(state, {
    mode: "update",
    rows: [
      [1, "a"],
      [2, "a"],
      [1, "x"],
      [9, "x"],
    ],
    deleted: [2, 3],
  });
  expect(rowsOf(state)).toEqual([[2, "a"]]);
});

test("append rows without a key are kept as they came, the newest of them, equal ones too", () => {
  const state = emptyState("engine");
  apply(state, {
    mode: "append",
    key: [],
    rows: [
      [1, "a"],
      [2, "b"],
      [2, "b"],
    ],
  });
  expect(rowsOf(state)).toEqual([
    [2, "b"],
    [2, "b"],
  ]);
});

test("complete rows without a key replace the table; an empty batch leaves it", () => {
  const state = emptyState("engine");
  apply(state, {
    mode: "complete",
    key: [],
    rows: [
      [1, "a"],
      [2, "b"],
    ],
  });
  apply(state, { mode: "complete", key: [], rows: [[3, "c"]] });
  apply(state, { mode: "complete", key: [], rows: [] });
  expect(rowsOf(state)).toEqual([[3, "c"]]);
});

test("totals are sums over all batches, also those whose reports are forgotten", () => {
  const state = emptyState("engine");
  const feed = marketFeed({ symbols: 5 });
  let inputRows = 0;
  for (let batch = 0; batch < 400; batch += 1) {
    const { job, report } = feed.next();
    inputRows += report.inputRows;
    applyDelta(state, { kind: "batch", job, report, tables: [] });
  }
  expect(state.totals).toMatchObject({ batches: 400, inputRows });
  expect(state.reports.map(({ batch }) => batch)).toEqual(
    Array.from({ length: 300 }, (_, index) => 100 + index),
  );
});

function apply(
  state: ReturnType<typeof emptyState>,
  change: Pick<TableDelta, "mode" | "rows"> & Partial<TableDelta>,
) {
  const columns = ["id", "text"].map((name) => ({ name, type: "VARCHAR" }));
  const table: TableDelta = { query: "q", key: ["id"], columns, deleted: [], omittedRows: 0, ...change };
  const { job, report } = marketFeed({ symbols: 1 }).next();
  applyDelta(state, { kind: "batch", job, report, tables: [table] }, BOUNDS);
}

function rowsOf(state: ReturnType<typeof emptyState>): readonly (readonly Json[])[] {
  return [...(state.tables.get("q")?.rows.values() ?? [])];
}
