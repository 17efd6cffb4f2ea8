import { expect, test } from "bun:test";
import fc from "fast-check";
import { systemClock } from "../../src/base/clock.ts";
import { openHub } from "../../src/server/hub.ts";
import { openLineFeed, parseRowLine } from "../../src/server/line-feed.ts";
import { until } from "../support/until.ts";

const CANDLES = ["A", "Bé", "A", "C"].map(
  (symbol, index) =>
    `{"query":"ohlc","batch":${index >> 1},"op":"upsert","row":{"symbol":"${symbol}",` +
    `"window_start":"2026-01-05T14:30:00.000Z","open":1,"high":2,"low":1,"close":${index}}}`,
);

test("however the bytes are cut, the rows are the same", () => {
  const bytes = Buffer.from(`${CANDLES.join("\n")}\nbroken\n\n{"query":"log","batch":9,"row":{"path":"/ü"}}`);
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat({ max: bytes.length })), (cuts) => {
      const { hub, feed } = opened();
      const ends = [...cuts.toSorted((a, b) => a - b), bytes.length];
      for (const [index, end] of ends.entries()) feed.push(bytes.subarray(ends[index - 1] ?? 0, end));
      feed.end();
      expect(rowsOf(hub, "ohlc").map((row) => [row[0], row[5]])).toEqual([
        ["Bé", 1],
        ["A", 2],
        ["C", 3],
      ]);
      expect(rowsOf(hub, "log")).toEqual([["/ü"]]);
      expect(hub.state.feed).toEqual({ kind: "lines", ended: true, brokenLines: 1 });
      expect(feed.rows).toBe(5);
    }),
  );
});

test("each batch id is a batch of its own, and the rest of the last one is not waited for long", async () => {
  const { hub, feed } = opened();
  feed.push(Buffer.from(`${CANDLES.join("\n")}\n`));
  await until("the last batch is published", () => hub.state.totals.batches === 2);
  expect(hub.state.reports.map(({ batch, inputRows }) => [batch, inputRows])).toEqual([
    [0, 2],
    [1, 2],
  ]);
});

test("a query with operations is keyed by what is no number, and deletes by it", () => {
  const { hub, feed } = opened();
  const line = (op: string, path: string, hits: number) =>
    `{"query":"top","batch":1,"op":"${op}","row":{"hits":${hits},"path":"${path}","more":null}}\n`;
  feed.push(Buffer.from(line("upsert", "/a", 1) + line("upsert", "/b", 2) + line("upsert", "/a", 3)));
  feed.push(Buffer.from(line("delete", "/b", 2)));
  feed.end();
  expect(hub.state.tables.get("top")?.key).toEqual(["path"]);
  expect(rowsOf(hub, "top")).toEqual([[3, "/a", null]]);
});

test("a row with more columns widens the table", () => {
  const { hub, feed } = opened();
  feed.push(
    Buffer.from('{"query":"q","batch":1,"row":{"a":1}}\n{"query":"q","batch":2,"row":{"a":2,"b":"x"}}\n'),
  );
  feed.end();
  expect(rowsOf(hub, "q")).toEqual([
    [1, null],
    [2, "x"],
  ]);
});

test("bare rows, as process --sql prints them, are rows too", () => {
  const { hub, feed } = opened();
  feed.push(Buffer.from('{"symbol":"A","n":1}\n{"symbol":"B","n":2}\n'));
  feed.end();
  expect(rowsOf(hub, "rows")).toEqual([
    ["A", 1],
    ["B", 2],
  ]);
});

test("what is no row is counted and nothing else", () => {
  for (const text of ["", "nonsense", "[]", "3", "null", '{"query":"q","batch":1,"op":"insert","row":{}}']) {
    expect(parseRowLine(text)).toBeUndefined();
  }
  expect(parseRowLine('{"query":"q","batch":"1","row":{}}')).toBeUndefined();
  const { hub, feed } = opened();
  feed.push(Buffer.from(`"${"x".repeat(3 * 2 ** 20)}`));
  feed.push(Buffer.from('still the same line"\n{"query":"q","batch":1,"row":{"a":1}}\n'));
  feed.end();
  expect(hub.state.feed.brokenLines).toBe(1);
  expect(rowsOf(hub, "q")).toEqual([[1]]);
});

function opened() {
  const hub = openHub({ feed: "lines" });
  return { hub, feed: openLineFeed(hub, systemClock) };
}

function rowsOf(hub: ReturnType<typeof openHub>, query: string) {
  return [...(hub.state.tables.get(query)?.rows.values() ?? [])];
}
