/** What no lines are in is named, before anything is read; what only looks like it is read. */

import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { emptyFolder } from "../../support/binary.ts";
import { following } from "../../tail/following.ts";
import { take } from "../file-job.ts";
import { lastWords } from "../words.ts";

const LINE = '{"n":1}\n';
const tar = Buffer.concat([Buffer.alloc(257), Buffer.from("ustar\u000000"), Buffer.alloc(2000)]);
tar.write("a.log");

const FOREIGN: Readonly<Record<string, readonly [bytes: Buffer, words: string]>> = {
  zip: [Buffer.from("PK\u0003\u0004\u0014\0\0\0a.log"), "a zip archive"],
  xlsx: [Buffer.from("PK\u0003\u0004\u0014\0\0\0xl/workbook.xml"), "an Excel workbook"],
  pdf: [Buffer.from("%PDF-1.7\nobj"), "a PDF document"],
  png: [Buffer.from("89504e470d0a1a0a0000", "hex"), "a PNG image"],
  jpeg: [Buffer.from("ffd8ffe000104a46", "hex"), "a JPEG image"],
  gif: [Buffer.from("GIF89a\u0001\0\u0001\0"), "a GIF image"],
  bzip2: [Buffer.from("425a68393141592653590102", "hex"), "compressed with bzip2"],
  xz: [Buffer.from("fd377a585a000004", "hex"), "compressed with xz"],
  lz4: [Buffer.from("04224d1864a7", "hex"), "compressed with lz4"],
  sqlite: [Buffer.from("SQLite format 3\0\u0010"), "a SQLite database"],
  elf: [Buffer.from("7f454c4602010100", "hex"), "a program"],
  avro: [Buffer.from("Obj\u0001\u0004\u0014"), "an Avro file"],
  orc: [Buffer.from("ORC\u0008\u0003\u0010"), "an ORC file"],
  arrow: [Buffer.from("ARROW1\0\0"), "an Arrow file"],
  tar: [tar, "a tar archive"],
  "tar.gz": [gzipSync(tar), "a tar archive inside of gzip"],
  "utf-32": [Buffer.from("fffe00007b000000", "hex"), "text in UTF-32"],
  "utf-16le": [Buffer.from(LINE.repeat(5), "utf16le"), "text in UTF-16LE without a byte order mark"],
  "utf-16be": [Buffer.from(LINE.repeat(5), "utf16le").swap16(), "text in UTF-16BE without a byte order mark"],
};

describe("a file that begins as something else", () => {
  for (const [name, [bytes, words]] of Object.entries(FOREIGN))
    test(name, async () => {
      const error: unknown = await take({ "in/a.log": LINE, "in/b.log": bytes }).catch(
        (thrown: unknown) => thrown,
      );
      expect(String(error)).toContain(`"in/b.log" is ${words}, which is not read: `);
    });
});

test("all of them are named at once", async () => {
  const files = { "in/a.pdf": "%PDF-1", "in/b": LINE, "in/c.zip": FOREIGN["zip"]?.[0] ?? "" };
  const error: unknown = await take(files).catch((thrown: unknown) => thrown);
  expect(String(error).split("\n").length).toBe(2);
});

test("text is text, whatever it begins with", async () => {
  const texts = [
    "BM,1",
    "MZ",
    "ORC,2",
    "GIF89a is old",
    "BZh9 what",
    "RIFF raff",
    "ID3",
    "PAR1 golf",
    "PK",
    "%PDF",
  ];
  for (const text of [...texts, "\0\0PK", "x".repeat(300), "ustar"]) {
    const { rows } = await take({ "in/a": `${text}\n` }, { source: { format: "lines" } });
    expect(rows).toEqual([JSON.stringify({ line: text.replace(/^\0+/, "") })]);
  }
});

describe("other encodings", () => {
  const text = '{"n":1,"t":"é€😀"}\n{"n":2,"t":"ü"}';
  const rows = ['{"n":1,"t":"é€😀"}', '{"n":2,"t":"ü"}'];
  const marked = Buffer.from(`\uFEFF${text}`, "utf16le");

  test("UTF-16 with a mark is read, also packed, whatever the cut", async () => {
    const files = { "in/a": marked, "in/b": gzipSync(Buffer.from(marked).swap16()) };
    const taken = await take(files, { cuts: [9], faults: { 1: "before commit", 2: "restart" } });
    expect(taken.rows).toEqual([...rows, ...rows]);
    expect(taken.deadLetters).toEqual([]);
  });

  test("any is read where it is declared", async () => {
    const latin1 = Buffer.from('{"n":1,"t":"é"}\n', "latin1");
    const from = (encoding: string) => ({ files: { path: "in/*", encoding } });
    expect((await take({ "in/a": latin1 }, { from: from("latin1") })).rows).toEqual(['{"n":1,"t":"é"}']);
    const unmarked = { "in/a": Buffer.from(text, "utf16le") };
    expect((await take(unmarked, { from: from("utf-16le") })).rows).toEqual(rows);
  });

  test("an encoding that nobody knows is refused where it stands", () => {
    const from = { files: { path: "in/*", encoding: "utf-15" } };
    expect(take({ "in/a": LINE }, { from })).rejects.toThrow('encoding: "utf-15" is no encoding');
  });
});

describe("tail passes it over and says so", () => {
  for (const [name, [bytes, words]] of Object.entries(FOREIGN).filter(([name]) => name !== "tar.gz"))
    test(name, async () => {
      using folder = emptyFolder();
      await Bun.write(`${folder.path}/a.log`, LINE);
      await Bun.write(`${folder.path}/b.log`, bytes);
      const words_ = await lastWords(async () => {
        using files = following(folder.path, "*.log");
        expect(await files.settled()).toBe(LINE);
      });
      expect(words_).toContain(`b.log" is passed over: it is ${words}; `);
    });
});
