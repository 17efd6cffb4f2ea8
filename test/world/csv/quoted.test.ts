/** Quoted values with line ends in them: records of several lines, and quotes that nothing closes. */

import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { quotedRecords } from "../../../src/formats/quoted-feeds.ts";
import { createRandom, integerBelow, oneOf, type Random } from "../../../src/simulate/random.ts";
import { readFiles } from "../reading.ts";

const SOURCE = "format: csv, schema: { id: BIGINT, text: VARCHAR, n: BIGINT }";

test("records of several lines are rows, with their line ends, however the file is cut", async () => {
  const text = 'id,text,n\r\n1,"a\r\nb",5\r\n2,"he said ""x\n\ny""",6\r\n3,plain,7\r\n4,"\n",8';
  for (const batchBytes of [1, 13, 21, 1000]) {
    for (const source of [SOURCE, "format: csv"]) {
      const read = await readFiles({ "in/a.csv": text }, { source, batchBytes });
      expect([batchBytes, read.dead, read.rows]).toEqual([
        batchBytes,
        [],
        [
          '{"id":1,"text":"a\\r\\nb","n":5}',
          '{"id":2,"text":"he said \\"x\\n\\ny\\"","n":6}',
          '{"id":3,"text":"plain","n":7}',
          '{"id":4,"text":"\\n","n":8}',
        ],
      ]);
    }
  }
});

test("a quote that nothing closes costs its own line, and tells where it is", async () => {
  const text = 'id,text,n\n1,"open,1\n2,b,2\n3,"c",3\n4,5" pipe,4\n5,"x\ny",5\n6,"never,6\n7,z,7\n';
  for (const batchBytes of [1, 30, 1000]) {
    const read = await readFiles({ "in/a.csv": text }, { source: SOURCE, batchBytes });
    expect(read.rows.map((row) => (JSON.parse(row) as { id: number }).id)).toEqual([2, 3, 4, 5, 7]);
    expect(read.dead.map(({ line, byte_offset }) => [line, byte_offset])).toEqual([
      ['1,"open,1', text.indexOf('1,"open')],
      ['6,"never,6', text.indexOf("6,")],
    ]);
  }
});

test("a dead record of several lines is told as it came, and later offsets are right", async () => {
  const text = 'id,text,n\nx,"a\r\nb",1\n2,"c\nd",2\ny,e,3\n';
  const read = await readFiles({ "in/a.csv": text }, { source: SOURCE });
  expect(read.dead.map(({ line, byte_offset }) => [line, byte_offset])).toEqual([
    ['x,"a\r\nb",1', text.indexOf("x,")],
    ["y,e,3", text.indexOf("y,")],
  ]);
  expect(read.rows).toEqual(['{"id":2,"text":"c\\nd","n":2}']);
});

test("bytes that stand for line ends may be in the values themselves", async () => {
  const text = 'id,text,n\n1,"a\nb\u001e\u001d",1\n2,\u001c\u001f,2\n';
  const read = await readFiles({ "in/a.csv": text }, { source: SOURCE });
  expect(read.rows.map((row) => (JSON.parse(row) as { text: string }).text)).toEqual([
    "a\nb\u001e\u001d",
    "\u001c\u001f",
  ]);
});

test("records of several lines in packed files are whole too, whatever the cut", async () => {
  const records = Array.from({ length: 40 }, (_, id) => `${id},"a\n${"b\r\n".repeat(id % 4)}",${id}\n`);
  const text = `id,text,n\n${records.join("")}99,"open,1\n100,z,100\n`;
  const plain = await readFiles({ "in/a.csv": text }, { source: "format: csv" });
  expect([plain.rows.length, plain.dead.map(({ line }) => line)]).toEqual([41, ['99,"open,1']]);
  for (const batchBytes of [1, 40, 100_000]) {
    const packed = await readFiles({ "in/a.csv.gz": gzipSync(text) }, { source: "format: csv", batchBytes });
    expect([batchBytes, packed.rows]).toEqual([batchBytes, plain.rows]);
    expect(packed.dead.map(({ line }) => line)).toEqual(['99,"open,1']);
  }
});

