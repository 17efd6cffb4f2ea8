/** Logs that are followed while rotation compresses them, with whatever it does that. */

import { describe, expect, test } from "bun:test";
import { appendFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { emptyFolder } from "../../support/binary.ts";
import { following } from "../../tail/following.ts";
import { lastWords } from "../words.ts";

const ways = {
  gz: (text: string) => gzipSync(text),
  zst: (text: string) => zstdCompressSync(Buffer.from(text)),
  "gz in members": (text: string) => Buffer.concat([gzipSync(text.slice(0, 9)), gzipSync(text.slice(9))]),
};

describe("a log that is compressed when it is rotated is gone on with where it was left", () => {
  for (const [name, pack] of Object.entries(ways))
    for (const isDown of [false, true])
      test(`${name}${isDown ? ", while nobody follows it" : ""}`, async () => {
        using folder = emptyFolder();
        const log = join(folder.path, "app.log");
        writeFileSync(log, "one\ntwo\n");
        using files = following(folder.path, "app.log*");
        expect(await files.settled()).toBe("one\ntwo\n");
        const positions = isDown ? files.stop() : undefined;
        appendFileSync(log, "three\n");
        if (!isDown) expect(await files.settled()).toBe("three\n");
        const old = `${log}.1.${name.slice(0, 3).trim()}`;
        renameSync(log, `${log}.1`);
        writeFileSync(old, pack("one\ntwo\nthree\n"));
        rmSync(`${log}.1`);
        writeFileSync(log, "four\n");
        if (positions !== undefined) files.start(positions);
        expect(await files.settled()).toBe(isDown ? "three\nfour\n" : "four\n");
      });
});

test("old compressed logs are read from their start, and what is missing of one is said", async () => {
  using folder = emptyFolder();
  const lines = Array.from({ length: 5000 }, (_, n) => `line ${(n * n) % 7919}\n`).join("");
  const whole = gzipSync(lines);
  const old = new Date("2026-01-05T12:00:00Z");
  for (const [name, bytes] of Object.entries({
    "a.log.1": zstdCompressSync(Buffer.from("zstd\n")),
    "b.log.1": whole,
  })) {
    writeFileSync(join(folder.path, name), name === "b.log.1" ? bytes.subarray(0, bytes.length >> 1) : bytes);
    utimesSync(join(folder.path, name), old, old);
  }
  const words = await lastWords(async () => {
    using files = following(folder.path, "*.log.1");
    const given = await files.settled();
    expect(given).toStartWith("zstd\nline 0\n");
    expect(lines.startsWith(given.slice("zstd\n".length))).toBe(true);
    expect(given.endsWith("\n")).toBe(true);
  });
  expect(words).toContain('b.log.1": its gzip data is cut off: the end is missing');
});
