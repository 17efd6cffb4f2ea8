/** Texts as they come: numbers at the edges of types, times in every form, and what is neither. */

import fc from "fast-check";

const digits = (least: number, most: number): fc.Arbitrary<string> =>
  fc
    .array(fc.integer({ min: 0, max: 9 }), { minLength: least, maxLength: most })
    .map((each) => each.join(""));

const number = fc
  .record({
    sign: fc.constantFrom("", "", "-", "+"),
    whole: fc.oneof(digits(1, 4), digits(1, 24)),
    fraction: fc.oneof(
      fc.constant(""),
      fc.constantFrom(".0", ".00", ".5", ".10", "."),
      digits(1, 22).map((each) => `.${each}`),
    ),
    exponent: fc.oneof(
      { weight: 4, arbitrary: fc.constant("") },
      { weight: 1, arbitrary: fc.integer({ min: -12, max: 24 }).map((each) => `e${each}`) },
    ),
  })
  .map(({ sign, whole, fraction, exponent }) => sign + whole + fraction + exponent);

/** The last values of types, and their neighbours. */
const edge = fc
  .record({
    power: fc.constantFrom(7n, 8n, 15n, 16n, 24n, 31n, 32n, 53n, 63n, 64n, 127n),
    by: fc.integer({ min: -2, max: 2 }),
    isNegative: fc.boolean(),
    after: fc.constantFrom("", "", ".0", ".5", ".00000000000000000001"),
  })
  .map(({ power, by, isNegative, after }) => `${(isNegative ? -1n : 1n) * 2n ** power + BigInt(by)}${after}`);

const two = (least: number, most: number): fc.Arbitrary<string> =>
  fc.integer({ min: least, max: most }).map((each) => String(each).padStart(2, "0"));

const offset = fc.oneof(
  fc.constantFrom("", "Z", "z", " Z", " UTC", " GMT", "+00:00", "-00:00"),
  fc
    .record({ sign: fc.constantFrom("+", "-"), hour: two(0, 24), minute: two(0, 60), form: fc.nat(3) })
    .map(({ sign, hour, minute, form }) => {
      const rest = [`:${minute}`, minute, "", `:${minute}:30`][form] ?? "";
      return sign + hour + rest;
    }),
  fc.constantFrom(" +05:30", " -0330", " CET", " Europe/Berlin", "+2", "[UTC]", " +05:30 "),
);

export const time = fc
  .record({
    year: fc.oneof(fc.integer({ min: 1990, max: 2040 }), fc.integer({ min: 1000, max: 9998 })),
    month: two(1, 12),
    day: two(1, 31),
    between: fc.constantFrom("T", "T", " ", "t", "  "),
    clock: fc.oneof(
      { weight: 1, arbitrary: fc.constantFrom("00:00", "00:00:00", "24:00:00", "23:59:60", "12", "7:05:09") },
      {
        weight: 4,
        arbitrary: fc
          .record({ hour: two(0, 23), minute: two(0, 59), second: two(0, 59) })
          .map(({ hour, minute, second }) => `${hour}:${minute}:${second}`),
      },
    ),
    fraction: fc.oneof(
      fc.constant(""),
      fc.constantFrom(".0", ".123", ".123456", ".1234567", ".123456000", ",5", ".000000001"),
      digits(1, 10).map((each) => `.${each}`),
    ),
    offset,
  })
  .map(({ year, month, day, between, clock, fraction, offset: zone }) => {
    const withFraction = /:\d\d:\d\d$/.test(clock) ? clock + fraction : clock;
    return `${year}-${month}-${day}${between}${withFraction}${zone}`;
  });

const day = fc
  .record({ year: fc.integer({ min: 1000, max: 9999 }), month: two(0, 13), day: two(0, 32) })
  .map(({ year, month, day: number }) => `${year}-${month}-${number}`);

const word = fc.constantFrom(
  ..."true false True FALSE t f yes no Y 1 0 on n/a nan NaN inf -Infinity".split(" "),
  ..."null NULL 0x1F 007 +49 1e 1e999".split(" "),
  "1,5",
  "1.5.2",
  "--5",
  "05/01/2026",
  "2026-02-30",
  "yesterday",
  " 12 ",
  " true",
  "12 kg",
  "{}",
  "[1]",
);

export const text = fc.oneof(
  { weight: 5, arbitrary: number },
  { weight: 4, arbitrary: edge },
  { weight: 4, arbitrary: time },
  { weight: 1, arbitrary: day },
  { weight: 3, arbitrary: word },
);

/** How a line of each format holds a text as the only value; undefined where it can't. */
export const HOLDERS: Readonly<Record<string, (value: string) => string | undefined>> = {
  "a JSON string": (value) => `{"v":${JSON.stringify(value)}}`,
  "bare JSON": (value) =>
    /^(?:true|false|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?)$/.test(value) ? `{"v":${value}}` : undefined,
  csv: (value) => `"${value}"`,
  regex: (value) => `<${value}>`,
};

export function wayOf(
  holder: string,
  type: string,
): {
  readonly format: string;
  readonly columns: Readonly<Record<string, string>>;
  readonly header?: readonly string[];
  readonly pattern?: string;
} {
  const columns = { v: type };
  if (holder === "csv") return { format: "csv", columns, header: ["v"] };
  if (holder === "regex") return { format: "regex", columns, pattern: "^<(?<v>.*)>$" };
  return { format: "json", columns };
}
