/** What interceptors do to blocks, and that they keep every byte they don't mean to change. */

import { describe, expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import type { Intercept } from "../../src/collect/interceptors/interceptor.ts";
import { interceptorKinds } from "../../src/collect/interceptors/list.ts";
import type { EventBlock } from "../../src/tail/block.ts";
import { blockOf, textOf } from "./channels.ts";

let numbers = 0;
const context = {
  clock: { ...systemClock, nowMs: () => 1_767_623_400_123.7 },
  host: { name: "shop-1", address: "192.0.2.7" },
  uuid: () => `uuid-${(numbers += 1)}`,
};

function created(name: string, options: unknown): Intercept {
  const kind = interceptorKinds.find((each) => each.name === name);
  if (kind === undefined) throw new Error(`no interceptor ${name}`);
  return kind.create(kind.options.parse(options), context);
}

const seen = (blocks: readonly EventBlock[]) =>
  blocks.map((block) => [textOf([block]), block.headers, block.events] as const);

const LOG = ["INFO a", "INFO b", "WARN c", "WARN d", "INFO e"];

describe("the whole block is one where nothing differs", () => {
  test.each([
    ["timestamp", {}, { timestamp: "1767623400123" }],
    ["timestamp", { header: "at" }, { at: "1767623400123" }],
    ["host", {}, { host: "shop-1" }],
    ["host", { address: true, header: "ip" }, { ip: "192.0.2.7" }],
    ["static", { headers: { dc: "fra", env: "test" } }, { dc: "fra", env: "test" }],
    ["regex-extract", { pattern: "nothing(?<x>.)" }, {}],
    ["filter", { include: "INFO|WARN" }, {}],
  ])("%s %j", (name, options, added) => {
    const block = blockOf(LOG, { file: "a.log" });
    const after = created(name, options)(block);
    expect(seen(after)).toEqual([[textOf([block]), { file: "a.log", ...added }, 5]]);
    expect(after[0]?.bytes).toBe(block.bytes);
  });
});

describe("headers that are there already", () => {
  test.each([
    ["timestamp", { keep: true }, "old"],
    ["timestamp", {}, "1767623400123"],
    ["static", { headers: { timestamp: "new" } }, "old"],
    ["static", { headers: { timestamp: "new" }, keep: false }, "new"],
    ["uuid", { header: "timestamp" }, "old"],
  ])("%s %j", (name, options, value) => {
    const [after] = created(name, options)(blockOf(["x"], { timestamp: "old" }));
    expect(after?.headers).toEqual({ timestamp: value });
  });

  test("are removed by name and by pattern", () => {
    const block = blockOf(["x"], { file: "f", a1: "1", a2: "2", ba1: "3" });
    const [after] = created("remove-header", { names: ["file"], matching: String.raw`a\d` })(block);
    expect(after?.headers).toEqual({ ba1: "3" });
    const untouched = blockOf(["x"], { other: "1" });
    expect(created("remove-header", { names: ["file"] })(untouched)[0]).toBe(untouched);
  });
});

describe("a block is cut into runs", () => {
  test("where a named group finds another value", () => {
    const after = created("regex-extract", { pattern: "^(?<level>[A-Z]+) (?<rest>[ae])?" })(
      blockOf(LOG, { file: "f" }),
    );
    expect(seen(after)).toEqual([
      ["INFO a\n", { file: "f", level: "INFO", rest: "a" }, 1],
      ["INFO b\n", { file: "f", level: "INFO" }, 1],
      ["WARN c\nWARN d\n", { file: "f", level: "WARN" }, 2],
      ["INFO e\n", { file: "f", level: "INFO", rest: "e" }, 1],
    ]);
  });

  test("by groups without names", () => {
    const after = created("regex-extract", { pattern: "(?i)^i(..)O (.)", groups: ["middle", "letter"] });
    expect(seen(after(blockOf(["INFO a", "WARN b"])))).toEqual([
      ["INFO a\n", { middle: "NF", letter: "a" }, 1],
      ["WARN b\n", {}, 1],
    ]);
  });

  test("by a filter, which keeps and drops", () => {
    expect(seen(created("filter", { exclude: "WARN" })(blockOf(LOG)))).toEqual([
      ["INFO a\nINFO b\n", {}, 2],
      ["INFO e\n", {}, 1],
    ]);
    expect(created("filter", { include: "(?i)nobody" })(blockOf(LOG))).toEqual([]);
    expect(textOf(created("filter", { include: "(?i)warn", exclude: "c" })(blockOf(LOG)))).toBe("WARN d\n");
  });

  test("of many lines where events have ends of their own", () => {
    const bytes = Buffer.from("ERROR x\n  at y\nINFO z\nERROR v\n  at w\n");
    const block = { bytes, ends: Uint32Array.of(15, 22, bytes.length), events: 3, headers: {} };
    const after = created("filter", { include: "ERROR[^]*at" })(block);
    expect(after.map(({ ends, events }) => [[...(ends ?? [])], events])).toEqual([
      [[15], 1],
      [[15], 1],
    ]);
    expect(textOf(after)).toBe("ERROR x\n  at y\nERROR v\n  at w\n");
  });

  test("of single events by UUIDs", () => {
    numbers = 0;
    const after = created("uuid", { prefix: "p-" })(blockOf(["a", "b"]));
    expect(seen(after)).toEqual([
      ["a\n", { id: "p-uuid-1" }, 1],
      ["b\n", { id: "p-uuid-2" }, 1],
    ]);
  });
});

describe("search-replace", () => {
  const replace = (pattern: string, replacement: string, bytes: Buffer): EventBlock => {
    const events = bytes.filter((byte) => byte === 10).length;
    return created("search-replace", { pattern, replacement })({
      bytes,
      events,
      headers: { h: "1" },
    })[0] as EventBlock;
  };

  test("replaces wherever it finds, with groups", () => {
    const after = replace(
      String.raw`(\d{4})-?\d{8}(\d{4})`,
      "$1…$2",
      Buffer.from("card 4111111111111111, é\nnone\n"),
    );
    expect(textOf([after])).toBe("card 4111…1111, é\nnone\n");
    expect(after).toMatchObject({ events: 2, headers: { h: "1" }, ends: undefined });
  });

  test("leaves a block in which nothing is found as it is", () => {
    const bytes = Buffer.from("abc\n");
    expect(replace("x", "y", bytes).bytes).toBe(bytes);
  });

  test("keeps bytes that are not UTF-8", () => {
    const after = replace("b", "B", Buffer.from("a\xe9b\n€\nb\n", "latin1"));
    expect(Buffer.from(after.bytes).toString("latin1")).toBe("a\xe9B\n\xac\nB\n");
  });

  test("keeps an event one, though it has two lines then", () => {
    const after = replace(", ", "\n", Buffer.from("a, b\nc\n"));
    expect([...(after.ends ?? [])]).toEqual([4, 6]);
  });
});

test.each([
  ["filter", {}],
  ["filter", { include: "(" }],
  ["regex-extract", { pattern: "a", group: [] }],
  ["remove-header", {}],
  ["static", { headers: { a: 1 } }],
])("%s refuses %j", (name, options) => {
  expect(() => created(name, options)).toThrow();
});
