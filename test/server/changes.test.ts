/** However slowly or often a reader reads, what it has in the end is what there is. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { readExactJson } from "../../src/base/exact-json.ts";
import { type LogBounds, openChangeLog } from "../../src/server/changes/change-log.ts";
import { openLiveQueries } from "../../src/server/changes/live-queries.ts";
import { openReader, type Reader } from "../../src/server/changes/reader.ts";
import type { KeyFilter, Part } from "../../src/server/changes/topic.ts";
import { openHub } from "../../src/server/hub.ts";
import type { TableDelta, Values } from "../../src/server/protocol.ts";
import { batchOf } from "./batch-of.ts";

/** So small that deletions and rows are forgotten within a few batches. */
const TIGHT: LogBounds = { maxRows: 1000, maxAppendRows: 5, maxChars: 2 ** 20, maxDeletions: 2 };

type Row = Readonly<Record<string, unknown>>;

/** What a client does with a part: rows by their key, or all of them in a list. */
function clientOf(key: readonly string[]) {
  const rows = new Map<string, Row>();
  let omitted = 0;
  let appended = 0;
  return {
    rows,
    omitted: () => omitted,
    appended: () => appended,
    take(part: Part): void {
      const message = readExactJson(part.text()) as {
        type: string;
        omitted: number;
        rows: Row[];
        deleted: Row[];
      };
      if (message.type === "snapshot") rows.clear();
      omitted += message.omitted;
      appended += message.rows.length;
      for (const row of message.deleted) rows.delete(JSON.stringify(key.map((name) => row[name])));
      for (const row of message.rows) rows.set(JSON.stringify(key.map((name) => row[name])), row);
    },
  };
}

const update = fc.record({ id: fc.nat({ max: 9 }), value: fc.nat({ max: 3 }), isDeleted: fc.boolean() });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("batch" as const), rows: fc.array(update) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("read" as const), client: fc.nat({ max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("resume" as const), client: fc.nat({ max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("widen" as const) }) },
);

test("a reader that reads now and then, goes away and resumes, has the rows that there are", () => {
  const filters: readonly KeyFilter[] = [{}, { id: [1, 2, 3] }, { id: [7], value: [0, 1] }];
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const hub = openHub();
      const live = openLiveQueries(hub, TIGHT);
      let columns = ["id", "value"];
      const publish = (rows: readonly { id: number; value: number; isDeleted: boolean }[]): void =>
        hub.publish(batchOf(hub.sequence + 1, { query: "q", key: ["id"], columns, rows }));
      publish([]);
      const clients = filters.map((filter) => {
        const client = clientOf(["id"]);
        let reached = { instance: live.instance, sequence: 0 };
        let reader = openReader(live, "q", { filter });
        const one = {
          filter,
          rows: client.rows,
          read(): boolean {
            const part = reader?.next();
            if (part === undefined) return false;
            client.take(part);
            reached = { instance: live.instance, sequence: part.cursor.sequence };
            return true;
          },
          resume() {
            reader?.close();
            reader = openReader(live, "q", { filter, resume: reached });
          },
        };
        return one;
      });
      for (const each of steps) {
        if (each.kind === "batch") publish(each.rows);
        else if (each.kind === "widen")
          columns = columns.length === 2 ? ["id", "value", "more"] : ["id", "value"];
        else clients[each.client]?.[each.kind]();
      }
      const all = (live.logs.get("q")?.rows((changes) => changes, 1000) ?? []).map(
        ({ text }) => readExactJson(text) as Row,
      );
      for (const client of clients) {
        while (client.read());
        const wanted = all.filter((row) =>
          Object.entries(client.filter).every(([name, values]) => values.includes(row[name] as number)),
        );
        const isInFilter = (row: Row): boolean =>
          Object.entries(client.filter).every(([name, values]) => values.includes(row[name] as number));
        const byId = (a: Row, b: Row): number => Number(a["id"]) - Number(b["id"]);
        // A filter on a column that is no key: a row that has left it is not told of.
        const isOfKey = Object.keys(client.filter).every((name) => name === "id");
        const found = [...client.rows.values()].filter(isInFilter).toSorted(byId);
        if (isOfKey) expect(found).toEqual(wanted.toSorted(byId));
        else expect(wanted.filter((row) => found.every((one) => !Bun.deepEquals(one, row)))).toEqual([]);
      }
    }),
    { numRuns: 300 },
  );
});

test("an append query's reader has every row, or is told how many it has not", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 8 }), fc.nat({ max: 3 }), fc.boolean())), (steps) => {
      const log = openChangeLog(delta([]), TIGHT);
      const all = (changes: Parameters<Parameters<typeof log.after>[1]>[0]) => changes;
      let written = 0;
      let given = 0;
      let cursor = log.after(undefined, all, 64).cursor;
      for (const [rows, omittedRows, reads] of steps) {
        log.apply(1, { ...delta(Array.from({ length: rows }, () => [(written += 1)])), omittedRows });
        written += omittedRows;
        if (!reads) continue;
        const part = log.after(cursor, all, 64);
        given += part.changes.length + part.omittedRows;
        cursor = part.cursor;
      }
      for (let hasMore = true; hasMore; ) {
        const part = log.after(cursor, all, 64);
        given += part.changes.length + part.omittedRows;
        cursor = part.cursor;
        hasMore = part.hasMore;
      }
      expect(given).toBe(written);
    }),
  );
});

test("readers who have come equally far share one text", () => {
  const hub = openHub();
  const live = openLiveQueries(hub);
  hub.publish(batchOf(1, { query: "q", key: ["id"], columns: ["id"], rows: [{ id: 1 }] }));
  const readers = Array.from(
    { length: 3 },
    () => openReader(live, "q", { filter: { id: ["1", 2] } }) as Reader,
  );
  const parts = readers.map((reader) => reader.next());
  expect(new Set(parts).size).toBe(1);
  expect(readers[0]?.topic.id).toBe(readers[2]?.topic.id ?? -1);
  for (const reader of readers) reader.close();
  const [again] = [openReader(live, "q", { filter: { id: [2, 1] } })];
  expect(again?.topic.id).not.toBe(readers[0]?.topic.id ?? -1);
});

test("a snapshot of many rows comes in parts, also while rows change and deletions are forgotten", () => {
  const hub = openHub();
  const live = openLiveQueries(hub, { ...TIGHT, maxRows: 20_000, maxChars: 2 ** 22 });
  const publish = (ids: readonly number[], isDeleted = false): void =>
    hub.publish(
      batchOf(hub.sequence + 1, {
        query: "q",
        key: ["id"],
        columns: ["id", "text"],
        rows: ids.map((id) => ({ id, text: "x".repeat(500), isDeleted })),
      }),
    );
  for (let first = 0; first < 4000; first += 500) publish(Array.from({ length: 500 }, (_, at) => first + at));
  publish([1, 2, 3, 4, 5], true);
  const client = clientOf(["id"]);
  const reader = openReader(live, "q");
  let parts = 0;
  for (let part = reader?.next(); part !== undefined; part = reader?.next()) {
    expect(part.text().length).toBeLessThan(80_000);
    client.take(part);
    parts += 1;
    if (parts === 3) publish([6, 7, 8, 9], true);
  }
  expect(parts).toBeGreaterThan(10);
  expect(client.rows.size).toBe(3991);
});

function delta(rows: readonly Values[]): TableDelta {
  return {
    query: "q",
    mode: "append",
    key: [],
    columns: [{ name: "n", type: "BIGINT" }],
    rows,
    deleted: [],
    omittedRows: 0,
  };
}
