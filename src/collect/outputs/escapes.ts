/**
 * Paths with escapes: `%{header}` and parts of a time as `%Y-%m-%d`, the ones that Flume has. Headers come
 * from outside: none can lead out of the folder.
 */

import { crc32 } from "node:zlib";
import { StreamkitError } from "../../base/error.ts";
import type { EventBlock } from "../../tail/block.ts";

export interface PathOptions {
  /** Of the parts of a time. */
  readonly timezone: string;
  /** Times are rounded down to a multiple of it; 0 = not at all. */
  readonly roundMs: number;
  /** The time where a block has no header `timestamp`, or is not asked for it. */
  readonly nowMs: () => number;
  readonly usesClock: boolean;
}

type Time = Temporal.ZonedDateTime;

const two = (value: number): string => String(value).padStart(2, "0");
const named = (time: Time, options: Intl.DateTimeFormatOptions): string =>
  time.toLocaleString("en-US", options);

const PARTS: Readonly<Record<string, (time: Time) => string>> = {
  Y: ({ year }) => String(year),
  y: ({ year }) => two(year % 100),
  m: ({ month }) => two(month),
  n: ({ month }) => String(month),
  d: ({ day }) => two(day),
  e: ({ day }) => String(day),
  H: ({ hour }) => two(hour),
  k: ({ hour }) => String(hour),
  I: ({ hour }) => two(hour % 12 === 0 ? 12 : hour % 12),
  l: ({ hour }) => String(hour % 12 === 0 ? 12 : hour % 12),
  M: ({ minute }) => two(minute),
  S: ({ second }) => two(second),
  p: ({ hour }) => (hour < 12 ? "am" : "pm"),
  j: ({ dayOfYear }) => String(dayOfYear).padStart(3, "0"),
  a: (time) => named(time, { weekday: "short" }),
  A: (time) => named(time, { weekday: "long" }),
  b: (time) => named(time, { month: "short" }),
  B: (time) => named(time, { month: "long" }),
  D: ({ month, day, year }) => `${two(month)}-${two(day)}-${two(year % 100)}`,
  s: ({ epochMilliseconds }) => String(Math.floor(epochMilliseconds / 1000)),
  t: ({ epochMilliseconds }) => String(epochMilliseconds),
  z: ({ offset }) => offset.replace(":", ""),
};

/** What a missing header stands for, so that the path has no hole. */
const MISSING = "none";

/** Throws code `job` for an escape that is none. */
export function pathMaker(
  template: string,
  options: PathOptions,
): (headers: EventBlock["headers"]) => string {
  const escapes = /%(?:\{([^}]*)\}|(%)|(.?))/g;
  for (const [whole, , , letter] of template.matchAll(escapes))
    if (letter !== undefined && PARTS[letter] === undefined)
      throw new StreamkitError(
        "job",
        `"${whole}" is no escape of a path: %{HEADER} and %${Object.keys(PARTS).join(" %")} are`,
      );
  const usesTime = [...template.matchAll(escapes)].some(([, , , letter]) => letter !== undefined);
  let last:
    | { readonly headers: EventBlock["headers"]; readonly ms: number; readonly path: string }
    | undefined;
  return (headers) => {
    const ms = usesTime ? rounded(timeMs(headers, options), options.roundMs) : 0;
    if (last?.headers === headers && last.ms === ms) return last.path;
    const time = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(options.timezone);
    const path = template.replace(escapes, (_whole, header?: string, percent?: string, letter?: string) => {
      if (percent !== undefined) return "%";
      return header === undefined ? (PARTS[letter ?? ""]?.(time) ?? "") : safe(headers[header] ?? "");
    });
    last = { headers, ms, path };
    return path;
  };
}

function timeMs(headers: EventBlock["headers"], { nowMs, usesClock }: PathOptions): number {
  const told = usesClock ? Number.NaN : Number(headers["timestamp"] ?? Number.NaN);
  return Number.isSafeInteger(told) && Math.abs(told) < 8.64e15 ? told : Math.floor(nowMs());
}

function rounded(ms: number, roundMs: number): number {
  return roundMs > 0 ? Math.floor(ms / roundMs) * roundMs : ms;
}

/** What no file system takes in a name, and a colon, which HDFS refuses. */
const UNSAFE = /[/\\:\p{Cc}]/gu;

function safe(value: string): string {
  const name = value.replaceAll(UNSAFE, "_");
  return name === "" || name === "." || name === ".." ? MISSING : name;
}

/**
 * A name has 255 bytes at most. What is put behind it must fit too: the number, the id, a suffix, `.gz` and
 * the number of a copy.
 */
const MAX_NAME_BYTES = 160;
export const MAX_SUFFIX_BYTES = 60;

/** The path with names that every file system takes; long ones that differ stay apart by a checksum. */
export function withShortNames(path: string): string {
  return path.split("/").map(shortened).join("/");
}

function shortened(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= MAX_NAME_BYTES) return name;
  const mark = `~${crc32(bytes).toString(16).padStart(8, "0")}`;
  let end = MAX_NAME_BYTES - mark.length;
  while (((bytes[end] ?? 0) & 0b1100_0000) === 0b1000_0000) end -= 1;
  return `${bytes.toString("utf8", 0, end)}${mark}`;
}
