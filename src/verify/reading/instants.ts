/**
 * Days and instants out of a text, as counts from 1970 by arithmetic of its own: the proleptic Gregorian
 * calendar, and the zones of `Temporal`.
 */

const SPACE = String.raw`[ \t\n\f\r]`;
const DAY = new RegExp(
  String.raw`^${SPACE}*(\d{4,6})([-/])(\d{1,2})\2(\d{1,2})( \(BC\))?` +
    String.raw`(?:(?:[Tt]|${SPACE}+)(?=\d)(.*?))?${SPACE}*$`,
  "s",
);
const CLOCK = new RegExp(
  String.raw`^(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d*))?)?(?:${SPACE}*(z|utc|gmt|[+-].*))?$`,
  "is",
);
const OFFSET = /^([+-])(\d\d)(?::?(\d\d)(?::?(\d\d))?)?$/;
const INFINITE = new RegExp(`^${SPACE}*(-?)infinity${SPACE}*$`, "i");
const SECONDS_A_DAY = 86_400;
const MOST = 9_223_372_036_854_775_806n;

interface Written {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly days: number;
  /** Since midnight. */
  readonly seconds: number;
  /** The digits behind the point, without zeros at their end. */
  readonly fraction: string;
  /** East of UTC; undefined where none is written. */
  readonly offsetSeconds: number | undefined;
}

/** Days since 1970, `infinity` or `-infinity`. A time that is not midnight, or an offset, makes it no day. */
export function dayText(text: string): string | undefined {
  const infinite = infiniteText(text);
  if (infinite !== undefined) return infinite;
  const written = writtenOf(text);
  if (written === undefined || written.offsetSeconds !== undefined) return undefined;
  return written.seconds === 0 && written.fraction === "" ? String(written.days) : undefined;
}

/**
 * Since 1970 in units of 10^-unitDigits s. A fraction of more than `keptDigits` does not fit.
 */
export function instantText(
  text: string,
  { unitDigits, keptDigits, zone }: { unitDigits: 6 | 9; keptDigits: number; zone: string | undefined },
): string | undefined {
  const infinite = infiniteText(text);
  if (infinite !== undefined) return infinite;
  const written = writtenOf(text);
  if (written === undefined || written.fraction.length > keptDigits) return undefined;
  const offset = written.offsetSeconds ?? (zone === undefined ? 0 : zoneOffset(written, zone));
  const seconds = BigInt(written.days) * BigInt(SECONDS_A_DAY) + BigInt(written.seconds) - BigInt(offset);
  const count = seconds * 10n ** BigInt(unitDigits) + BigInt(written.fraction.padEnd(unitDigits, "0"));
  return count >= -MOST && count <= MOST ? String(count) : undefined;
}

function infiniteText(text: string): string | undefined {
  const found = INFINITE.exec(text);
  return found === null ? undefined : `${found[1]}infinity`;
}

function writtenOf(text: string): Written | undefined {
  const found = DAY.exec(text);
  if (found === null) return undefined;
  const [, yearText, , monthText, dayOfMonth, isBefore, clockText] = found;
  const year = isBefore === undefined ? Number(yearText) : 1 - Number(yearText);
  const [month, day] = [Number(monthText), Number(dayOfMonth)];
  if (month < 1 || month > 12 || day < 1 || day > monthDays(year, month)) return undefined;
  const date = { year, month, day, days: daysSince1970(year, month, day) };
  if (clockText === undefined) return { ...date, seconds: 0, fraction: "", offsetSeconds: undefined };
  const clock = CLOCK.exec(clockText);
  if (clock === null) return undefined;
  const [, hours, minutes, second = "0", fraction = "", zone] = clock;
  const [h, m, s] = [Number(hours), Number(minutes), Number(second)];
  const isMidnight = h === 24 && m === 0 && s === 0 && /^0*$/.test(fraction);
  if ((h > 23 && !isMidnight) || m > 59 || s > 59) return undefined;
  const offsetSeconds = zone === undefined ? undefined : offsetOf(zone);
  if (zone !== undefined && offsetSeconds === undefined) return undefined;
  return { ...date, seconds: h * 3600 + m * 60 + s, fraction: fraction.replace(/0+$/, ""), offsetSeconds };
}

function offsetOf(zone: string): number | undefined {
  if (/^[zug]/i.test(zone)) return 0;
  const [whole, sign, hours, minutes = "0", seconds = "0"] = OFFSET.exec(zone) ?? [];
  const [h, m, s] = [Number(hours), Number(minutes), Number(seconds)];
  if (whole === undefined || h > 23 || m > 59 || s > 59) return undefined;
  return (sign === "-" ? -1 : 1) * (h * 3600 + m * 60 + s);
}

/**
 * East of UTC. Of a time that comes twice when clocks are set back the second is meant; one that clocks pass
 * over has the offset of before.
 */
function zoneOffset({ year, month, day, seconds }: Written, zone: string): number {
  const wall = Temporal.PlainDateTime.from({ year, month, day }).add({ seconds });
  const meant = wall.toZonedDateTime(zone, { disambiguation: "later" });
  return (wall.toZonedDateTime("UTC").epochMilliseconds - meant.epochMilliseconds) / 1000;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function monthDays(year: number, month: number): number {
  return month === 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** Counted from the first of March, so that leap days end their years. */
function daysSince1970(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const monthsSinceMarch = (month + 9) % 12;
  const daysOfYears =
    365 * marchYear + Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return daysOfYears + Math.floor((153 * monthsSinceMarch + 2) / 5) + day - 1 - 719_468;
}
