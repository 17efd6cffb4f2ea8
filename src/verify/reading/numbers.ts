/** Numbers out of their digits: with BigInt where they are exact, the nearest value where they are binary. */

const DIGITS = String.raw`\d+(?:_\d+)*`;
const NUMBER = new RegExp(
  String.raw`^[ \t\n\f\r]*([+-]?)(?:(${DIGITS})(?:\.(${DIGITS})?)?|\.(${DIGITS}))` +
    String.raw`(?:[eE]([+-]?\d{1,4}))?[ \t\n\f\r]*$`,
);
const NOT_FINITE = /^[ \t\n\f\r]*([+-]?)(nan|inf|infinity)[ \t\n\f\r]*$/i;
/** No type holds more digits. */
const MAX_ZEROS = 400;

interface Digits {
  readonly sign: "" | "-";
  readonly digits: string;
  /** The value is digits × 10^exponent. */
  readonly exponent: number;
  /** Neither a point nor an exponent. */
  readonly isPlain: boolean;
}

function digitsOf(text: string): Digits | undefined {
  const found = NUMBER.exec(text);
  if (found === null) return undefined;
  const [, sign, whole = "", fraction = "", alone = "", exponent] = found;
  const behind = (fraction + alone).replaceAll("_", "");
  return {
    sign: sign === "-" ? "-" : "",
    digits: whole.replaceAll("_", "") + behind,
    exponent: Number(exponent ?? 0) - behind.length,
    isPlain: !text.includes(".") && exponent === undefined,
  };
}

/** The number times 10^scale, where that is an integer. */
function unscaled(text: string, scale: number): bigint | undefined {
  const number = digitsOf(text);
  if (number === undefined) return undefined;
  const value = BigInt(number.digits) * (number.sign === "-" ? -1n : 1n);
  const zeros = number.exponent + scale;
  if (value === 0n) return 0n;
  if (zeros > MAX_ZEROS || -zeros > number.digits.length) return undefined;
  if (zeros >= 0) return value * 10n ** BigInt(zeros);
  const divisor = 10n ** BigInt(-zeros);
  return value % divisor === 0n ? value / divisor : undefined;
}

const BITS: ReadonlyMap<string, number> = new Map([
  ["TINYINT", 8],
  ["SMALLINT", 16],
  ["INTEGER", 32],
  ["BIGINT", 64],
  ["HUGEINT", 128],
]);

export function isIntegerType(type: string): boolean {
  return BITS.has(type.replace(/^U/, ""));
}

export function integerText(text: string, type: string): string | undefined {
  const value = unscaled(text, 0);
  const bits = BITS.get(type.replace(/^U/, ""));
  if (value === undefined || bits === undefined) return undefined;
  const isSigned = !type.startsWith("U");
  const limit = 1n << BigInt(isSigned ? bits - 1 : bits);
  return value >= (isSigned ? -limit : 0n) && value < limit ? String(value) : undefined;
}

export function decimalText(text: string, precision: number, scale: number): string | undefined {
  const value = unscaled(text, scale);
  if (value === undefined) return undefined;
  const size = value < 0n ? -value : value;
  if (size >= 10n ** BigInt(precision)) return undefined;
  const digits = String(size).padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${value < 0n ? "-" : ""}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ""}`;
}

/** Whether a value fits is the engine's own matter. */
export const UNDECIDED = Symbol("undecided");

/** An integer beyond those that are all values of the type must come back with its own digits. */
export function floatText(text: string, type: "DOUBLE" | "FLOAT"): string | undefined {
  const word = NOT_FINITE.exec(text);
  if (word !== null) {
    if (/nan/i.test(word[2] ?? "")) return "NaN";
    return word[1] === "-" ? "-Infinity" : "Infinity";
  }
  const number = digitsOf(text);
  if (number === undefined) return undefined;
  const nearest = Number(`${number.sign}${number.digits}e${number.exponent}`);
  const value = type === "FLOAT" ? Math.fround(nearest) : nearest;
  if (!Number.isFinite(value)) return undefined;
  const exactBelow = type === "FLOAT" ? 2 ** 24 : 2 ** 53;
  if (number.isPlain && Math.abs(value) >= exactBelow) {
    const isSame = unscaled(String(nearest), 0) === unscaled(text, 0);
    if (value !== nearest || !isSame) return undefined;
  }
  return numberText(value);
}

/** With the sign of zero. */
export function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}
