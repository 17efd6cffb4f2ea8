/** What CSV files look like in the world: line ends, delimiters, headers. */

import { describe, expect, test } from "bun:test";
import { createRandom, integerBelow, oneOf } from "../../../src/simulate/random.ts";
import { readFiles, typesOf } from "../reading.ts";

const ROWS = Array.from({ length: 24 }, (_, index) => ({ n: index, s: `v${index}`, p: index / 4 }));
const WANTED = ROWS.map(({ n, s, p }) => `{"n":${n},"s":"${s}","p":${Number.isInteger(p) ? `${p}.0` : p}}`);
const SCHEMA = "format: csv, schema: { n: BIGINT, s: VARCHAR, p: DOUBLE }";

test("any mixture of line ends, over several files, with and without a schema, for any cut", async () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    const random = createRandom(seed, 0);
    const ends = oneOf(random, [["\n"], ["\r\n"], ["\n", "\r\n"], ["\n", "\r\n", "\n\n", "\r\n\r\n"]]);
    const perFile = oneOf(random, [ROWS.length, 7, 5]);
    const files: Record<string, string> = {};
    for (let first = 0; first < ROWS.length; first += perFile) {
      const lines = ["n,s,p", ...ROWS.slice(first, first + perFile).map(({ n, s, p }) => `${n},${s},${p}`)];
      const text = lines.map((line) => line + oneOf(random, ends)).join("");
      const mark = integerBelow(random, 3) === 0 ? "\uFEFF" : "";
      const isOpen = integerBelow(random, 2) === 0;
      files[`in/${String(first).padStart(2, "0")}.csv`] = mark + (isOpen ? text.trimEnd() : text);
    }
    const batchBytes = oneOf(random, [9, 20, 50, 1_000_000]);
    for (const source of ["format: csv", SCHEMA]) {
      const read = await readFiles(files, { source, batchBytes });
      expect([seed, source, read.dead, read.rows]).toEqual([seed, source, [], WANTED]);
    }
  }
});

describe("headers", () => {
  const rowsOf = async (text: string, more = ""): Promise<readonly string[]> =>
    (await readFiles({ "in/a.csv": text }, { source: `format: csv${more}` })).rows;

  test("a column without a name is called by its place", async () => {
    expect(await rowsOf(",a,b\n0,1,x\n")).toEqual(['{"column0":0,"a":1,"b":"x"}']);
    expect(await rowsOf("a,b,\n1,2,\n")).toEqual(['{"a":1,"b":2,"column2":null}']);
    expect(await rowsOf(',"",Column0\n1,2,3\n')).toEqual(['{"column0_":1,"column1":2,"Column0":3}']);
    expect(await rowsOf(",id\n0,5\n", ", schema: { id: BIGINT }")).toEqual(['{"id":5}']);
  });

  test("an empty value behind the last column is none, whatever is wrong beside it", async () => {
    const schema = ", schema: { a: BIGINT, b: BIGINT }";
    const wanted = ['{"a":1,"b":2}', '{"a":3,"b":4}'];
    for (const text of ["a,b\n1,2,\n3,4,\n", "a,b\n1,2,\n1\n1,2,3\n1,2,,\nx,y\n3,4\n"])
      expect(await rowsOf(text, schema)).toEqual(wanted);
  });

  test("after a byte order mark, blank lines, and Excel's sep=", async () => {
    const wanted = ['{"a":1,"b":2}'];
    for (const text of [
      "\uFEFFa,b\n1,2\n",
      "\n\r\na,b\n1,2",
      "sep=;\r\na;b\r\n1;2\r\n",
      '\uFEFF"sep=|"\na|b\n1|2\n',
    ])
      expect([text, await rowsOf(text)]).toEqual([text, wanted]);
  });

  test("with quoted names, also of two lines", async () => {
    expect(await rowsOf('"a, x","b\nc"\n1,2\n')).toEqual(['{"a, x":1,"b\\nc":2}']);
  });

  test("alone: no row, in a file or in all of them", async () => {
    const none = await readFiles({ "in/a.csv": "a,b\n", "in/b.csv": "a,b\n" }, { source: "format: csv" });
    expect([none.rows, none.dead, typesOf(none)]).toEqual([[], [], { a: "VARCHAR", b: "VARCHAR" }]);
    const later = await readFiles(
      { "in/a.csv": "a,b\n", "in/b.csv": "a,b\n1,2\n" },
      { source: "format: csv" },
    );
    expect(later.rows).toEqual(['{"a":1,"b":2}']);
  });

  test("whose lines end as on old Macs are refused in words", async () => {
    for (const text of ["a,b\r1,2\r3,4\r", "a,b\r1,2\r\n"])
      expect(readFiles({ "in/a.csv": text }, { source: "format: csv" })).rejects.toThrow("as old Macs did");
  });
});

