/**
 * Events of several lines over a rotation: in order, and whole, whatever rotation does and whenever we are
 * restarted.
 */

import { afterAll, describe, expect, test } from "bun:test";
import { utimesSync } from "node:fs";
import path from "node:path";
import { emptyFolder } from "../../support/binary.ts";
import { type Files, type Following, filesIn, following } from "../../tail/following.ts";

interface Story {
  readonly name: string;
  readonly glob?: string;
  /** Before the first look. */
  readonly given: (files: Files) => void;
  readonly steps: readonly ((files: Files) => void)[];
  /** All events, in this order. */
  readonly events: readonly string[];
}

const stories: readonly Story[] = [
  {
    name: "the last event comes before the next file's first",
    given: (files) => files.add("app.log", "E1\n a\nE2\n b\n"),
    steps: [
      (files) => files.move("app.log", "app.log.1"),
      (files) => files.add("app.log", "E3\n c\nE4\nE5\n"),
    ],
    events: ["E1\n a\n", "E2\n b\n", "E3\n c\n", "E4\n", "E5\n"],
  },
  {
    name: "an event is split by the rotation",
    given: (files) => files.add("app.log", "E1\n a\nE2\n b1\n"),
    steps: [(files) => files.move("app.log", "app.log.1"), (files) => files.add("app.log", " b2\n b3\nE3\n")],
    events: ["E1\n a\n", "E2\n b1\n b2\n b3\n", "E3\n"],
  },
  {
    name: "of which the rest is all that the next file has",
    glob: "app.log",
    given: (files) => files.add("app.log", "E1\nE2\n b1\n"),
    steps: [(files) => files.move("app.log", "app.log.1"), (files) => files.add("app.log", " b2\n")],
    events: ["E1\n", "E2\n b1\n b2\n"],
  },
  {
    name: "the old file grows on",
    given: (files) => files.add("app.log", "E1\nE2\n"),
    steps: [
      (files) => {
        files.move("app.log", "app.log.1");
        files.add("app.log", "E3\n");
        files.add("app.log.1", " b\n");
      },
    ],
    events: ["E1\n", "E2\n b\n", "E3\n"],
  },
  {
    name: "copied and truncated",
    given: (files) => files.add("app.log", "E1\nE2\n b1\n"),
    steps: [
      (files) => {
        files.copyTruncate("app.log", "app.log.1");
        files.add("app.log", " b2\nE3\n");
      },
    ],
    events: ["E1\n", "E2\n b1\n b2\n", "E3\n"],
  },
  {
    name: "copied where the glob does not look",
    glob: "app.log",
    given: (files) => files.add("app.log", "E1\nE2\n b1\n"),
    steps: [
      (files) => {
        files.copyTruncate("app.log", "app.log.1");
        files.add("app.log", "E3\nE4\n");
      },
    ],
    events: ["E1\n", "E2\n b1\n", "E3\n", "E4\n"],
  },
  {
    name: "compressed at once",
    given: (files) => files.add("app.log", "E1\nE2\n b1\n"),
    steps: [
      (files) => {
        files.move("app.log", "app.log.1");
        files.compress("app.log.1");
        files.add("app.log", " b2\nE3\n");
      },
    ],
    events: ["E1\n", "E2\n b1\n b2\n", "E3\n"],
  },
  {
    name: "two rotations in one moment",
    given: (files) => files.add("app.log", "E1\nE2\n b1\n"),
    steps: [
      (files) => {
        files.move("app.log", "app.log.1");
        files.add("app.log", " b2\nE3\n c1\n");
        files.move("app.log.1", "app.log.2");
        files.move("app.log", "app.log.1");
        files.add("app.log", " c2\nE4\n");
      },
    ],
    events: ["E1\n", "E2\n b1\n b2\n", "E3\n c1\n c2\n", "E4\n"],
  },
  {
    name: "the last line has no line feed",
    given: (files) => files.add("app.log", "E1\nE2\n b1"),
    steps: [
      (files) => {
        files.move("app.log", "app.log.1");
        files.add("app.log", "E3\n");
      },
    ],
    events: ["E1\n", "E2\n b1\n", "E3\n"],
  },
  {
    name: "days in names",
    given: (files) => files.add("app.log", "E1\nE2\n b1\n"),
    steps: [
      (files) => {
        files.move("app.log", "app-20260105.log");
        files.add("app.log", " b2\nE3\n");
      },
    ],
    events: ["E1\n", "E2\n b1\n b2\n", "E3\n"],
  },
];

const folders: Disposable[] = [];
afterAll(() => {
  for (const folder of folders) folder[Symbol.dispose]();
});

