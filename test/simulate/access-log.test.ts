/** The simulated access log has the features that people look for in a real one. */

import { describe, expect, test } from "bun:test";
import { errorBursts } from "../../src/simulate/access-log.ts";
import { linesOf, streamOf } from "./stream.ts";

const ENTRY = new RegExp(
  [
    String.raw`^(?<client>\S+) - (?<user>\S+) \[(?<time>[^\]]+)\]`,
    String.raw`"(?<request>-|[^"]+)" (?<status>\d+) (?<size>\S+)`,
    String.raw`"(?<referrer>[^"]*)" "(?<agent>.*)"$`,
  ].join(" "),
);

interface Entry {
  readonly client: string;
  readonly user: string;
  readonly time: string;
  readonly method: string;
  readonly path: string;
  readonly protocol: string;
  readonly status: number;
  readonly size: string;
  readonly referrer: string;
  readonly agent: string;
}

/** Two days, an entry every four seconds. */
const entries = linesOf(streamOf({ kind: "access-log", start: "2026-01-05", step: "4s" }, 43_200).text).map(
  entryOf,
);

function entryOf(line: string): Entry {
  const groups = ENTRY.exec(line)?.groups;
  expect({ line, fits: groups !== undefined }).toEqual({ line, fits: true });
  const { request = "", status, ...rest } = groups as Record<string, string>;
  const [method = "", path = "", protocol = ""] = request.split(" ");
  return { ...(rest as unknown as Entry), method, path, protocol, status: Number(status) };
}

function countBy(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

const isRobot = ({ agent }: Entry): boolean => /bot|python|facebookexternalhit|PriceWatch|^-$/i.test(agent);
const hourOf = ({ time }: Entry): number => Number(time.slice(12, 14));

describe("the access log", () => {
  test("has few hot paths and many cold ones", () => {
    const counts = [...countBy(entries.map(({ path }) => path)).values()].toSorted((a, b) => b - a);
    expect(counts.length).toBeGreaterThan(250);
    expect(counts.slice(0, 10).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(entries.length * 0.3);
  });

  test("has robots at all hours and people mostly by day", () => {
    const shareAt = (hour: number): number => {
      const then = entries.filter((entry) => hourOf(entry) === hour);
      return then.filter(isRobot).length / then.length;
    };
    expect(shareAt(8)).toBeGreaterThan(2 * shareAt(20));
    expect(shareAt(20)).toBeGreaterThan(0.05);
    expect(entries.filter(({ path }) => path === "/robots.txt").every(isRobot)).toBe(true);
  });

  test("has bursts of 5xx and next to none between them", () => {
    const isFailing = errorBursts(1);
    const startMs = Date.parse("2026-01-05");
    const failures = (during: boolean): number => {
      const then = entries.filter((_, index) => isFailing(startMs + index * 4000) === during);
      return then.filter(({ status }) => status >= 500).length / then.length;
    };
    expect(failures(true)).toBeGreaterThan(0.2);
    expect(failures(false)).toBeLessThan(0.005);
  });

  test("has IPv4 and IPv6 clients, many protocols, statuses and methods, and absent values", () => {
    const seen = (key: "protocol" | "method"): Set<string> => new Set(entries.map((entry) => entry[key]));
    expect(entries.filter(({ client }) => client.includes(":")).length).toBeGreaterThan(1000);
    expect([...seen("protocol")].toSorted()).toEqual(["", "HTTP/1.0", "HTTP/1.1", "HTTP/2.0"]);
    expect([...seen("method")].toSorted()).toEqual(["-", "GET", "POST"]);
    for (const status of [200, 206, 301, 302, 304, 401, 403, 404, 408, 500, 502, 503, 504])
      expect(entries.filter((entry) => entry.status === status).length).toBeGreaterThan(0);
    for (const key of ["user", "size", "referrer", "agent"] as const) {
      const missing = entries.filter((entry) => entry[key] === "-").length;
      expect(missing).toBeGreaterThan(0);
      expect(missing).toBeLessThan(entries.length);
    }
    expect(entries.some(({ agent }) => agent.includes(String.raw`\"`))).toBe(true);
  });

  test("gives an asset the same size each time", () => {
    const sizes = entries.filter(({ path, status }) => path === "/css/site.css" && status === 200);
    expect(new Set(sizes.map(({ size }) => size)).size).toBe(1);
  });
});

test("bursts last half a minute to two, in about a third of the ten minutes", () => {
  const isFailing = errorBursts(42);
  const slots = 600;
  const lengths = Array.from(
    { length: slots },
    (_, slot) =>
      Array.from({ length: 600 }, (_, second) => isFailing(slot * 600_000 + second * 1000)).filter(Boolean)
        .length,
  );
  const bursts = lengths.filter((seconds) => seconds > 0);
  expect(bursts.length / slots).toBeGreaterThan(0.28);
  expect(bursts.length / slots).toBeLessThan(0.42);
  expect(Math.min(...bursts)).toBeGreaterThanOrEqual(30);
  expect(Math.max(...bursts)).toBeLessThanOrEqual(120);
});
