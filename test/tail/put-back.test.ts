/** A log that is replaced by its own copy goes on where it was; one with other bytes is a new file. */

import { expect, test } from "bun:test";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { type Following, filesIn, following } from "./following.ts";

const LINES = Array.from({ length: 400 }, (_, line) => `2026-01-05 line ${line} of the log\n`);
const WHOLE = LINES.join("");

/** Another inode with this text under the log's name, in one step. */
function putBack(folder: string, text: string): void {
  const file = path.join(folder, "a.log");
  writeFileSync(path.join(folder, "copy.tmp"), text);
  renameSync(path.join(folder, "copy.tmp"), file);
}

type Meanwhile = (tail: Following, change: () => void) => void;

const WAYS: Readonly<Record<string, Meanwhile>> = {
  "while it is followed": (_, change) => change(),
  "while nobody looks": (tail, change) => {
    const positions = tail.stop();
    change();
    tail.start(positions);
  },
};

const CHANGES: readonly {
  readonly name: string;
  readonly change: (folder: string) => void;
  readonly rest: string;
}[] = [
  { name: "the same bytes", change: (folder) => putBack(folder, WHOLE), rest: "" },
  { name: "the same bytes and more", change: (folder) => putBack(folder, `${WHOLE}new\n`), rest: "new\n" },
  {
    name: "twice put back",
    change: (folder) => {
      putBack(folder, WHOLE);
      putBack(folder, `${WHOLE}new\n`);
    },
    rest: "new\n",
  },
  {
    name: "another first line, and all else the same",
    change: (folder) => putBack(folder, `2026-01-06${WHOLE.slice(10)}`),
    rest: `2026-01-06${WHOLE.slice(10)}`,
  },
  {
    name: "another last line",
    change: (folder) => putBack(folder, `${LINES.slice(0, -1).join("")}2026-01-05 line 399 of a log!!\n`),
    rest: `${LINES.slice(0, -1).join("")}2026-01-05 line 399 of a log!!\n`,
  },
  {
    name: "an older state of it, which goes on otherwise",
    change: (folder) => putBack(folder, LINES.slice(0, 100).join("")),
    rest: LINES.slice(0, 100).join(""),
  },
  {
    name: "rotated, and the new one put back",
    change: (folder) => {
      renameSync(path.join(folder, "a.log"), path.join(folder, "a.log.1"));
      writeFileSync(path.join(folder, "a.log"), "fresh\n");
      copyFileSync(path.join(folder, "a.log"), path.join(folder, "copy.tmp"));
      renameSync(path.join(folder, "copy.tmp"), path.join(folder, "a.log"));
    },
    rest: "fresh\n",
  },
];

for (const [way, meanwhile] of Object.entries(WAYS))
  for (const { name, change, rest } of CHANGES)
    test(`${name}, ${way}`, async () => {
      using folder = emptyFolder();
      const files = filesIn(folder.path);
      files.add("a.log", WHOLE);
      using tail = following(folder.path, "a.log*");
      expect(await tail.settled()).toBe(WHOLE);
      meanwhile(tail, () => change(folder.path));
      expect(await tail.settled()).toBe(rest);
      // And on from there.
      files.add("a.log", "more\n");
      expect(await tail.settled()).toBe("more\n");
      expect(readFileSync(path.join(folder.path, "a.log"), "utf8")).toEndWith("more\n");
    });
