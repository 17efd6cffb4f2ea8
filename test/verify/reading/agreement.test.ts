/** On lines of every kind, good and bad, the engine and the independent reading agree. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Database, openDatabase } from "../../../src/duckdb/database.ts";
import { readingText } from "../../../src/verify/reading/words.ts";
import { checked, type Way } from "./check.ts";

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 1 });
});
afterAll(() => database.close());

const digits = (least: number, most: number) =>
  fc
    .array(fc.constantFrom(..."0123456789".split("")), { minLength: least, maxLength: most })
    .map((all) => all.join(""));
const optional = <T>(what: fc.Arbitrary<T>, weight = 1) =>
  fc.oneof({ weight: 2, arbitrary: fc.constant("") }, { weight, arbitrary: what.map(String) });
const text = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((all) => all.join(""));
const two = (most: number) =>
  fc.integer({ min: 0, max: most }).map((value) => String(value).padStart(2, "0"));

const edges = fc.constantFrom(
  ...[7, 8, 15, 16, 31, 32, 53, 63, 64, 127, 128].flatMap((bits) =>
    [-1n, 0n, 1n].flatMap((more) => [
      String((1n << BigInt(bits)) + more),
      String(-(1n << BigInt(bits)) + more),
    ]),
  ),
);
const jsonNumber = fc.oneof(
  edges,
  text(
    optional(fc.constant("-")),
    fc.oneof(fc.constant("0"), text(fc.constantFrom(..."123456789".split("")), digits(0, 25))),
    optional(text(fc.constant("."), digits(1, 12))),
    optional(text(fc.constantFrom("e", "E", "e-", "e+"), digits(1, 2))),
  ),
);
const numberText = fc.oneof(
  jsonNumber,
  text(
    fc.constantFrom("", "", " ", "\t"),
    fc.constantFrom("", "+", "-", "--"),
    digits(0, 20),
    optional(text(fc.constantFrom(".", ",", "_"), digits(0, 6))),
    optional(text(fc.constant("e"), digits(0, 2))),
    fc.constantFrom("", "", " ", "x", "%"),
  ),
  fc.constantFrom(
    "nan",
    "inf",
    "-Infinity",
    "0x1F",
    "1_000",
    "1__0",
    ".",
    "-",
    "1e",
    "007",
    "+7",
    "1.0",
    "1.50",
  ),
);
const word = fc.constantFrom(
  "true",
  "FALSE",
  "t",
  "f",
  "Yes",
  "no",
  "y",
  "N",
  "1",
  "0",
  "on",
  "off",
  "tru",
  " true ",
);
const day = text(
  fc.oneof(fc.constantFrom("2026", "2024", "1900", "1969", "0001", "9999"), digits(4, 4)),
  fc.constantFrom("-", "-", "-", "/"),
  fc.oneof(two(13), fc.integer({ min: 0, max: 13 }).map(String)),
  fc.constantFrom("-", "-", "-", "/"),
  fc.oneof(two(32), fc.integer({ min: 1, max: 31 }).map(String)),
);
const clock = text(
  fc.constantFrom("T", " ", "t", "  "),
  two(24),
  fc.constant(":"),
  two(60),
  optional(text(fc.constant(":"), two(60), optional(text(fc.constantFrom(".", ","), digits(0, 10)))), 6),
  optional(
    fc.oneof(
      fc.constantFrom(
        "Z",
        "z",
        " Z",
        "UTC",
        " utc",
        "+02",
        "-0530",
        " +02:00",
        " CET",
        "+2",
        "+01:00:30",
        "Z ",
      ),
      text(fc.constantFrom("+", "-"), two(24), fc.constantFrom("", ":"), two(60)),
    ),
    4,
  ),
);
const time = fc.oneof(
  text(day, optional(clock, 8)),
  text(fc.constantFrom("2026-01-05", "2026-03-29", "2026-10-25"), clock),
  fc.constantFrom(
    "infinity",
    "-Infinity",
    "now",
    "today",
    "epoch",
    "2026-01-05 00:00",
    "2026-01-05T00:00:00.000",
  ),
);
const letters = fc.oneof(
  fc.string({ maxLength: 12, unit: "grapheme" }),
  fc.constantFrom("007", "NULL", "null", "ü"),
);
const anyText = fc.oneof(numberText, word, time, letters, fc.constantFrom("", " "));

const TYPES = [
  ...["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"].flatMap((type) => [type, `U${type}`]),
  "DECIMAL(4,1)",
  "DECIMAL(18,3)",
  "DECIMAL(38,10)",
  "DECIMAL(9,0)",
  "DOUBLE",
  "FLOAT",
  "BOOLEAN",
  "VARCHAR",
  "DATE",
  "TIMESTAMP",
  "TIMESTAMP_S",
  "TIMESTAMP_MS",
  "TIMESTAMP_NS",
  "TIMESTAMP WITH TIME ZONE",
];

function valueOf(type: string): fc.Arbitrary<string> {
  const own = /INT|DEC|DOUB|FLOA/.test(type)
    ? numberText
    : /DATE|TIME/.test(type)
      ? time
      : type === "BOOLEAN"
        ? word
        : letters;
  return fc.oneof({ weight: 5, arbitrary: own }, { weight: 1, arbitrary: anyText });
}

/** A value of JSON in its own writing. */
function jsonOf(type: string): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 4, arbitrary: valueOf(type).map((value) => JSON.stringify(value)) },
    { weight: /INT|DEC|DOUB|FLOA/.test(type) ? 6 : 1, arbitrary: jsonNumber },
    {
      weight: 1,
      arbitrary: fc.constantFrom("true", "false", "null", "[1]", '{"a":1.50}', "01", "-", "nul", "1."),
    },
  );
}

