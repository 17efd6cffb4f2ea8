/** Everything that rotation does to a file, while it is followed and while nobody looks. */

import { afterAll, describe, expect, test } from "bun:test";
import { emptyFolder } from "../support/binary.ts";
import { type Files, filesIn, following } from "./following.ts";

interface Story {
  readonly name: string;
  readonly glob?: string;
  /** Before the first look. */
  readonly given: (files: Files) => void;
  readonly first: string;
  /** What happens then, at once or with looks between. */
  readonly steps: readonly ((files: Files) => void)[];
  /** All that must be given, in this order. */
  readonly rest: string;
  readonly anyOrder?: true;
}

const LONG = "a line of some length, as logs have them\n".repeat(60);

const stories: readonly Story[] = [
  {
    name: "lines are appended",
    given: (files) => files.add("app.log", "1\n2\n"),
    first: "1\n2\n",
    steps: [(files) => files.add("app.log", "3\n"), (files) => files.add("app.log", "4\n")],
    rest: "3\n4\n",
  },
  {
    name: "Flume's fault: a file that is renamed is not read again",
    given: (files) => files.add("app.log", "1\n2\n"),
    first: "1\n2\n",
    steps: [(files) => files.move("app.log", "app.log.1"), (files) => files.add("app.log.1", "3\n")],
    rest: "3\n",
  },
  {
    name: "Vector's fault: a file shorter than its fingerprint is read",
    given: (files) => files.add("app.log", "x\n"),
    first: "x\n",
    steps: [(files) => files.add("other.log", "y\n")],
    rest: "y\n",
  },
  {
    name: "Fluent Bit's fault: a half line waits for its end, over a restart too",
    given: (files) => files.add("app.log", "1\nha"),
    first: "1\n",
    steps: [(files) => files.add("app.log", "lf"), (files) => files.add("app.log", "\n2\n")],
    rest: "half\n2\n",
  },
  {
    name: "rotated by renaming, with a rest that was not read",
    given: (files) => files.add("app.log", LONG),
    first: LONG,
    steps: [
      (files) => {
        files.add("app.log", "rest\n");
        files.move("app.log", "app.log.1");
        files.add("app.log", "new\n");
      },
      (files) => files.add("app.log", "newer\n"),
    ],
    rest: "rest\nnew\nnewer\n",
  },
  {
    name: "rotated by renaming, and the glob matches the log alone",
    glob: "app.log",
    given: (files) => files.add("app.log", "1\n"),
    first: "1\n",
    steps: [
      (files) => {
        files.add("app.log", "2\n");
        files.move("app.log", "app.log.1");
        files.add("app.log", "3\n");
      },
    ],
    rest: "2\n3\n",
  },
  {
    name: "renamed, and written to under the old descriptor for a while",
    given: (files) => files.add("app.log", "1\n"),
    first: "1\n",
    steps: [
      (files) => files.move("app.log", "app.log.1"),
      (files) => files.add("app.log.1", "2\n"),
      (files) => files.add("app.log", "3\n"),
    ],
    rest: "2\n3\n",
  },
  {
    name: "a half line in a rotated file is given when it rests",
    given: (files) => files.add("app.log", "1\nhalf"),
    first: "1\n",
    steps: [
      (files) => {
        files.move("app.log", "app.log.1");
        files.add("app.log", "2\n");
      },
    ],
    rest: "2\nhalf\n",
    anyOrder: true,
  },
  {
    name: "copied and truncated, all read",
    given: (files) => files.add("app.log", LONG),
    first: LONG,
    steps: [
      (files) => {
        files.copyTruncate("app.log", "app.log.1");
        files.add("app.log", "new\n");
      },
    ],
    rest: "new\n",
  },
  {
    name: "copied and truncated, with a rest that was not read",
    given: (files) => files.add("app.log", LONG),
    first: LONG,
    steps: [
      (files) => {
        files.add("app.log", "rest\n");
        files.copyTruncate("app.log", "app.log.1");
        files.add("app.log", "new\n");
      },
    ],
    rest: "rest\nnew\n",
  },
  {
    name: "copied and truncated, and the glob matches the log alone",
    glob: "app.log",
    given: (files) => files.add("app.log", "1\n"),
    first: "1\n",
    steps: [
      (files) => {
        files.add("app.log", "2\n");
        files.copyTruncate("app.log", "app.log.1");
        files.add("app.log", "3\n");
      },
    ],
    rest: "2\n3\n",
  },
  {
    name: "copied and truncated, and grown beyond what was read",
    given: (files) => files.add("app.log", "1\n2\n"),
    first: "1\n2\n",
    steps: [
      (files) => {
        files.add("app.log", "3\n");
        files.copyTruncate("app.log", "app.log.1");
        files.add("app.log", LONG);
      },
    ],
    rest: `3\n${LONG}`,
  },
  {
    name: "copied and truncated three times",
    given: (files) => files.add("app.log", "1\n"),
    first: "1\n",
    steps: [
      (files) => {
        files.add("app.log", "2\n");
        files.copyTruncate("app.log", "app.log.1");
        files.add("app.log", "3\n");
        files.move("app.log.1", "app.log.2");
        files.copyTruncate("app.log", "app.log.1");
        files.add("app.log", "4\n");
        files.move("app.log.2", "app.log.3");
        files.move("app.log.1", "app.log.2");
        files.copyTruncate("app.log", "app.log.1");
        files.add("app.log", "5\n");
      },
    ],
    rest: "2\n3\n4\n5\n",
  },
  {
    name: "renamed three times",
    given: (files) => files.add("app.log", "1\n"),
    first: "1\n",
    steps: [
      (files) => {
        files.add("app.log", "2\n");
        files.move("app.log", "app.log.1");
        files.add("app.log", "3\n");
        files.move("app.log.1", "app.log.2");
        files.move("app.log", "app.log.1");
        files.add("app.log", "4\n");
        files.move("app.log.2", "app.log.3");
        files.move("app.log.1", "app.log.2");
        files.move("app.log", "app.log.1");
        files.add("app.log", "5\n");
      },
    ],
    rest: "2\n3\n4\n5\n",
  },
  {
    name: "renamed and compressed, with a rest that was not read",
    given: (files) => files.add("app.log", LONG),
    first: LONG,
    steps: [
      (files) => {
        files.add("app.log", "rest\n");
        files.move("app.log", "app.log.1");
        files.compress("app.log.1");
        files.add("app.log", "new\n");
      },
    ],
    rest: "rest\nnew\n",
  },
  {
    name: "renamed and compressed a rotation later",
    given: (files) => files.add("app.log", "1\n"),
    first: "1\n",
    steps: [
      (files) => {
        files.add("app.log", "2\n");
        files.move("app.log", "app.log.1");
        files.add("app.log", "3\n");
      },
      (files) => {
        files.move("app.log.1", "app.log.2");
        files.compress("app.log.2");
        files.move("app.log", "app.log.1");
        files.add("app.log", "4\n");
      },
    ],
    rest: "2\n3\n4\n",
  },
  {
    name: "copied, truncated and compressed",
    given: (files) => files.add("app.log", "1\n"),
    first: "1\n",
    steps: [
      (files) => {
        files.add("app.log", "2\n");
        files.copyTruncate("app.log", "app-20260105.log");
        files.compress("app-20260105.log");
        files.add("app.log", "3\n");
      },
    ],
    rest: "2\n3\n",
  },
  {
    name: "a compressed file that nobody knew is read once",
    given: (files) => files.add("app.log", "3\n"),
    first: "3\n",
    steps: [
      (files) => {
        files.add("old.log", "1\n2\nhalf");
        files.compress("old.log");
      },
      (files) => files.move("old.log.gz", "older.log.gz"),
    ],
    rest: "1\n2\nhalf\n",
  },
  {
    name: "truncated",
    given: (files) => files.add("app.log", "1\n2\n"),
    first: "1\n2\n",
    steps: [
      (files) => {
        files.truncate("app.log");
        files.add("app.log", "3\n");
      },
    ],
    rest: "3\n",
  },
  {
    name: "deleted and made again",
    given: (files) => files.add("app.log", LONG),
    first: LONG,
    steps: [
      (files) => {
        files.remove("app.log");
        files.add("app.log", LONG.toUpperCase());
      },
    ],
    rest: LONG.toUpperCase(),
  },
  {
    name: "many files begin alike, and some are alike",
    given: (files) => {
      for (const name of ["a.log", "b.log", "c.log"]) files.add(name, "#Fields: x y\n");
    },
    first: "#Fields: x y\n".repeat(3),
    steps: [
      (files) => files.add("d.log", "#Fields: x y\n"),
      (files) => files.add("a.log", "1\n"),
      (files) => files.add("d.log", "2\n"),
    ],
    rest: "#Fields: x y\n1\n2\n",
    anyOrder: true,
  },
  {
    name: "a job's log that is deleted, and the next one's that is alike",
    given: (files) => files.add("job-1.log", "begin\nend\n"),
    first: "begin\nend\n",
    steps: [
      (files) => {
        files.remove("job-1.log");
        files.add("job-2.log", "begin\nend\n");
      },
    ],
    rest: "begin\nend\n",
  },
  {
    name: "a file of the same family that begins alike is no copy while the other one is there",
    given: (files) => files.add("app.log", "begin\n"),
    first: "begin\n",
    steps: [(files) => files.add("app.other.log", "begin\n"), (files) => files.add("app.other.log", "1\n")],
    rest: "begin\n1\n",
  },
  {
    name: "empty files, and empty lines",
    given: (files) => files.add("app.log", ""),
    first: "",
    steps: [
      (files) => files.move("app.log", "app.log.1"),
      (files) => files.add("app.log", ""),
      (files) => files.add("app.log.1", "\n"),
      (files) => files.add("app.log", "\n\n"),
    ],
    rest: "\n\n\n",
  },
  {
    name: "swapped names",
    given: (files) => {
      files.add("a.log", "a1\n");
      files.add("b.log", "b1\n");
    },
    first: "a1\nb1\n",
    steps: [
      (files) => {
        files.move("a.log", "c.log");
        files.move("b.log", "a.log");
        files.move("c.log", "b.log");
      },
      (files) => files.add("a.log", "b2\n"),
      (files) => files.add("b.log", "a2\n"),
    ],
    rest: "b2\na2\n",
    anyOrder: true,
  },
];

