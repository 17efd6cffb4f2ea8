import { describe, expect, test } from "bun:test";
import { INFINITY_US } from "../../src/duckdb/sql.ts";
import { advance, openWatermarks, type Seen, type SourceTime } from "../../src/ingest/watermark.ts";

const START: SourceTime = { delayUs: 10n, maxEventTimeUs: null, watermarkUs: null };

function seen(maxEventTimeUs: bigint | null): Seen {
  return { maxEventTimeUs };
}

function timesOf(watermarks: Readonly<Record<string, bigint | null>>): ReadonlyMap<string, SourceTime> {
  return new Map(Object.entries(watermarks).map(([name, watermarkUs]) => [name, { ...START, watermarkUs }]));
}

describe("a source's watermark", () => {
  test("is the highest event time less the delay, and never goes back", () => {
    const first = advance(START, seen(100n), { endsInput: false });
    expect(first.watermarkUs).toBe(90n);
    expect(advance(first, seen(50n), { endsInput: false })).toEqual(first);
    expect(advance(first, seen(null), { endsInput: false })).toEqual(first);
    expect(advance(first, seen(101n), { endsInput: false }).watermarkUs).toBe(91n);
  });

  test("is before everything until an event has a time", () => {
    expect(advance(START, seen(null), { endsInput: false }).watermarkUs).toBeNull();
  });

  test("is that of the events when the input ends", () => {
    expect(advance(START, seen(null), { endsInput: true }).watermarkUs).toBeNull();
    const ended = advance(advance(START, seen(100n), { endsInput: false }), seen(200n), { endsInput: true });
    expect(ended).toEqual({ ...START, maxEventTimeUs: 200n, watermarkUs: 190n });
  });
});

describe("the watermark of a bounded run", () => {
  const upTo = (toComeUs: bigint | null) => ({ endsInput: false, toComeUs });

  test("stops at what is still to come, and stays where that is not known", () => {
    const held = advance(START, seen(100n), upTo(null));
    expect(held).toEqual({ ...START, maxEventTimeUs: 100n });
    const bounded = advance(held, seen(200n), upTo(50n));
    expect(bounded.watermarkUs).toBe(50n);
    expect(advance(bounded, seen(null), upTo(null)).watermarkUs).toBe(50n);
    expect(advance(bounded, seen(null), upTo(195n)).watermarkUs).toBe(190n);
    expect(advance(bounded, seen(null), { ...upTo(null), endsInput: true }).watermarkUs).toBe(190n);
  });
});

describe("the watermark of a source in partitions", () => {
  const both = ["q/0", "q/1"];
  const of = (partitions: Readonly<Record<string, bigint | null>>): Seen => {
    const times = new Map(Object.entries(partitions));
    return {
      ...seen([...times.values()].reduce((a, b) => ((b ?? 0n) > (a ?? 0n) ? b : a))),
      partitions: times,
    };
  };

  test("waits for the one that is least far, however the reading runs ahead in another", () => {
    const first = advance(START, of({ "q/0": 1000n }), { endsInput: false, holding: both });
    expect(first.watermarkUs).toBeNull();
    const second = advance(first, of({ "q/1": 100n }), { endsInput: false, holding: both });
    expect(second.watermarkUs).toBe(90n);
    expect(second.maxEventTimeUs).toBe(1000n);
    expect(advance(second, of({ "q/1": 5000n }), { endsInput: false, holding: both }).watermarkUs).toBe(990n);
  });

  test("goes on without a partition of which nothing is awaited, and never back", () => {
    const first = advance(START, of({ "q/0": 1000n, "q/1": 100n }), { endsInput: false, holding: both });
    const alone = advance(first, seen(null), { endsInput: false, holding: ["q/0"] });
    expect(alone.watermarkUs).toBe(990n);
    expect(advance(alone, of({ "q/1": 200n }), { endsInput: false, holding: both }).watermarkUs).toBe(990n);
    expect(advance(first, seen(null), { endsInput: false, holding: [] }).watermarkUs).toBe(90n);
    expect(advance(START, seen(null), { endsInput: false, holding: [] }).watermarkUs).toBeNull();
    expect(advance(alone, seen(null), { endsInput: true, holding: both }).watermarkUs).toBe(990n);
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

  test("is not known where a former version wrote the end", () => {
    const watermarks = open({ a: "5", "a+b": String(INFINITY_US) });
    expect(watermarks.of(["a"])).toBe(5n);
    expect(watermarks.of(both)).toBeNull();
  });
});
