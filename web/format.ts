/** Figures and times as people read them. */

import { digitsOf, groupedDigits, plainString, writeExactJson } from "../src/base/exact-json.ts";

const count = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-US", {
  notation: "compact",
  minimumSignificantDigits: 3,
  maximumSignificantDigits: 3,
});
const decimals = new Intl.NumberFormat("en-US", { maximumFractionDigits: 4 });
const UNKNOWN = "–";

const pricesByDigits = new Map<number, Intl.NumberFormat>();

export function countText(value: number): string {
  return count.format(value);
}

/** 1.23M */
export function compactText(value: number | undefined): string {
  return value === undefined ? UNKNOWN : value < 10_000 ? count.format(value) : compact.format(value);
}

/** How many decimals prices of this size are quoted with. */
export function priceDigits(price: number): number {
  const size = Math.abs(price);
  return size >= 1 || size === 0 ? 2 : size >= 0.01 ? 4 : 6;
}

export function priceText(price: number, digits = priceDigits(price)): string {
  let format = pricesByDigits.get(digits);
  if (format === undefined) {
    format = new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    pricesByDigits.set(digits, format);
  }
  return format.format(price);
}

/** +1.25% */
export function percentText(percent: number): string {
  if (!Number.isFinite(percent)) return UNKNOWN;
  const rounded = percent.toFixed(2).replace("-0.00", "0.00");
  return `${rounded.startsWith("-") || rounded === "0.00" ? "" : "+"}${rounded.replace("-", "−")}%`;
}

/** 4.2 ms, 1.3 s, 5 min */
export function durationText(durationMs: number | undefined): string {
  if (durationMs === undefined) return UNKNOWN;
  if (durationMs < 9.95) return `${Number(durationMs.toFixed(1))} ms`;
  if (durationMs < 999.5) return `${Math.round(durationMs)} ms`;
  if (durationMs < 120_000) return `${Number((durationMs / 1000).toFixed(1))} s`;
  if (durationMs < 7_200_000) return `${Math.round(durationMs / 60_000)} min`;
  return `${Number((durationMs / 3_600_000).toFixed(1))} h`;
}

/** The name of a window's length: 1m, 4h, 1d. Undefined where it is not known. */
export function windowText(windowMs: number): string | undefined {
  if (windowMs <= 0) return undefined;
  const units: readonly (readonly [number, string])[] = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "m"],
    [1_000, "s"],
  ];
  const [unitMs, unit] = units.find(([size]) => windowMs % size === 0) ?? [1, "ms"];
  return `${windowMs / unitMs}${unit}`;
}

/** 2026-01-05 14:30:00 */
export function timeText(timeMs: number | null): string {
  return timeMs === null ? UNKNOWN : new Date(timeMs).toISOString().slice(0, 19).replace("T", " ");
}

/** One value of a table of any query: integers and decimals with all their digits, a DOUBLE with some. */
export function cellText(value: unknown, type = ""): string {
  if (value === null || value === undefined) return UNKNOWN;
  if (typeof value === "number" && !type.startsWith("DECIMAL"))
    return Number.isInteger(value) ? count.format(value) : decimals.format(value);
  const digits = digitsOf(value);
  if (digits !== undefined) return groupedDigits(digits);
  if (typeof value !== "string") return writeExactJson(value);
  const time = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?(\.\d+)?Z$/.exec(value);
  if (time === null) return plainString(value);
  const fraction = (time[4] ?? "").replace(/\.?0+$/, "");
  return `${time[1]} ${time[2]}${time[3] === ":00" && fraction === "" ? "" : (time[3] ?? "") + fraction}`;
}
