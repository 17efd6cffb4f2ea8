import { describe, expect, test } from "bun:test";
import { INFINITY_US } from "../../src/duckdb/sql.ts";
import { advance, openWatermarks, type SourceTime } from "../../src/engine/watermark.ts";

const START: SourceTime = { delayUs: 10n, maxEventTimeUs: null, watermarkUs: null };

function timesOf(watermarks: Readonly<Record<string, bigint | null>>): ReadonlyMap<string, SourceTime> {
  return new Map(Object.entries(watermarks).map(([name, watermarkUs]) => [name, { ...START, watermarkUs }]));
}

describe("a source's watermark", () => {
  test("is the highest event time less the delay, and never goes back", () => {
    const first = advance(START, 100n, false);
    expect(first.watermarkUs).toBe(90n);
    expect(advance(first, 50n, false)).toEqual(first);
    expect(advance(first, null, false)).toEqual(first);
    expect(advance(first, 101n, false).watermarkUs).toBe(91n);
  });

  test("is before everything until an event has a time", () => {
    expect(advance(START, null, false).watermarkUs).toBeNull();
  });

  test("is beyond everything when the input ends, with or without events", () => {
    expect(advance(START, null, true).watermarkUs).toBe(INFINITY_US);
    expect(advance(advance(START, 100n, false), 200n, true).maxEventTimeUs).toBe(200n);
  });
});

describe("the watermark of several sources", () => {
  const both = ["a", "b"];
  const open = (saved: Readonly<Record<string, string>> = {}) => openWatermarks([["a"], ["b"], both], saved);

  test("is the least; one that has said nothing holds it", () => {
    const watermarks = open();
    expect(watermarks.next(both, timesOf({ a: 5n, b: 3n }), [])).toBe(3n);
    expect(watermarks.next(both, timesOf({ a: 5n, b: null }), [])).toBeNull();
  });

  test("goes on without idle sources, unless all are", () => {
    const watermarks = open();
    expect(watermarks.next(both, timesOf({ a: 5n, b: 3n }), ["b"])).toBe(5n);
    expect(watermarks.next(both, timesOf({ a: 5n, b: 3n }), ["a", "b"])).toBe(3n);
    expect(watermarks.next(both, timesOf({ a: 5n, b: null }), ["b"])).toBe(5n);
  });

  test("never goes back when an idle source speaks again, nor over a restart", () => {
    const watermarks = open();
    watermarks.advance(timesOf({ a: 50n, b: 3n }), ["b"]);
    expect(watermarks.of(both)).toBe(50n);
    watermarks.advance(timesOf({ a: 50n, b: 4n }), []);
    expect(watermarks.of(both)).toBe(50n);
    expect(watermarks.of(["b"])).toBe(4n);
    const again = open(watermarks.toJson());
    expect(again.of(["b", "a"])).toBe(50n);
    expect(again.next(both, timesOf({ a: 60n, b: 55n }), [])).toBe(55n);
  });

  test("ends when all sources have ended", () => {
    const watermarks = open();
    watermarks.advance(timesOf({ a: INFINITY_US, b: 3n }), []);
    expect(watermarks.of(both)).toBe(3n);
    watermarks.advance(timesOf({ a: INFINITY_US, b: INFINITY_US }), []);
    expect(watermarks.of(both)).toBe(INFINITY_US);
    expect(open(watermarks.toJson()).of(both)).toBe(INFINITY_US);
  });
});
