/**
 * The first event time of a file, from its first bytes alone: enough to say which of two files is older. It
 * is a guess, made without the format's reader; whether a row is late is never decided by it.
 */

import { headerOf } from "./header.ts";
import type { SourceContext } from "./source.ts";

type Reading = Pick<SourceContext, "format" | "hasHeader" | "delimiter" | "timeColumn">;

/** Of so many bytes, the lines are looked at until one tells a time. */
export const FIRST_BYTES = 65_536;
const MAX_LINES = 100;

/** Milliseconds since 1970; undefined where no line tells a time. `head`: the file's first bytes. */
export function firstTimeMs(head: Uint8Array, reading: Reading): number | undefined {
  const whole = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const text = whole.subarray(0, FIRST_BYTES).toString("latin1").replace(/^\0+/, "");
  const lines = text.split("\n", MAX_LINES);
  const column = reading.hasHeader ? columnIn(whole, reading) : undefined;
  for (const line of reading.hasHeader ? lines.slice(1) : lines) {
    const time = timeOfLine(line, reading, column);
    if (time !== undefined) return time;
  }
  return undefined;
}

function timeOfLine(line: string, reading: Reading, column: TimeColumn | undefined): number | undefined {
  if (reading.format.name === "json") return timeOfRecord(line, reading.timeColumn) ?? timeInText(line);
  const value = column === undefined ? undefined : line.split(column.delimiter)[column.index];
  return (value === undefined ? undefined : timeOfText(value.replaceAll('"', ""))) ?? timeInText(line);
}

interface TimeColumn {
  readonly index: number;
  readonly delimiter: string;
}

function columnIn(head: Uint8Array, { delimiter, timeColumn }: Reading): TimeColumn | undefined {
  try {
    const header = headerOf(head, delimiter, "");
    const index = header.names.findIndex((name) => isNamed(name, timeColumn));
    return index < 0 ? undefined : { index, delimiter: header.delimiter ?? "," };
  } catch {
    return undefined;
  }
}

function isNamed(name: string, column: string): boolean {
  return name.toLowerCase() === column.toLowerCase();
}

function timeOfRecord(line: string, column: string): number | undefined {
  try {
    const record = JSON.parse(line) as unknown;
    if (typeof record !== "object" || record === null) return undefined;
    const value = Object.entries(record).find(([name]) => isNamed(name, column))?.[1] as unknown;
    if (typeof value === "number") return epochMs(value);
    return typeof value === "string" ? timeOfText(value) : undefined;
  } catch {
    return undefined;
  }
}

function timeOfText(text: string): number | undefined {
  return /^\s*\d+(?:\.\d+)?\s*$/.test(text) ? epochMs(Number(text)) : timeInText(text);
}

/** Seconds, milliseconds, microseconds or nanoseconds, told by their size: from 1973 to 5138. */
function epochMs(value: number): number | undefined {
  const seconds = 1e8;
  if (value < seconds || value >= 1e20) return undefined;
  for (const [factor, limit] of [
    [1000, 1e11],
    [1, 1e14],
    [1e-3, 1e17],
  ] as const)
    if (value < limit) return value * factor;
  return value * 1e-6;
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const ZONE = String.raw`Z|[+-]\d{2}(?::?\d{2})?`;
const CLOCK = String.raw`(\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?(${ZONE})?`;
const ISO = new RegExp(String.raw`(\d{4})[-/](\d{2})[-/](\d{2})(?:[T ]${CLOCK})?`);
/** As web servers write it: `05/Jan/2026:14:30:00 +0100`. */
const COMMON_LOG = /(\d{2})\/([A-Za-z]{3})\/(\d{4}):(\d{2}):(\d{2}):(\d{2})(?: ([+-]\d{4}))?/;

/** The first time in a line. One without a year, or without a day, tells nothing. */
function timeInText(text: string): number | undefined {
  const iso = ISO.exec(text);
  const log = COMMON_LOG.exec(text);
  if (log !== null && (iso === null || log.index < iso.index)) {
    const [, day, month = "", year, hour, minute, second, zone] = log;
    const monthIndex = MONTHS.indexOf(month.toLowerCase());
    if (monthIndex < 0) return undefined;
    return (
      Date.UTC(Number(year), monthIndex, Number(day), Number(hour), Number(minute), Number(second)) -
      zoneMs(zone)
    );
  }
  if (iso === null) return undefined;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "0", zone] = iso;
  const wholeMs = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  return wholeMs + Number(`0.${fraction}`) * 1000 - zoneMs(zone);
}

function zoneMs(zone: string | undefined): number {
  const match = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone ?? "");
  if (match === null) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  return (match[1] === "-" ? -1 : 1) * minutes * 60_000;
}
