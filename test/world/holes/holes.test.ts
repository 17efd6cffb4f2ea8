/** NULs that a line begins with are a hole that a truncation left: skipped, told, and in no value. */

import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  openSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { emptyFolder } from "../../support/binary.ts";
import { following } from "../../tail/following.ts";
import { take } from "../file-job.ts";
import { streamkit } from "../from-source.ts";
import { lastWords } from "../words.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const source = { format: "lines" };
const MIB = 1_048_576;
const rowsOf = (text: string): string[] =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.stringify({ line }));
const hole = (bytes: number): string => "\0".repeat(bytes);

describe("files", () => {
  for (const bytes of [1, 2000, MIB, 3 * MIB, 20 * MIB])
    test(`a hole of ${bytes} bytes at the start, plain and packed`, async () => {
      const text = `${hole(bytes)}first\nsecond\n`;
      const files = { "in/a": text, "in/b": gzipSync(text), "in/c": zstdCompressSync(Buffer.from(text)) };
      const words = await lastWords(async () => {
        const { rows, deadLetters } = await take(files, {
          source,
          cuts: [10],
          faults: { 1: "before commit" },
        });
        expect(rows).toEqual(rowsOf("first\nsecond\n".repeat(3)));
        expect(deadLetters).toEqual([]);
      });
      for (const name of ["a", "b", "c"])
        expect(
          words.split(`${bytes.toLocaleString("en-US")} NUL bytes skipped at the start of "in/${name}"`)
            .length,
        ).toBe(2);
    });

  test("holes in the middle and at the end; a NUL inside a line stays", async () => {
    const text = `a\n${hole(40)}b\nc${hole(3)}d\n${hole(700)}\n${hole(9)}`;
    const { rows } = await take({ "in/a": text, "in/b": gzipSync(text) }, { source });
    const once = rowsOf(`a\nb\nc${hole(3)}d\n\n`);
    expect(rows).toEqual([...once, ...once]);
  });

  test("the header of a CSV file comes after the hole", async () => {
    const csv = `${hole(70_000)}n,t\n1,x\n${hole(5)}2,y\n`;
    const words = await lastWords(async () => {
      const { rows } = await take(
        { "in/a": csv, "in/b": gzipSync(csv) },
        { source: { format: "csv" }, cuts: [4] },
      );
      expect(rows).toEqual(['{"n":1,"t":"x"}', '{"n":2,"t":"y"}', '{"n":1,"t":"x"}', '{"n":2,"t":"y"}']);
    });
    expect(words).toContain('70,000 NUL bytes skipped at the start of "in/a"');
    expect(words).toContain('70,000 NUL bytes skipped at the start of "in/b"');
  });

  test("the place of a dead letter is that in the file", async () => {
    const text = `${hole(100)}{"n":1}\n${hole(50)}{"n":2}\nbroken\n`;
    const { rows, deadLetters } = await take({ "in/a": text }, { source: { schema: { n: "BIGINT" } } });
    expect(rows).toEqual(['{"n":1}', '{"n":2}']);
    expect(deadLetters).toMatchObject([{ line: "broken", byte_offset: text.indexOf("broken") }]);
  });

  test("a sparse hole of a gigabyte is passed over block by block", async () => {
    using folder = emptyFolder();
    const file = join(folder.path, "big.log");
    const end = 2 ** 30;
    const descriptor = openSync(file, "w");
    ftruncateSync(descriptor, end);
    writeSync(descriptor, "after\n", end);
    closeSync(descriptor);
    const { rows } = await take({}, { source, from: `file:${file}` });
    expect(rows).toEqual(rowsOf("after\n"));
    using files = following(folder.path, "*.log");
    expect(await files.given()).toBe("after\n");
  });

  test(`any text with holes put before its lines gives the rows of the text (SEED=${SEED})`, async () => {
    const lines = fc.array(
      fc.tuple(fc.constantFrom(0, 0, 1, 3, 300), fc.constantFrom("", "a", "b\0c", "é", "x".repeat(70))),
      { minLength: 1, maxLength: 30 },
    );
    const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 4 });
    const property = fc.asyncProperty(lines, cuts, async (all, sizes) => {
      const text = all.map(([nuls, line]) => `${hole(nuls)}${line}\n`).join("");
      const { rows } = await take({ "in/a": text, "in/b": gzipSync(text) }, { source, cuts: sizes });
      const once = rowsOf(all.map(([, line]) => `${line}\n`).join(""));
      expect(rows).toEqual([...once, ...once]);
    });
    await fc.assert(property, { numRuns: 8, seed: SEED });
  }, 120_000);
});