const ways = {
  "looked at after each step": { looks: true, restarts: false },
  "looked at after all steps": { looks: false, restarts: false },
  "restarted after each step": { looks: true, restarts: true },
  "while nobody looks": { looks: false, restarts: true },
};

const folders = stories.flatMap(() => Object.keys(ways).map(() => emptyFolder()));
afterAll(() => {
  for (const folder of folders) folder[Symbol.dispose]();
});

for (const [way, { looks, restarts }] of Object.entries(ways)) {
  describe(way, () => {
    for (const { name, glob = "*", given, first, steps, rest, anyOrder } of stories) {
      test(name, async () => {
        const files = filesIn(folders.pop()?.path ?? "");
        given(files);
        using tail = following(files.folder, glob);
        expect(await tail.given()).toBe(first);
        let positions = restarts ? tail.stop() : [];
        let text = "";
        for (const [index, step] of steps.entries()) {
          step(files);
          if (!looks && index < steps.length - 1) continue;
          if (restarts) tail.start(positions);
          text += await tail.settled();
          if (restarts) positions = tail.stop();
        }
        if (restarts) tail.start(positions);
        text += await tail.settled();
        expect(anyOrder ? sorted(text) : text).toBe(anyOrder ? sorted(rest) : rest);
      });
    }
  });
}

function sorted(text: string): string {
  return text.split("\n").toSorted().join("\n");
}