async function eventsOf({ follower }: Following): Promise<string[]> {
  const events: string[] = [];
  for (;;) {
    const block = await follower.next({ maxBytes: 1_048_576, maxEvents: Number.POSITIVE_INFINITY });
    if (block === undefined) return events;
    let start = 0;
    for (const end of block.ends ?? []) {
      events.push(Buffer.from(block.bytes.subarray(start, end)).toString());
      start = end;
    }
  }
}

async function after(tail: Following, ms: number, times: number): Promise<string[]> {
  const events: string[] = [];
  for (let time = 0; time < times; time += 1) {
    tail.clock.advance(ms);
    events.push(...(await eventsOf(tail)));
    // Compressed files are looked through in the background.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return events;
}

const WAYS = {
  "at once": async () => [],
  "with a look between": (tail: Following) => after(tail, 110, 2),
  "with a restart between": async (tail: Following) => {
    tail.restart();
    return after(tail, 110, 2);
  },
  "while nobody looks": async (tail: Following) => {
    tail.restart();
    return [];
  },
} as const;

for (const [way, between] of Object.entries(WAYS))
  describe(`steps ${way}`, () => {
    for (const { name, glob = "app*", given, steps, events } of stories)
      test(name, async () => {
        const folder = emptyFolder();
        folders.push(folder);
        const files = filesIn(folder.path);
        given(files);
        using tail = following(folder.path, glob, { multiline: { starts: "^E" } });
        const found = await after(tail, 110, 2);
        expect(found).toEqual(["E1\n", "E1\n a\n"].filter((event) => found.includes(event)).slice(0, 1));
        for (const step of steps) {
          step(files);
          found.push(...(await between(tail)));
        }
        if (way === "with a restart between") tail.restart();
        found.push(...(await after(tail, 300, 12)), ...(await after(tail, 4000, 3)));
        expect(found).toEqual([...events]);
      });
  });

test("all at once: rotated before the first look", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("app.log.2", "E1\nE2\n b1\n");
  files.add("app.log.1", " b2\nE3\n");
  files.compress("app.log.2");
  files.add("app.log", " c\nE4\n d\n");
  const options = { multiline: { starts: "^E" }, isBounded: true, endsLines: true };
  using tail = following(folder.path, "app*", options);
  expect(await after(tail, 110, 4)).toEqual(["E1\n", "E2\n b1\n b2\n", "E3\n c\n", "E4\n d\n"]);
  expect(tail.follower.isDrained()).toBe(true);
});

test("a pattern of the lines that go on", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("app.log", "one\n\ttwo\n");
  using tail = following(folder.path, "app*", { multiline: { continues: "^\\s" } });
  expect(await after(tail, 110, 2)).toEqual([]);
  files.move("app.log", "app.log.1");
  files.add("app.log", "\tthree\nfour\n");
  expect(await after(tail, 1000, 8)).toEqual(["one\n\ttwo\n\tthree\n", "four\n"]);
});

test("an event that was over before the rotation is given before what follows", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("app.log", "E1\n a\n");
  using tail = following(folder.path, "app*", { multiline: { starts: "^E" } });
  expect(await after(tail, 1100, 4)).toEqual(["E1\n a\n"]);
  files.move("app.log", "app.log.1");
  files.add("app.log", " b\nE2\n");
  expect(await after(tail, 1100, 6)).toEqual([" b\n", "E2\n"]);
});

test("a file that grows after a rest has not rested, also where it is read before a look", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("app.log", "E1\n");
  using tail = following(folder.path, "app.log", { multiline: { starts: "^E" } });
  expect(await after(tail, 20, 2)).toEqual([]);
  const written = new Date(Date.now() - 60_000);
  utimesSync(path.join(folder.path, "app.log"), written, written);
  expect(await after(tail, 1100, 1)).toEqual(["E1\n"]);
  files.add("app.log", "E2\n a\nE3\n a\n");
  expect(await after(tail, 20, 2)).toEqual(["E2\n a\n"]);
  files.move("app.log", "app.log.1");
  files.add("app.log", " b\nE4\n");
  expect(await after(tail, 1100, 5)).toEqual(["E3\n a\n b\n", "E4\n"]);
});

test("a half line comes before the next file's lines, as whole lines do", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("app.log", "1\nha");
  using tail = following(folder.path, "app*");
  expect(await tail.given()).toBe("1\n");
  files.move("app.log", "app.log.1");
  files.add("app.log", "2\n");
  expect(await tail.settled()).toBe("ha\n2\n");
});