test("no record goes over two files", async () => {
  const files = { "in/1.csv": 'id,text,n\n1,"a,1\n', "in/2.csv": 'id,text,n\n2,b",2\n3,c,3\n' };
  const read = await readFiles(files, { source: SOURCE });
  expect(read.rows.map((row) => (JSON.parse(row) as { id: number }).id)).toEqual([2, 3]);
  expect(read.dead.map(({ origin }) => origin)).toEqual(["in/1.csv"]);
});

/** A record of three values as it is written, and what it holds. */
function record(random: Random, id: number): { readonly written: string; readonly text: string } {
  const length = integerBelow(random, 6);
  const text = Array.from({ length }, () => oneOf(random, ["a", "b c", "\n", "\r\n", '"', ",", "ü"])).join(
    "",
  );
  const end = oneOf(random, ["\n", "\r\n"]);
  return { written: `${id},"${text.replaceAll('"', '""')}",${id}${end}`, text };
}

test("random records come back as they were written, for any cut", async () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const random = createRandom(seed, 0);
    const records = Array.from({ length: 20 }, (_, id) => record(random, id));
    const text = `id,text,n\n${records.map(({ written }) => written).join("")}`;
    const batchBytes = oneOf(random, [1, 10, 40, 100_000]);
    const read = await readFiles({ "in/a.csv": text }, { source: SOURCE, batchBytes });
    expect([seed, read.dead]).toEqual([seed, []]);
    // An empty value is NULL, in quotes or not.
    expect([seed, read.rows.map((row) => (JSON.parse(row) as { text: string | null }).text)]).toEqual([
      seed,
      records.map(({ text: own }) => (own === "" ? null : own)),
    ]);
  }
});

test("random noise of quotes never costs a line that stands alone, for any cut", async () => {
  for (let seed = 1; seed <= 5; seed += 1) {
    const random = createRandom(seed, 1);
    const letters = ["a", '"', '""', ",", "\n", " "];
    const noise = Array.from({ length: 60 }, () => oneOf(random, letters)).join("");
    const text = `id,text,n\n${noise}\n99,last,99\n`;
    const whole = await readFiles({ "in/a.csv": text }, { source: SOURCE });
    for (const batchBytes of [9]) {
      const read = await readFiles({ "in/a.csv": text }, { source: SOURCE, batchBytes });
      expect([seed, batchBytes, read.rows, read.dead.map(({ line }) => line)]).toEqual([
        seed,
        batchBytes,
        whole.rows,
        whole.dead.map(({ line }) => line),
      ]);
    }
    expect([seed, whole.rows.at(-1)]).toEqual([seed, '{"id":99,"text":"last","n":99}']);
  }
});

describe("a record has a bound", () => {
  const shape = { delimiter: ",", columnCount: 2 };

  test("of lines: then its first line stands alone", () => {
    const within = Buffer.from(`1,"${"x\n".repeat(999)}"\n`);
    expect(quotedRecords(within, shape, true).records).toEqual([{ start: 0, end: within.length }]);
    const beyond = Buffer.from(`1,"${"x\n".repeat(1000)}"\n`);
    expect(quotedRecords(beyond, shape, true).records).toEqual([]);
    expect(quotedRecords(beyond, shape, true).broken[0]).toEqual({ start: 0, end: 5 });
  });

  test("what may still be closed is left over until the input ends", () => {
    const bytes = Buffer.from('1,a\n2,"b\nc\n');
    expect(quotedRecords(bytes, shape, false).wholeBytes).toBe(4);
    expect(quotedRecords(bytes, shape, true).wholeBytes).toBe(bytes.length);
  });

  test("other than the header's number of values is no record of several lines", () => {
    expect(quotedRecords(Buffer.from('1,"a\nb",c\n'), shape, true).records).toEqual([]);
  });
});