const ZONES = [undefined, undefined, "Europe/Berlin", "America/New_York", "Asia/Kolkata"];
const RUNS = 5;
const LINES = 200;

async function agree(way: Way, lines: readonly string[]): Promise<void> {
  const facts = await checked(database, way, lines.map((line) => `${line}\n`).join(""));
  expect(readingText(facts).join("\n"), JSON.stringify(way)).toMatch(/ equals? an independent/);
}

describe("both readings agree", () => {
  for (const type of TYPES) {
    test(`json, ${type}`, async () => {
      const lines = fc.array(jsonOf(type), { minLength: LINES, maxLength: LINES });
      await fc.assert(
        fc.asyncProperty(lines, fc.constantFrom(...ZONES), async (values, timezone) => {
          const way = {
            format: "json",
            columns: { v: type },
            ...(timezone === undefined ? {} : { timezone }),
          };
          await agree(
            way,
            values.map((value) => `{"v":${value}}`),
          );
        }),
        { numRuns: RUNS, endOnFailure: true },
      );
    });
    test(`csv, ${type}`, async () => {
      const cell = valueOf(type).map((value) => value.replaceAll(/[\r\n]/g, ""));
      const line = fc
        .tuple(cell, fc.boolean())
        .map(([value, isQuoted]) =>
          isQuoted || /[",]|^ /.test(value) ? `"${value.replaceAll('"', '""')}",x` : `${value},x`,
        );
      await fc.assert(
        fc.asyncProperty(
          fc.array(line, { minLength: LINES, maxLength: LINES }),
          fc.constantFrom(...ZONES),
          async (lines, timezone) => {
            const way = {
              format: "csv",
              columns: { v: type, w: "VARCHAR" },
              ...(timezone === undefined ? {} : { timezone }),
            };
            await agree(way, lines);
          },
        ),
        { numRuns: RUNS, endOnFailure: true },
      );
    });
  }

  test("lines that are odd as lines", async () => {
    const columns = { v: "VARCHAR", w: "VARCHAR" };
    for (const line of ODD_JSON) await agree({ format: "json", columns }, [line]);
    for (const line of ODD_CSV) await agree({ format: "csv", columns }, [line]);
    for (const delimiter of [";", "|", "\t", " "])
      await agree({ format: "csv", columns, delimiter }, [
        `a${delimiter}"b${delimiter}""c"`,
        `a"b${delimiter}`,
      ]);
  });

  test("an offset in any form is an instant, also behind a space", async () => {
    const texts = [
      "2026-01-05T12:00:05 Z",
      "2026-01-05T12:00:05,5Z",
      "2026-01-05T12:00:05 +02",
      "2026-01-05 12:00 gmt",
    ];
    const lines = texts.map((value) => JSON.stringify({ v: value }));
    const facts = await checked(
      database,
      { format: "json", columns: { v: "TIMESTAMP" } },
      `${lines.join("\n")}\n`,
    );
    expect(facts).toMatchObject({ values: texts.length, differing: 0 });
  });
});

const ODD_JSON = [
  '{"v":1,}',
  '{"v":1,,}',
  "{,}",
  '{"v":NaN}',
  '{"v":-Infinity}',
  '{"v":+1}',
  '{"v":TRUE}',
  "null",
  "nulll",
  "{}",

  '{"v":"a","u":1,"u":2}',
  '{"v":"a","v":"b"}',
  '{"V":1}',
  '{"v":"\\ud83d\\ude00"}',
  '{"v":"\\udc00"}',
  '{"u":nul}',

  '{"v":1e5}',
  '{"v":1.0}',
  '{"v":-0}',
  '{"v":-0.0}',
  '{"v":0.1000000000000000055511151231257827}',
  '{"":1}',

  '\ufeff\ufeff{"v":1}',
  '{"v":"\ufeffx"}',
  '{"v":1}\r\r',
  '{"v":\r1}',
  '{"v":"a\u2028b"}',
  '[{"v":1}]',
  '{"u":-}',

  '{"u":1e}',
  '{"u":"\\x"}',
  '{"u":1e999,"v":2}',
  '{"v":"a\tb"}',
  '{"v":1}{"v":2}',
  "  ",
  '{"v":[1,2',
  '{"v" :1}\t',
];
const ODD_CSV = [
  '"x",y',
  ' "x",y',
  '  "x",y',
  '"x" ,y',
  '"x"z,y',
  'x"y",z',
  "a,b,",
  "a,b,,",
  'a,b,""',
  'a,"b',
  ",",
  '"",""',
  "a",

  '"a""b",c',
  "x\ry,z",
  '"a"""," b "',
  '"a,b"," "',
  'a, "b" ',
  ' ""x,y',
  "a,b\r",
  "\ufeffa,b",
  "a,\ufeffb",
  " ",
  '\ufeff"a",b',
  "NULL,null",
  "'a,b',c",
  "a\u0000b,c",
  String.raw`"a\"b",c`,
];
