/** Durations (`250ms`, `5s`, `1m`, `2h`, `1d`), sizes, times and counts as people write them. */

import { StreamkitError } from "./error.ts";

const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const SIZE_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** `"64KiB"` → 65536, `"10MB"` → 10000000. Undefined where the text is no size of whole bytes. */
export function sizeBytes(text: string): number | undefined {
  const value = /^\d+$/.test(text.trim()) ? Number(text) : scaled(text, SIZE_BYTES);
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}

/** The same for a command's flag: throws a usage error that names the flag. */
export function sizeFlagBytes(flag: string, text: string): number {
  const value = sizeBytes(text);
  if (value === undefined || value === 0)
    throw new StreamkitError("usage", `${flag} must be a size like 64KiB or 10MB: found "${text}"`);
  return value;
}

/** `"250ms"` → 250. `"0"` needs no unit. Returns undefined where the text is no duration. */
export function durationMs(text: string): number | undefined {
  return scaled(text, DURATION_MS);
}

/** 90000 → `"90s"`: the largest unit that says it without a fraction. */
export function durationText(valueMs: number): string {
  const units = Object.entries(DURATION_MS).toReversed();
  const [unit, scale] = units.find(([, scaleMs]) => valueMs >= scaleMs && valueMs % scaleMs === 0) ?? [
    "ms",
    1,
  ];
  return `${valueMs / scale}${unit}`;
}

function scaled(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  if (match === null) return undefined;
  const number = Number(match[1]);
  if (match[2] === "") return number === 0 ? 0 : undefined;
  const unit = units[match[2] ?? ""];
  return unit === undefined ? undefined : number * unit;
}

/** The same for a command's flag: throws a usage error that names the flag. */
export function durationFlagMs(flag: string, text: string): number {
  const value = durationMs(text);
  if (value === undefined)
    throw new StreamkitError("usage", `${flag} must be a duration like 250ms, 5s, 1m or 2h: found "${text}"`);
  return value;
}

/** An ISO 8601 time, taken as UTC where it names no zone; undefined for anything else. */
export function timeMs(text: string): number | undefined {
  const hasZone = /(?:Z|[+-]\d\d:?\d\d)$/i.test(text);
  const isDate = /^\d{4}-\d\d-\d\d$/.test(text);
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return undefined;
  const value = Date.parse(hasZone || isDate ? text : `${text}Z`);
  return Number.isNaN(value) ? undefined : value;
}

/** The same for a command's flag: throws a usage error that names the flag. */
export function timeFlagMs(flag: string, text: string): number {
  const value = timeMs(text);
  if (value === undefined)
    throw new StreamkitError(
      "usage",
      `${flag} must be an ISO 8601 time like 2026-01-05T14:30:00Z: found "${text}"`,
    );
  return value;
}

/** A whole number of at least `least`. Throws a usage error that names the flag. */
export function countFlag(flag: string, text: string, least: number): number {
  const value = /^\d+$/.test(text.replaceAll("_", "")) ? Number(text.replaceAll("_", "")) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < least)
    throw new StreamkitError("usage", `${flag} must be a whole number of at least ${least}: found "${text}"`);
  return value;
}

/** `1 row`, `1,234 rows`. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en-US")} ${number === 1 ? one : many}`;
}
