/** JSON numbers keep all their digits; everything else is what JSON.parse makes of it. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  digitsOf,
  groupedDigits,
  plainString,
  readExactJson,
  writeExactJson,
} from "../../../src/base/exact-json.ts";

const digits = fc
  .record({
    sign: fc.constantFrom("", "-"),
    whole: fc.bigInt({ min: 0n, max: 10n ** 39n }),
    fraction: fc.option(fc.stringMatching(/^\d{1,20}$/)),
    exponent: fc.option(fc.integer({ min: -12, max: 320 }), { freq: 2 }),
  })
  .map(
    ({ sign, whole, fraction, exponent }) =>
      `${sign}${whole}${fraction === null ? "" : `.${fraction}`}${exponent === null ? "" : `e${exponent}`}`,
  );

/** The value of a number's text, as a fraction: numerator and power of ten. */
function valueOf(text: string): string {
  const [mantissa = "", exponent = "0"] = text.toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  let numerator = BigInt(whole + fraction);
  let power = Number(exponent) - fraction.length;
  if (numerator === 0n) return "0";
  for (; numerator % 10n === 0n; numerator /= 10n) power += 1;
  return `${numerator}e${power}`;
}

test("every number is written with the value it was read with", () => {
  fc.assert(
    fc.property(digits, (text) => {
      const read = readExactJson(`{"a":[${text}]}`) as { a: [unknown] };
      const written = /\[(.*)\]/.exec(writeExactJson(read))?.[1] ?? "";
      expect(valueOf(written)).toBe(valueOf(text));
      expect(valueOf(digitsOf(read.a[0]) ?? "")).toBe(valueOf(text));
      expect(valueOf(groupedDigits(text).replaceAll(",", ""))).toBe(valueOf(text));
    }),
    { numRuns: 500 },
  );
});

test("different numbers are different values", () => {
  const [a, b] = readExactJson("[9007199254740992,9007199254740993]") as [unknown, unknown];
  expect(a).not.toBe(b);
  expect(a).toBe(9007199254740992);
});

test("any JSON comes back, strings with control characters and odd keys too", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.constantFrom("\u0001", "\u00011", "\u0001\u0001-2", '"\u00019'),
  );
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(
        text.filter((key) => key !== "__proto__"),
        tie("value"),
        { maxKeys: 4, noNullPrototype: true },
      ),
    ),
  })).value;
  fc.assert(
    fc.property(json, (value) => {
      const plain = JSON.stringify({ value, big: 12 }).replace("12}", "12345678901234567890}");
      expect(writeExactJson(readExactJson(plain))).toBe(plain);
    }),
    { numRuns: 300 },
  );
  const [marked] = readExactJson('["\\u0001123","1234567890123456"]') as [string];
  expect([digitsOf(marked), plainString(marked)]).toEqual([undefined, "\u0001123"]);
});

test("what is no JSON stays none", () => {
  for (const text of [
    "[01234567890123456789]",
    "[1234567890123456789.]",
    "[1.2.3.4.5.6.7.8.9.10.11]",
    "[12345678901234567-1]",
  ])
    expect(() => readExactJson(text)).toThrow(SyntaxError);
});

test("digits in groups, without exponents", () => {
  expect(
    ["9007199254740993", "-1234567.8900", "1e-7", "-12.5e-3", "1e21", "999", "0.5"].map(groupedDigits),
  ).toEqual([
    "9,007,199,254,740,993",
    "-1,234,567.8900",
    "0.0000001",
    "-0.0125",
    "1,000,000,000,000,000,000,000",
    "999",
    "0.5",
  ]);
});
