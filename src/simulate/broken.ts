/**
 * Ways to break a line so that no reader of its format takes it. A broken line is ASCII and has no line feed.
 */

import { integerBelow, oneOf, type Random } from "./random.ts";

export type LineFormat = "ndjson" | "csv" | "combined";

export interface BrokenLine {
  readonly how: string;
  readonly line: string;
}

type Breaker = (line: string, random: Random) => string;

const BREAKERS: Readonly<Record<LineFormat, Readonly<Record<string, Breaker>>>> = {
  ndjson: {
    truncated: (line, random) => cut(line, line.length - 1, random),
    garbage,
    text_for_number: (line) => line.replace(/"price":[^,]+/, '"price":"n/a"'),
    no_time: (line) => line.replace(/"ts":"[^"]+"/, '"ts":"yesterday"'),
    missing_quote: (line) => line.replace('"symbol"', '"symbol'),
  },
  csv: {
    // Before the last comma: a cut in the last value would leave a record that fits.
    truncated: (line, random) => cut(line, line.lastIndexOf(","), random),
    garbage,
    text_for_number: (line) => line.replace(/,\d+\.\d\d,/, ",n/a,"),
    no_time: (line) => line.replace(/^[^,]+/, "yesterday"),
    extra_value: (line) => `${line},0`,
  },
  combined: {
    // Before the end of the request: a cut at the size would leave an entry of the common format.
    truncated: (line, random) => cut(line, line.indexOf('" '), random),
    garbage,
    text_for_number: (line) => line.replace(/" \d{3} /, '" abc '),
    no_time: (line) => line.replace(/\[[^\]]+\]/, "[yesterday]"),
    missing_quote: (line) => line.replace('] "', "] "),
  },
};

/** Breaks `line` in one of the ways of its format, each as likely as the others. */
export function breakLine(format: LineFormat, line: string, random: Random): BrokenLine {
  const [how, breaker] = oneOf(random, Object.entries(BREAKERS[format]));
  return { how, line: breaker(line, random) };
}

/** The first characters of the line: one at least, fewer than `below`. */
function cut(line: string, below: number, random: Random): string {
  return line.slice(0, 1 + integerBelow(random, below - 1));
}

const GARBAGE = "#%&*+;<=>?@^_~abcdefghijklmnopqrstuvwxyz0123456789 ";

/** Noise that starts with `#` and has no quote, comma, bracket or brace. */
function garbage(_line: string, random: Random): string {
  const length = 8 + integerBelow(random, 60);
  return `#${Array.from({ length }, () => GARBAGE.charAt(integerBelow(random, GARBAGE.length))).join("")}`;
}
