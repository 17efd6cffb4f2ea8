/**
 * Dates and times as the texts that DuckDB reads: `2026-01-05T14:30:00.123456Z`, and, before our era,
 * `0044-03-15 (BC) 12:00:00Z`. Exact over all 64 bits of a count since 1970.
 */

import type { LineWriter } from "./line-writer.ts";

/** Digits of the fraction of a second: of milliseconds, microseconds, nanoseconds. */
export type FractionDigits = 3 | 6 | 9;

const QUOTE = 0x22;
const DASH = 0x2d;
const COLON = 0x3a;
const DAY_SECONDS = 86_400;

/** The last day written: events of one day stand together. */
let lastDay = Number.NaN;
let lastDayText = Buffer.alloc(0);

/** Time since 1970, by the halves of a 64-bit count. `zone` is written behind it: `Z`, or nothing. */
export function writeTimestamp(
  out: LineWriter,
  low: number,
  high: number,
  digits: FractionDigits,
  zone: string,
): void {
  const perDay = DAY_SECONDS * 10 ** digits;
  let day: number;
  let rest: number;
  if (high >= -0x200000 && high < 0x200000) {
    const count = high * 0x100000000 + (low >>> 0);
    day = Math.floor(count / perDay);
    rest = count - day * perDay;
  } else {
    const count = (BigInt(high) << 32n) | BigInt(low >>> 0);
    const remainder = count % BigInt(perDay);
    rest = Number(remainder < 0n ? remainder + BigInt(perDay) : remainder);
    day = Number((count - BigInt(rest)) / BigInt(perDay));
  }
  writeDayAndTime(out, day, rest, digits, zone);
}

/** `rest` counts from midnight, in units of `digits`. */
export function writeDayAndTime(
  out: LineWriter,
  day: number,
  rest: number,
  digits: FractionDigits,
  zone: string,
): void {
  out.ensure(64);
  out.byte(QUOTE);
  const isOurEra = writeDay(out, day);
  out.byte(isOurEra ? 0x54 : 0x20);
  writeClock(out, rest, digits);
  out.ascii(zone);
  out.byte(QUOTE);
}

export function writeDate(out: LineWriter, day: number): void {
  out.byte(QUOTE);
  writeDay(out, day);
  out.byte(QUOTE);
}

/** A time of day. `count` is a safe integer. */
export function writeTime(out: LineWriter, count: number, digits: FractionDigits): void {
  out.byte(QUOTE);
  if (count < 0) out.byte(DASH);
  writeClock(out, Math.abs(count), digits);
  out.byte(QUOTE);
}

function writeClock(out: LineWriter, count: number, digits: FractionDigits): void {
  const perSecond = 10 ** digits;
  const seconds = Math.floor(count / perSecond);
  const hours = Math.floor(seconds / 3600);
  const secondOfHour = seconds - hours * 3600;
  const minutes = (secondOfHour / 60) | 0;
  if (hours < 100) out.digits(hours, 2);
  else out.integer(hours);
  out.byte(COLON);
  out.digits(minutes, 2);
  out.byte(COLON);
  out.digits(secondOfHour - minutes * 60, 2);
  out.byte(0x2e);
  out.digits(count - seconds * perSecond, digits);
}

/** True for a day of our era; the text of another ends in `(BC)`. */
function writeDay(out: LineWriter, day: number): boolean {
  if (day !== lastDay) {
    lastDay = day;
    lastDayText = Buffer.from(dayText(day));
  }
  out.raw(lastDayText);
  return lastDayText[lastDayText.length - 1] !== 0x29;
}

/** Days since 1970 in the Gregorian calendar: http://howardhinnant.github.io/date_algorithms.html */
function dayText(day: number): string {
  const shifted = day + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0);
  const calendarMonth = month < 10 ? month + 3 : month - 9;
  const date = `-${padded(calendarMonth, 2)}-${padded(dayOfMonth, 2)}`;
  return year > 0 ? padded(year, 4) + date : `${padded(1 - year, 4)}${date} (BC)`;
}

function padded(value: number, count: number): string {
  return String(value).padStart(count, "0");
}
