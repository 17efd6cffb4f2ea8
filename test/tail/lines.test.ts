/** What is a line, and what is an event of several. */

import { describe, expect, test } from "bun:test";
import { appendFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { messageOf } from "../../src/base/error.ts";
import { cutEvents } from "../../src/tail/line-cut.ts";
import { cutOptionsOf } from "../../src/tail/options.ts";
import { randomBelow } from "../crash/episode.ts";
import { emptyFolder } from "../support/binary.ts";
import { filesIn, following } from "./following.ts";

const MARK = " [cut: the line is longer than 10 bytes]\n";

describe("long lines", () => {
  test("a line that is too long is cut, marked and counted, and the next one is whole", async () => {
    using folder = emptyFolder();
    const files = filesIn(folder.path);
    files.add("app.log", `short\n0123456789\n${"x".repeat(5000)}\nnext\n`);
    using tail = following(folder.path, "*", { max_line: 10 });
    expect(await tail.settled()).toBe(`short\n0123456789\n${"x".repeat(10)}${MARK}next\n`);
    expect(tail.follower.takeCutLines()).toBe(1);
  });

  test("the rest of a long line is passed over, however slowly it comes, over restarts too", async () => {
    using folder = emptyFolder();
    const files = filesIn(folder.path);
    files.add("app.log", "0123456789abc");
    using tail = following(folder.path, "*", { max_line: 10 });
    expect(await tail.settled()).toBe(`0123456789${MARK}`);
    tail.restart();
    files.add("app.log", "defghijklmnopqrstuvwxyz");
    expect(await tail.settled()).toBe("");
    tail.restart();
    files.add("app.log", "!\nnext\n");
    expect(await tail.settled()).toBe("next\n");
  });

  test("a line of some megabytes is whole where it may be so long", async () => {
    using folder = emptyFolder();
    const long = `${"0123456789".repeat(500_000)}\n`;
    writeFileSync(path.join(folder.path, "app.log"), `a\n${long}b\n`);
    using tail = following(folder.path, "*", { max_line: 8_000_000 });
    expect((await tail.settled()) === `a\n${long}b\n`).toBe(true);
  });

  test("no character of UTF-8 is cut in two", async () => {
    using folder = emptyFolder();
    filesIn(folder.path).add("app.log", "12345678é€€€\n");
    using tail = following(folder.path, "*", { max_line: 12 });
    expect(await tail.settled()).toBe(`12345678é${MARK.replace("10", "12")}`);
  });
});

describe("bytes", () => {
  test("go through as they are, without an encoding", async () => {
    using folder = emptyFolder();
    const bytes = Buffer.from([0xff, 0x00, 0xe9, 0x0d, 0x0a, 0x80, 0x0a]);
    writeFileSync(path.join(folder.path, "app.log"), bytes);
    using tail = following(folder.path, "*");
    tail.clock.advance(1100);
    const block = await tail.follower.next({ maxBytes: 1000, maxEvents: 10 });
    expect(Buffer.from(block?.bytes ?? []).equals(bytes)).toBe(true);
    expect(block?.events).toBe(2);
  });

  for (const [encoding, encode] of Object.entries({
    "utf-16le": (text: string) => Buffer.from(text, "utf16le"),
    "utf-16be": (text: string) => Buffer.from(text, "utf16le").swap16(),
    latin1: (text: string) => Buffer.from(text, "latin1"),
  })) {
    test(`of ${encoding} become UTF-8`, async () => {
      using folder = emptyFolder();
      const file = path.join(folder.path, "app.log");
      // A line feed's bytes also stand in the middle of other characters: U+0A0D, U+010A.
      const text = encoding === "latin1" ? "grün\nñ\n" : "\ufeffgrün\n\u0a0d\u010a日本\nñ\n";
      const bytes = encode(text);
      writeFileSync(file, bytes.subarray(0, 7));
      using tail = following(folder.path, "*", { encoding });
      let given = await tail.settled();
      appendFileSync(file, bytes.subarray(7, 11));
      given += await tail.settled();
      tail.restart();
      appendFileSync(file, bytes.subarray(11));
      given += await tail.settled();
      expect(given).toBe(text.replace("\ufeff", ""));
    });
  }

  test("an encoding that nobody knows is refused", () => {
    expect(refusal(() => cutOptionsOf({ max_line: 100, encoding: "klingon" }))).toContain('"klingon"');
    expect(refusal(() => cutOptionsOf({ max_line: 100, multiline: { starts: "(" } }))).toContain('"("');
  });
});

function refusal(action: () => unknown): string {
  try {
    action();
    return "";
  } catch (error) {
    return messageOf(error);
  }
}

describe("events of several lines", () => {
  const TRACE = "2026-01-05 first\n  at a\n  at b\n2026-01-05 second\n2026-01-06 third\n  at c\n";
  const EVENTS = ["2026-01-05 first\n  at a\n  at b\n", "2026-01-05 second\n", "2026-01-06 third\n  at c\n"];

  for (const multiline of [{ starts: "^\\d{4}-" }, { continues: "^\\s" }]) {
    test(`${JSON.stringify(multiline)}: the last one is given when it rests`, async () => {
      using folder = emptyFolder();
      filesIn(folder.path).add("app.log", TRACE);
      using tail = following(folder.path, "*", { multiline });
      expect(await tail.given()).toBe(EVENTS.slice(0, 2).join(""));
      expect(await tail.settled()).toBe(EVENTS[2] ?? "");
    });
  }

  test("an event that is half there at a restart is whole after it", async () => {
    using folder = emptyFolder();
    const files = filesIn(folder.path);
    files.add("app.log", "1 a\n b\n");
    using tail = following(folder.path, "*", { multiline: { continues: "^ " } });
    expect(await tail.given()).toBe("");
    tail.restart();
    files.add("app.log", " c\n2 d\n");
    expect(await tail.given()).toBe("1 a\n b\n c\n");
  });

  test("ends where the file ends, in a compressed one", async () => {
    using folder = emptyFolder();
    writeFileSync(path.join(folder.path, "old.log.gz"), gzipSync("1\n a\n2\n b"));
    using tail = following(folder.path, "*", { multiline: { continues: "^ " } });
    expect(await tail.settled()).toBe("1\n a\n2\n b\n");
  });

  test("however the bytes come, events are the same", () => {
    const random = randomBelow(11);
    for (let turn = 0; turn < 300; turn += 1) {
      const lines = Array.from(
        { length: 1 + random(30) },
        () => `${"ab "[random(3)]}${"x".repeat(random(9))}\n`,
      );
      const text = Buffer.from(lines.join(""));
      const options = cutOptionsOf({ max_line: 1000, multiline: { starts: "^a" } });
      expect(eventsOf(text, text.length, options)).toEqual(eventsOf(text, 1 + random(text.length), options));
    }
  });
});

/** Events of bytes that are read so many at a time, the last one without waiting. */
function eventsOf(bytes: Buffer, step: number, options: ReturnType<typeof cutOptionsOf>): string[] {
  const events: string[] = [];
  for (let offset = 0, wanted = step; offset < bytes.length; ) {
    const raw = bytes.subarray(offset, offset + wanted);
    const hasMore = offset + wanted < bytes.length;
    const rest = { isInLongLine: false, endsEvent: !hasMore, endsLine: !hasMore };
    const cut = cutEvents({ raw, maxEvents: Number.POSITIVE_INFINITY, hasMore, ...rest }, options);
    if (cut === "more" || cut.consumedBytes === 0) {
      wanted += step;
      continue;
    }
    offset += cut.consumedBytes;
    wanted = step;
    for (const [index, end] of (cut.ends ?? []).entries())
      events.push(Buffer.from(cut.bytes.subarray(cut.ends?.[index - 1] ?? 0, end)).toString());
  }
  return events;
}