describe("files that are followed", () => {
  /** A writer that does not append: it goes on at its own place, whatever becomes of the file. */
  function writer(file: string) {
    const descriptor = openSync(file, "w");
    let at = 0;
    return {
      write(text: string) {
        at += writeSync(descriptor, text, at);
      },
      [Symbol.dispose]: () => closeSync(descriptor),
    };
  }

  test("a truncation under a writer that does not append costs nothing and adds nothing", async () => {
    using folder = emptyFolder();
    const file = join(folder.path, "a.log");
    using log = writer(file);
    log.write("one\ntwo\n");
    using files = following(folder.path, "*.log");
    expect(await files.settled()).toBe("one\ntwo\n");
    truncateSync(file);
    expect(await files.settled()).toBe("");
    log.write("three\n");
    expect(statSync(file).size).toBe(14);
    expect(await files.settled()).toBe("three\n");
    files.restart();
    truncateSync(file);
    log.write("four\n");
    expect(await files.settled()).toBe("four\n");
    log.write("five\n");
    expect(await files.settled()).toBe("five\n");
  });

  test("the hole is told once, with its size", async () => {
    using folder = emptyFolder();
    const file = join(folder.path, "a.log");
    await Bun.write(file, `${hole(3 * MIB)}one\n${hole(5000)}two\n`);
    const words = await lastWords(async () => {
      using files = following(folder.path, "*.log");
      expect(await files.settled()).toBe("one\ntwo\n");
      files.restart();
      appendFileSync(file, "three\n");
      expect(await files.settled()).toBe("three\n");
    });
    expect(words.match(/NUL bytes skipped/g)?.length).toBe(1);
    expect(words).toContain(`3,145,728 NUL bytes skipped at the start of "${file}"`);
    expect(words).toContain("5,000 NUL bytes more skipped, in 1 other hole");
  });

  test("NULs at the end wait for what follows them", async () => {
    using folder = emptyFolder();
    const file = join(folder.path, "a.log");
    await Bun.write(file, `one\n${hole(4096)}`);
    using files = following(folder.path, "*.log");
    expect(await files.settled()).toBe("one\n");
    expect(files.stop()[0]?.offset).toBe(4);
    files.start();
    appendFileSync(file, "two\n");
    expect(await files.settled()).toBe("one\ntwo\n");
  });

  test("in compressed ones, in UTF-16 and between events of several lines", async () => {
    using folder = emptyFolder();
    await Bun.write(join(folder.path, "a.log.1"), gzipSync(`${hole(2 * MIB)}one\n${hole(7)}two\n`));
    await Bun.write(join(folder.path, "b.log.1"), zstdCompressSync(Buffer.from(`${hole(9)}three\n`)));
    using packed = following(folder.path, "*.log.1");
    expect((await packed.settled()).split("\n").toSorted()).toEqual(["", "one", "three", "two"]);
    await Bun.write(
      join(folder.path, "c.utf"),
      Buffer.from(`${hole(1000)}é\n${hole(3)}b\n`, "utf16le").swap16(),
    );
    using wide = following(folder.path, "*.utf", { encoding: "utf-16be" });
    expect(await wide.settled()).toBe("é\nb\n");
    await Bun.write(join(folder.path, "d.trace"), `${hole(10)}E one\n  more\n${hole(20)}E two\n  more\n`);
    using events = following(folder.path, "*.trace", { multiline: { starts: "^E" } });
    expect(await events.settled()).toBe("E one\n  more\nE two\n  more\n");
  });
});

test("on the standard input, wherever lines begin; a NUL inside a line stays", async () => {
  const text = `${hole(9)}a\n${hole(300_000)}b\nc${hole(3)}d\n${hole(1)}e\n${hole(5)}`;
  const lines = ["process", "--format", "lines", "--sql", "SELECT line FROM input"];
  for (const input of [text, gzipSync(text)]) {
    const { stdout, stderr } = await streamkit(lines, { input });
    expect(stdout).toBe(`${rowsOf(`a\nb\nc${hole(3)}d\ne\n`).join("\n")}\n`);
    expect(stderr).toMatch(/NUL bytes? skipped on the standard input/);
  }
});
