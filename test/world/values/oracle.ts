/**
 * What a text is as a value of a type, by arithmetic of its own: digits are BigInts, days are counted. It
 * knows nothing of DuckDB.
 */

/** A value as the JSON of a row has it; undefined where the text does not fit. */
export type Verdict = string | undefined;

interface Decimal {
  /** The value is `digits` times 10 to the `exponent`. */
  readonly digits: bigint;
  readonly exponent: number;
}

function decimalOf(text: string): Decimal | undefined {
  const match = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?\s*$/i.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  if (whole + fraction === "") return undefined;
  const digits = BigInt(whole + fraction);
  return { digits: sign === "-" ? -digits : digits, exponent: Number(exponent) - fraction.length };
}

/** The value times 10^scale; undefined where that is no integer. */
function scaled(text: string, scale: number): bigint | undefined {
  const decimal = decimalOf(text);
  if (decimal === undefined) return undefined;
  const shift = decimal.exponent + scale;
  if (shift >= 0) return decimal.digits * 10n ** BigInt(shift);
  const divisor = 10n ** BigInt(-shift);
  return decimal.digits % divisor === 0n ? decimal.digits / divisor : undefined;
}

const BITS: Readonly<Record<string, number>> = {
  TINYINT: 8,
  SMALLINT: 16,
  INTEGER: 32,
  BIGINT: 64,
  HUGEINT: 128,
};

function integer(text: string, type: string): Verdict {
  const value = scaled(text, 0);
  const isUnsigned = type.startsWith("U");
  const bits = BigInt(BITS[isUnsigned ? type.slice(1) : type] ?? 0);
  const [least, most] = isUnsigned ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
  return value === undefined || value < least || value > most ? undefined : String(value);
}

function decimal(text: string, width: number, scale: number): Verdict {
  const value = scaled(text, scale);
  if (value === undefined || value >= 10n ** BigInt(width) || value <= -(10n ** BigInt(width)))
    return undefined;
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${value < 0n ? "-" : ""}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ""}`;
}

function float(text: string, isSingle: boolean): Verdict {
  if (/^\s*[+-]?(?:nan|inf|infinity)\s*$/i.test(text)) return "null";
  if (decimalOf(text) === undefined) return undefined;
  const double = Number(text);
  const value = isSingle ? Math.fround(double) : double;
  if (!Number.isFinite(value)) return undefined;
  // The shortest digits that give a value back are what it is written as.
  const isInteger = /^\s*[+-]?\d+\s*$/.test(text);
  if (isInteger && (value !== double || scaled(String(double), 0) !== scaled(text, 0))) return undefined;
  return String(value);
}

/** A day's number since 1970-01-01; undefined where there is no such day. */
function dayNumber(year: number, month: number, day: number): bigint | undefined {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  if (month < 1 || month > 12 || day < 1 || day > (lengths[month - 1] ?? 0)) return undefined;
  const years = year - 1;
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  const before = lengths.slice(0, month - 1).reduce((sum, length) => sum + length, 0);
  return BigInt(years) * 365n + BigInt(leapDays + before + day - 1) - 719_162n;
}

const DATE = String.raw`(\d{4,6})[-/](\d{1,2})[-/](\d{1,2})`;

function date(text: string): Verdict {
  if (/^\s*-?infinity\s*$/i.test(text)) return `"${text.trim().toLowerCase()}"`;
  const match = new RegExp(String.raw`^\s*${DATE}(?:[Tt ]\s*0?0:00(?::00(?:[.,]0*)?)?)?\s*$`).exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0] = match.slice(1).map(Number);
  if (dayNumber(year, month, day) === undefined) return undefined;
  const two = (value: number): string => String(value).padStart(2, "0");
  return `"${String(year).padStart(4, "0")}-${two(month)}-${two(day)}"`;
}

const TIME = String.raw`(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d*))?)?`;
const OFFSET = String.raw`((?:z|utc|gmt))|([+-])([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d))?)?`;

/**
 * Microseconds since 1970. `offsetOf`: of a local time, as if it were UTC, the seconds that its zone is
 * ahead.
 */
export function timestampUs(text: string, offsetOf: (localUs: bigint) => bigint): bigint | undefined {
  const match = new RegExp(String.raw`^\s*${DATE}(?:(?:t|\s+)${TIME}\s*(?:${OFFSET})?)?\s*$`, "i").exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", utc, sign, ...offset] =
    match;
  const days = dayNumber(Number(year), Number(month), Number(day));
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  if (days === undefined || Number(minute) > 59 || Number(second) > 59 || seconds > 86_400) return undefined;
  if (/[1-9]/.test(fraction.slice(6)) || (seconds === 86_400 && /[1-9]/.test(fraction))) return undefined;
  const localUs =
    (days * 86_400n + BigInt(seconds)) * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, "0"));
  if (utc !== undefined) return localUs;
  if (sign === undefined) return localUs - offsetOf(localUs) * 1_000_000n;
  const [hours = "0", minutes = "0", more = "0"] = offset;
  const ahead = BigInt(hours) * 3600n + BigInt(minutes) * 60n + BigInt(more);
  return localUs - (sign === "-" ? -ahead : ahead) * 1_000_000n;
}

/** `2026-01-05T14:30:00.123Z`, with six digits where there are microseconds. */
export function timestampText(us: bigint): string {
  const floored = us / 1000n - (us % 1000n < 0n ? 1n : 0n);
  const rest = us - floored * 1000n;
  const text = new Date(Number(floored)).toISOString().replace(/^\+0/, "");
  return rest === 0n ? text : text.replace("Z", `${String(rest).padStart(3, "0")}Z`);
}

function timestamp(text: string): Verdict {
  // Rows have no JSON for it.
  if (/^\s*-?infinity\s*$/i.test(text)) return "null";
  const us = timestampUs(text, () => 0n);
  return us === undefined ? undefined : `"${timestampText(us)}"`;
}

export function verdict(text: string, type: string): Verdict {
  const [, width, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(type) ?? [];
  if (width !== undefined) return decimal(text, Number(width), Number(scale));
  switch (type) {
    case "VARCHAR":
      return JSON.stringify(text);
    case "DOUBLE":
    case "FLOAT":
      return float(text, type === "FLOAT");
    case "BOOLEAN":
      if (!/^\s*(?:true|false|t|f|yes|no|y|n)\s*$/i.test(text)) return undefined;
      return String(/^\s*[ty]/i.test(text));
    case "DATE":
      return date(text);
    case "TIMESTAMP":
      return timestamp(text);
    default:
      return integer(text, type);
  }
}