describe("the delimiter", () => {
  const DATA: readonly (readonly [text: string, rows: readonly string[]])[] = [
    ["a;b\n1;2,5\n3;4,5\n", ['{"a":1,"b":"2,5"}', '{"a":3,"b":"4,5"}']],
    ["a\tb\n1\tx y\n", ['{"a":1,"b":"x y"}']],
    ["a|b\n1|2\n", ['{"a":1,"b":2}']],
    ["price, EUR;n\n1;2\n3;4\n", ['{"price, EUR":1,"n":2}', '{"price, EUR":3,"n":4}']],
    ['"a;b",c\n1,2\n', ['{"a;b":1,"c":2}']],
    ["name\nx;y\n", ['{"name":"x;y"}']],
  ];

  test("is found from the header, and from the lines below where that leaves a choice", async () => {
    for (const [text, rows] of DATA) {
      const read = await readFiles({ "in/a.csv": text }, { source: "format: csv" });
      expect([text, read.rows, read.dead]).toEqual([text, rows, []]);
    }
  });

  test("may differ from file to file of a glob", async () => {
    const files = { "in/1.csv": "a,b\n1,2\n", "in/2.csv": "a;b\n3;4\n", "in/3.csv": "a\tb\n5\t6\n" };
    for (const batchBytes of [3, 1000]) {
      const read = await readFiles(files, { source: "format: csv", batchBytes });
      expect(read.rows).toEqual(['{"a":1,"b":2}', '{"a":3,"b":4}', '{"a":5,"b":6}']);
    }
  });

  test("is what the job says, where it says it", async () => {
    const read = await readFiles({ "in/a.csv": "a,b:c\n1,2:3\n" }, { source: 'format: csv, delimiter: ":"' });
    expect(read.rows).toEqual(['{"a,b":"1,2","c":3}']);
    const tab = await readFiles({ "in/a.csv": "a,x\tb\n1\t2\n" }, { source: "format: csv, delimiter: tab" });
    expect(tab.rows).toEqual(['{"a,x":1,"b":2}']);
    expect(readFiles({ "in/a.csv": "a\n" }, { source: "format: csv, delimiter: ab" })).rejects.toThrow(
      "one character is expected",
    );
  });
});

describe("static tables", () => {
  test("are read by the same rules", async () => {
    const tables = '{ c: { from: "file:c.csv" }, d: { from: "file:d.ndjson" } }';
    const files = {
      "in/a.ndjson": '{"symbol":"000001"}\n',
      "c.csv":
        "symbol;zip;n;at;big\r\n000001;00501;1,5;2026-01-05T10:00:00+02:00;18446744073709551616\n" +
        "600519;1;2;2026-01-05 10:00:00;1\r\n",
      "d.ndjson": '{"symbol":"000001","x":1,"y":18446744073709551616}\n{"symbol":"2","x":0.5,"y":1}\n',
    };
    const sql = "SELECT * FROM input JOIN c USING (symbol) JOIN d USING (symbol)";
    const read = await readFiles(files, { source: "format: json", tables, sql });
    expect(read.rows).toEqual([
      '{"symbol":"000001","zip":"00501","n":"1,5","at":"2026-01-05T08:00:00.000Z",' +
        '"big":18446744073709551616,"x":1.0,"y":18446744073709551616}',
    ]);
  });

  test("a value at the end of a long table widens its column", async () => {
    const lines = Array.from(
      { length: 60_000 },
      (_, index) => `${index},${index === 59_999 ? "0.5" : "1"}\n`,
    );
    const files = { "in/a.ndjson": '{"k":59999}\n', "c.csv": `k,v\n${lines.join("")}` };
    const sql = "SELECT k, v FROM input JOIN c USING (k)";
    const read = await readFiles(files, {
      source: "format: json",
      tables: '{ c: { from: "file:c.csv" } }',
      sql,
    });
    expect(read.rows).toEqual(['{"k":59999,"v":0.5}']);
  });
});
