/** Whatever the values of a column are, the type that is found for it holds each of them exactly. */

import { expect, test } from "bun:test";
import { createRandom, integerBelow, oneOf, type Random } from "../../../src/simulate/random.ts";
import { readFiles, typesOf } from "../reading.ts";

const SEED = 20260105;
const COLUMNS = 60;
const ROWS = 40;

type Maker = (random: Random) => string;

const digits = (random: Random, count: number): string =>
  Array.from({ length: count }, (_, at) => (at === 0 ? 1 : 0) + integerBelow(random, at === 0 ? 9 : 10)).join(
    "",
  );

const MAKERS: Readonly<Record<string, Maker>> = {
  small: (random) => digits(random, 1 + integerBelow(random, 5)),
  negative: (random) => `-${digits(random, 3)}`,
  long: (random) => digits(random, 15 + integerBelow(random, 5)),
  huge: (random) => digits(random, 20 + integerBelow(random, 25)),
  fraction: (random) => `${digits(random, 3)}.${digits(random, 2)}`,
  zeros: (random) => `${digits(random, 2)}.${integerBelow(random, 10)}0`,
  fine: (random) => `${digits(random, 8)}.${digits(random, 12)}`,
  scientific: (random) => `${digits(random, 1)}.${digits(random, 3)}e-${digits(random, 1)}`,
  name_like_scientific: (random) => `${digits(random, 2)}e${digits(random, 1)}`,
  padded: (random) => `00${digits(random, 3)}`,
  plus: (random) => `+${digits(random, 9)}`,
  word: (random) => oneOf(random, ["n/a", "-", "abc", "Infinity", "nan"]),
  code: (random) => `A${digits(random, 3)}`,
  truth: (random) => oneOf(random, ["true", "false"]),
  day: (random) => `2026-01-1${integerBelow(random, 10)}`,
  time: (random) => `2026-01-05T10:00:1${integerBelow(random, 10)}.${digits(random, 3)}`,
  nothing: () => "",
};

/** Values of one kind mostly, and of another now and then. */
function column(random: Random): readonly string[] {
  const names = Object.keys(MAKERS);
  const [mostly, also] = [oneOf(random, names), oneOf(random, names)];
  const share = oneOf(random, [0, 1, 2, 5]);
  return Array.from({ length: ROWS }, () => {
    const name = integerBelow(random, 10) < share ? also : mostly;
    return MAKERS[name]?.(random) ?? "";
  });
}

/** A number as its sign, digits and exponent: equal numbers have equal ones. */
function canonical(text: string): string {
  const match = /^(-?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text);
  if (match === null || /^0\d/.test(match[2] ?? "")) return text;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const all = `${whole}${fraction}`.replace(/^0+/, "");
  const significant = all.replace(/0+$/, "");
  if (significant === "") return "0";
  return `${sign}${significant}e${Number(exponent) - fraction.length + all.length - significant.length}`;
}

test("random columns of CSV come back as they were written, or their line is a dead letter", async () => {
  const random = createRandom(SEED, 0);
  const columns = Array.from({ length: COLUMNS }, () => column(random));
  const lines = Array.from(
    { length: ROWS },
    (_, row) => `${row},${columns.map((of) => of[row]).join(",")}\n`,
  );
  const text = `row,${columns.map((_, index) => `c${index}`).join(",")}\n${lines.join("")}`;
  const texts = columns.map((_, index) => `c${index}::VARCHAR AS c${index}`).join(", ");
  const sql = `SELECT "row", ${texts} FROM input`;
  const read = await readFiles({ "in/a.csv": text }, { source: "format: csv", sql });
  const plain = await readFiles({ "in/a.csv": text }, { source: "format: csv" });
  const types = typesOf(plain);
  for (const json of read.rows) {
    const row = JSON.parse(json) as Record<string, string | number | null>;
    for (const [index, of] of columns.entries()) {
      const written = of[Number(row["row"])] ?? "";
      const found = row[`c${index}`];
      const where = `seed ${SEED}, c${index} ${types[`c${index}`]}, "${written}"`;
      expect([where, comparable(String(found ?? ""))]).toEqual([where, comparable(written)]);
    }
  }
  expect(read.rows.length + read.dead.length).toBe(ROWS);
  // Of 40 values one in twenty may be broken: most lines are rows.
  expect(read.rows.length).toBeGreaterThan(ROWS / 4);
});

/** A time with or without its T and the zeros at its end is the same. */
function comparable(text: string): string {
  const time = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?$/.exec(text);
  if (time !== null) return `${time[1]} ${time[2]}${(time[3] ?? "").replace(/\.?0+$/, "")}`;
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return `${text} 00:00:00`;
  return /^(?:true|false)$/i.test(text) ? text.toLowerCase() : canonical(text);
}
