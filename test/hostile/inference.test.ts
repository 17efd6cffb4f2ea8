/**
 * Where the input tells the columns, an odd line among the first ones is a row or a dead letter: the job goes
 * on, and the lines around it are rows.
 */

import { expect, test } from "bun:test";
import { namesOfKeys } from "../../src/formats/found-keys.ts";
import { readFiles } from "../world/reading.ts";
import { DEEP, ODD, SHALLOW } from "./corpus.ts";

const GOOD = '{"a":1}';
const isGood = (row: string): boolean => String((JSON.parse(row) as { a?: unknown }).a) === "1";
const linesAmong = (hostile: readonly Uint8Array[], good: string): Buffer =>
  Buffer.concat(
    [good, good, ...hostile.flatMap((bytes) => [bytes, good]), good].flatMap((line) => [
      Buffer.from(line),
      Buffer.from("\n"),
    ]),
  );

test("each odd line alone among the first ones costs no other one", async () => {
  // Each way to poison the columns; of the others one run with all of them tells as much.
  const poison = ODD.filter(({ what }) =>
    /^(?:an empty key|a NUL key|keys alike|keys of ours|odd keys inside|a number|NUL)$/.test(what),
  );
  for (const { what, bytes } of [...poison, ...DEEP.slice(1, 2)]) {
    const { rows, dead } = await readFiles(
      { "in/a.ndjson": linesAmong([bytes], GOOD) },
      { source: "format: json" },
    );
    const own = rows.filter(isGood);
    expect([what, own.length >= 4, rows.length + dead.length <= 5]).toEqual([what, true, true]);
  }
}, 120_000);

test.each(["json", "logfmt"])(
  "all of them together do neither, in format %s",
  async (format) => {
    // A thousand columns are slow to take apart.
    const narrow = ODD.filter(({ what }) => !what.startsWith("many"));
    const hostile = [...narrow, ...SHALLOW, ...DEEP].map(({ bytes }) => bytes);
    const good = format === "json" ? GOOD : "a=1";
    const input = linesAmong(hostile, good);
    const { rows, dead } = await readFiles({ "in/a.log": input }, { source: `format: ${format}` });
    const own = rows.filter(isGood);
    expect(own.length).toBeGreaterThanOrEqual(hostile.length + 3);
    expect(rows.length + dead.length).toBeLessThanOrEqual(2 * hostile.length + 3);
  },
  120_000,
);

test("keys that are one name to SQL, or names of ours, are columns with other names", async () => {
  const lines = ['{"a":1,"A":2,"_op":3,"op":4}', '{"A":1.50}', '{"a":5,"A":6,"a_2":7}'];
  const { rows, dead, columns } = await readFiles(
    { "in/a.ndjson": `${lines.join("\n")}\n` },
    { source: "format: json" },
  );
  expect(dead).toEqual([]);
  expect(columns.map(({ name }) => name)).toEqual(["a", "A_3", "op_2", "op", "a_2"]);
  expect(rows.map((row) => JSON.parse(row) as unknown)).toEqual([
    { a: 1, A_3: 2, op_2: 3, op: 4, a_2: null },
    { a: null, A_3: 1.5, op_2: null, op: null, a_2: null },
    { a: 5, A_3: 6, op_2: null, op: null, a_2: 7 },
  ]);
});

test("a value that does not fit a column with another name is told by that name", async () => {
  const good = Array.from({ length: 40 }, () => '{"_n":1,"_N":2}\n').join("");
  const { rows, dead } = await readFiles(
    { "in/a.ndjson": `${good}{"_n":1,"_N":"x"}\n` },
    { source: "format: json" },
  );
  expect(rows).toHaveLength(40);
  expect(dead).toHaveLength(1);
  expect(dead[0]?.reason).toStartWith('"N_2" is not a BIGINT: "x"');
});

test("names of a CSV header that can be no columns are others, and cost no row", async () => {
  const { rows, dead, columns } = await readFiles(
    {
      "in/a.csv": "a,A,,_op,n\0,op,a_2\n1,2,3,4,5,6,7\n",
      // In another order, with a column of its own.
      "in/b.csv": "_op,a,,A,op,n,a_2,mine\n40,10,30,20,60,50,70,x\n",
    },
    { source: "format: csv" },
  );
  expect(dead).toEqual([]);
  expect(columns.map(({ name }) => name)).toEqual(["a", "A_3", "column2", "op_2", "n", "op", "a_2"]);
  expect(rows.map((row) => Object.values(JSON.parse(row) as Record<string, unknown>))).toEqual([
    [1, 2, 3, 4, 5, 6, 7],
    [10, 20, 30, 40, 50, 60, 70],
  ]);
});

test("a header whose names are alike is read by a schema that names others", async () => {
  const { rows } = await readFiles(
    { "in/a.csv": "a,b,b,\n1,2,3,4\n" },
    { source: "format: csv, schema: { a: BIGINT, b_2: BIGINT }" },
  );
  expect(rows).toEqual(['{"a":1,"b_2":3}']);
});

test("names that the job itself uses stay", async () => {
  const { rows } = await readFiles(
    { "in/a.ndjson": '{"_id":1}\n' },
    { source: "format: json", sql: "SELECT _id AS id FROM input" },
  );
  expect(rows).toEqual(['{"id":1}']);
});

test("of very many keys those of the most lines are columns, and what is left out is told", () => {
  const keys = Array.from({ length: 1500 }, (_, index) => ({ key: `k${index}`, lines: index < 600 ? 1 : 2 }));
  const { columns, notes } = namesOfKeys(
    [...keys, { key: "", lines: 9 }, { key: "a\0b", lines: 9 }],
    () => false,
  );
  expect(columns).toHaveLength(1000);
  expect(columns.map(({ key }) => key)).toContain("k1499");
  expect(notes.join()).toContain("that are left out");
});
