/** The judge of windows is tested by hand-made answers. */

import { expect, test } from "bun:test";
import { callText, plus, type Span, timeText, type WindowsCall, windowsOf } from "./brute-force.ts";

const US = 1000n;
const at = (iso: string): bigint => BigInt(Date.parse(iso)) * US;
const months = (count: number): Span => ({ months: count, us: 0n });
const minutes = (count: number): Span => ({ months: 0, us: BigInt(count) * 60_000_000n });

function texts(iso: string, call: WindowsCall): readonly string[] {
  return windowsOf(at(iso), call).map(({ startUs, endUs }) => `${timeText(startUs)} ${timeText(endUs)}`);
}

test("a size that is no multiple of the slide", () => {
  const call: WindowsCall = { kind: "hop", step: minutes(2), size: minutes(5), originUs: undefined };
  expect(texts("2026-01-05T10:00:30Z", call)).toEqual([
    "2026-01-05T10:00:00.000Z 2026-01-05T10:05:00.000Z",
    "2026-01-05T09:58:00.000Z 2026-01-05T10:03:00.000Z",
    "2026-01-05T09:56:00.000Z 2026-01-05T10:01:00.000Z",
  ]);
});

test("days that a month does not have, before 1970 too", () => {
  expect(timeText(plus(at("2024-01-31T05:00:00Z"), months(1), 1))).toBe("2024-02-29T05:00:00.000Z");
  expect(timeText(plus(at("1967-03-31T05:00:00Z"), months(1), -1))).toBe("1967-02-28T05:00:00.000Z");
  expect(timeText(plus(-1n, { months: 0, us: 1n }, 1))).toBe("1970-01-01T00:00:00.000Z");
  expect(timeText(-1n)).toBe("1969-12-31T23:59:59.999999Z");
});

test("windows that grow by days end with their month", () => {
  const call: WindowsCall = {
    kind: "cumulate",
    step: minutes(20 * 1440),
    size: months(1),
    originUs: undefined,
  };
  expect(texts("2023-02-05T00:00:00Z", call)).toEqual([
    "2023-02-01T00:00:00.000Z 2023-02-21T00:00:00.000Z",
    "2023-02-01T00:00:00.000Z 2023-03-01T00:00:00.000Z",
  ]);
});

test("a call is written with its origin", () => {
  const call: WindowsCall = {
    kind: "tumble",
    step: months(1),
    size: months(1),
    originUs: at("2024-02-01T00:00:00Z"),
  };
  expect(callText(call)).toBe(
    "tumble(ticks, ts, INTERVAL '1 months 0 microseconds', origin := TIMESTAMP '2024-02-01T00:00:00.000Z')",
  );
});
