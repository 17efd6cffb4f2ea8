/**
 * JSON without loss: a number that a double can't hold (an integer beyond 2^53, a decimal of many digits) is
 * a string here, `\u0001` and the number's own digits, and a number again in the text that is written. So
 * values stay plain JSON values that can be compared, copied and used as keys. A string that begins with
 * `\u0001` itself has one more of them here.
 *
 * No import: the page runs this too.
 */

const MARK = "\u0001";
/** In JSON's text the mark is always escaped. */
const MARK_TEXT = String.raw`\u0001`;
const MARKED = `"${MARK_TEXT}`;
const [QUOTE, BACKSLASH, LETTER_E, POINT, MINUS, PLUS] = [34, 92, 101, 46, 45, 43];
/** As many digits a double always gives back. */
const SAFE_CHARACTERS = 15;
const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Throws what JSON.parse throws. */
export function readExactJson(text: string): unknown {
  // Nearly no text has any of it. As one expression the two would take ten times as long.
  const needsCare = /[\d.]{16}/.test(text) || /\d[eE]/.test(text) || text.includes(MARKED);
  return JSON.parse(needsCare ? replaceTokens(text, markedString, markedNumber) : text);
}

/** The other way round. */
export function writeExactJson(value: unknown): string {
  const text = JSON.stringify(value);
  return text.includes(MARKED) ? replaceTokens(text, unmarked, undefined) : text;
}

function markedString(string: string): string {
  return `"${MARK_TEXT}${string.slice(1)}`;
}

function markedNumber(digits: string): string {
  return isHeldByDouble(digits) ? digits : `"${MARK_TEXT}${digits}"`;
}

function unmarked(string: string): string {
  const rest = string.slice(MARKED.length, -1);
  return rest.startsWith(MARK_TEXT) ? `"${rest}"` : rest;
}

/**
 * The text with its marked strings, but no keys, and its numbers that are long or have an exponent replaced.
 * One pass by hand: a regular expression takes five times as long.
 */
function replaceTokens(
  text: string,
  ofString: (string: string) => string,
  ofNumber: ((digits: string) => string) | undefined,
): string {
  let replaced = "";
  let copied = 0;
  const replace = (start: number, end: number, by: string): void => {
    // A mark more or less: what is as long is what it was.
    if (by.length === end - start) return;
    replaced += text.slice(copied, start) + by;
    copied = end;
  };
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      const isMarked = text.charCodeAt(at + 1) === BACKSLASH && text.startsWith(MARKED, at);
      if (isMarked && !isKey(text, end)) replace(at, end, ofString(text.slice(at, end)));
      at = end;
    } else if (isDigit(code) || code === MINUS) {
      const start = at;
      let hasExponent = false;
      for (; isOfNumber(text.charCodeAt(at)); at += 1)
        hasExponent ||= (text.charCodeAt(at) | 32) === LETTER_E;
      if (ofNumber !== undefined && (hasExponent || at - start > SAFE_CHARACTERS))
        replace(start, at, ofNumber(text.slice(start, at)));
    } else at += 1;
  }
  return copied === 0 ? text : replaced + text.slice(copied);
}

/** After its closing quote; a string that has none ends with the text. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
  return text.length;
}

function isKey(text: string, end: number): boolean {
  return /^\s*:/.test(text.slice(end, end + 64));
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isOfNumber(code: number): boolean {
  return isDigit(code) || code === POINT || code === MINUS || code === PLUS || (code | 32) === LETTER_E;
}

/** A number's digits where a value is one, in the double's way or in the exact one; undefined where not. */
export function digitsOf(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  const isExact = typeof value === "string" && value.startsWith(MARK) && !value.startsWith(MARK + MARK);
  return isExact ? value.slice(MARK.length) : undefined;
}

/** A string as it was before it was read: without the mark that tells it from a number. */
export function plainString(value: string): string {
  return value.startsWith(MARK) ? value.slice(MARK.length) : value;
}

/** An exact number's value here; digits are not checked. */
export function exactNumber(digits: string): string {
  return MARK + digits;
}

/** Whether a double has the same decimal value, which is written again then. What is no number is let be. */
function isHeldByDouble(digits: string): boolean {
  if (digits.length <= SAFE_CHARACTERS && !/[eE]/.test(digits)) return true;
  const held = String(Number(digits));
  return held === digits || !NUMBER.test(digits) || normalForm(digits) === normalForm(held);
}

/** One text for all writings of a number: its digits without zeros around them, and where its point is. */
function normalForm(text: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = NUMBER.exec(text) ?? [];
  const all = (whole + fraction).replace(/^0+/, "");
  const digits = all.replace(/0+$/, "");
  if (digits === "") return whole;
  return `${sign}${digits}e${Number(exponent) - fraction.length + all.length - digits.length}`;
}

/** Digits without an exponent, in groups of three before the point: `1,234,567.890`. */
export function groupedDigits(digits: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = NUMBER.exec(digits) ?? [];
  if (whole === "") return digits;
  const shift = Number(exponent);
  const padded = "0".repeat(Math.max(0, -shift - whole.length + 1)) + whole + fraction;
  const point = Math.max(1, whole.length + shift);
  const before = padded
    .padEnd(point, "0")
    .slice(0, point)
    .replace(/^0+(?=\d)/, "");
  const after = padded.slice(point);
  return `${sign}${before.replaceAll(/\B(?=(?:\d{3})+$)/g, ",")}${after === "" ? "" : `.${after}`}`;
}
