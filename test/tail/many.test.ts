/** Many files, new files, and where they are begun. */

import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { messageOf } from "../../src/base/error.ts";
import { readPositionFile, writePositionFile } from "../../src/tail/position-file.ts";
import { emptyFolder } from "../support/binary.ts";
import { filesIn, following } from "./following.ts";

test("ten thousand files are read with few of them open, and their positions fit", async () => {
  using folder = emptyFolder();
  const count = 10_000;
  for (let index = 0; index < count; index += 1) writeFileSync(path.join(folder.path, `${index}.log`), "a\n");
  const openBefore = readdirSync("/proc/self/fd").length;
  using tail = following(folder.path, "*.log");
  expect((await tail.settled()).length).toBe(2 * count);
  expect(readdirSync("/proc/self/fd").length - openBefore).toBeLessThan(600);
  const file = path.join(folder.path, "position");
  await writePositionFile(file, tail.stop());
  tail.start(readPositionFile(file));
  for (let index = 0; index < count; index += 100) filesIn(folder.path).add(`${index}.log`, "b\n");
  expect(await tail.settled()).toBe("b\n".repeat(100));
}, 60_000);

test("a file that never ends does not keep others waiting", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("flood.log", `${"x".repeat(99)}\n`.repeat(200_000));
  for (const name of ["a.log", "b.log", "c.log"]) files.add(name, "line\n");
  using tail = following(folder.path, "*.log");
  tail.clock.advance(1100);
  const first: string[] = [];
  while (first.length < 5) {
    const block = await tail.follower.next({ maxBytes: 1_000_000, maxEvents: Number.POSITIVE_INFINITY });
    first.push(path.basename(block?.path ?? ""));
  }
  expect(new Set(first)).toEqual(new Set(["flood.log", "a.log", "b.log", "c.log"]));
});

test("files that appear are read from their start, in new folders too", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  using tail = following(folder.path, ["**/*.log", "*.txt"]);
  expect(await tail.settled()).toBe("");
  mkdirSync(path.join(folder.path, "deep/er"), { recursive: true });
  files.add("deep/er/a.log", "1\n");
  files.add("b.txt", "2\n");
  files.add("c.other", "3\n");
  expect((await tail.settled()).split("\n").toSorted()).toEqual(["", "1", "2"]);
});

test("from: end begins behind what is there, and new files at their start", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("a.log", "old\nhal");
  writeFileSync(path.join(folder.path, "a.log.1.gz"), gzipSync("older\n"));
  using tail = following(folder.path, "*", { from: "end" });
  expect(await tail.settled()).toBe("");
  tail.restart();
  files.add("a.log", "f\nnew\n");
  files.add("b.log", "first\n");
  expect((await tail.settled()).split("\n").toSorted()).toEqual(["", "first", "half", "new"]);
});

test("a device that has another number after a restart is the same", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("a.log", "1\n2\n");
  using tail = following(folder.path, "*");
  expect(await tail.settled()).toBe("1\n2\n");
  tail.start(tail.stop().map((position) => ({ ...position, device: "77" })));
  files.add("a.log", "3\n");
  expect(await tail.settled()).toBe("3\n");
});

test("a log behind a symbolic link is rotated where it is, as container run-times do it", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  mkdirSync(path.join(folder.path, "pods"));
  mkdirSync(path.join(folder.path, "containers"));
  files.add("pods/0.log", "1\n");
  symlinkSync("../pods/0.log", path.join(folder.path, "containers/shop.log"));
  using tail = following(folder.path, "containers/*.log");
  expect(await tail.settled()).toBe("1\n");
  const positions = tail.stop();
  files.add("pods/0.log", "2\n");
  files.move("pods/0.log", "pods/0.log.20260105-143000");
  files.add("pods/0.log", "3\n");
  tail.start(positions);
  expect((await tail.settled()).split("\n").toSorted()).toEqual(["", "2", "3"]);
});

test("what is no position file is refused", async () => {
  using folder = emptyFolder();
  const file = path.join(folder.path, "position");
  const refusal = (text: string): string => {
    writeFileSync(file, text);
    try {
      readPositionFile(file);
      return "";
    } catch (error) {
      return messageOf(error);
    }
  };
  expect(refusal("{}\n")).toContain("is no position file");
  await writePositionFile(file, []);
  const text = readFileSync(file, "utf8");
  expect(refusal(text)).toBe("");
  expect(refusal(text.replace('"version":1', '"version":2'))).toContain("version 2");
  expect(refusal(`${text}{"path":`)).toContain("is no position file");
});
