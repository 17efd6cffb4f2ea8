/** Copies in the making, and files that are gone while they are open. */

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { emptyFolder } from "../support/binary.ts";
import { filesIn, following } from "./following.ts";

test("a copy that takes a while is not read beside its original", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  const whole = Array.from({ length: 400 }, (_, line) => `line ${line} of a log\n`).join("");
  files.add("app.log", whole);
  using tail = following(folder.path, "*");
  expect(await tail.given()).toBe(whole);
  files.add("app.log", "rest\n");
  for (let part = 0; part < 4; part += 1) {
    files.add("app.log.1", `${whole}rest\n`.slice(part * 2500, (part + 1) * 2500));
    expect(await tail.given()).toBe(part === 0 ? "rest\n" : "");
  }
  files.truncate("app.log");
  files.add("app.log", "new\n");
  expect(await tail.settled()).toBe("new\n");
});

test("of a file that is deleted, what was open is read to its end, and the rest of it is given", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("app.log", "1\n");
  using tail = following(folder.path, "*");
  expect(await tail.given()).toBe("1\n");
  files.add("app.log", "2\nhalf");
  files.remove("app.log");
  expect(await tail.settled()).toBe("2\nhalf\n");
  expect(tail.follower.isDrained()).toBe(true);
});

test("a log that was truncated and has grown again since the last look is seen when it is read", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("app.log", "1\n2\n");
  using tail = following(folder.path, "*");
  expect(await tail.given()).toBe("1\n2\n");
  files.add("app.log", "3\n");
  files.copyTruncate("app.log", "app.log.1");
  files.add("app.log", "a new line that is longer\n");
  tail.follower.noticed(path.join(folder.path, "app.log"));
  expect(await tail.follower.next({ maxBytes: 1000, maxEvents: 10 })).toBeUndefined();
  expect(await tail.settled()).toBe("3\na new line that is longer\n");
});

test("what was renamed while we looked, and was under neither name, is the same later", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("app.log", "1\n");
  files.add("old.log", "2\n");
  files.compress("old.log");
  using tail = following(folder.path, "*");
  expect((await tail.settled()).split("\n").toSorted()).toEqual(["", "1", "2"]);
  for (const name of ["app.log", "old.log.gz"]) files.move(name, `../${path.basename(folder.path)}.${name}`);
  expect(await tail.settled()).toBe("");
  for (const name of ["app.log", "old.log.gz"])
    files.move(`../${path.basename(folder.path)}.${name}`, `${name}.1`);
  files.add("app.log.1", "3\n");
  expect(await tail.settled()).toBe("3\n");
});

/** What happens in a look, after it was listed what is there and before it is said what new files are. */
function inLook() {
  let act: (() => void) | undefined;
  return {
    do(next: () => void) {
      act = next;
    },
    isOwn(): boolean {
      act?.();
      act = undefined;
      return false;
    },
  };
}

test.each([
  ["a log that is truncated, and has grown again, while it is looked at goes on in its copy", false],
  ["and in a run that takes what is there", true],
])("%s", async (_name, isBounded) => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("app.log", "1\n2\n");
  const look = inLook();
  using tail = following(folder.path, "*", { isOwn: look.isOwn, isBounded });
  expect(await tail.given()).toBe("1\n2\n");
  files.add("app.log.1", "1\n2\n");
  look.do(() => {
    files.truncate("app.log");
    files.add("app.log", "a new line that is longer\n");
  });
  expect(await tail.settled()).toBe("a new line that is longer\n");
});

test("so does one that is renamed in the same moment", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("app.log", "1\n2\n");
  const look = inLook();
  using tail = following(folder.path, "*", { isOwn: look.isOwn });
  expect(await tail.given()).toBe("1\n2\n");
  const positions = tail.stop();
  files.add("app.log.1", "1\n2\n");
  look.do(() => {
    files.truncate("app.log");
    files.add("app.log", "a new line that is longer\n");
    files.move("app.log.1", "app.log.2");
    files.move("app.log", "app.log.1");
  });
  tail.start(positions);
  expect(await tail.settled()).toBe("a new line that is longer\n");
});

test("what is compressed while its last lines are read is the same", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("app.log", "1\n");
  using tail = following(folder.path, "*");
  expect(await tail.given()).toBe("1\n");
  files.add("app.log", "2\n");
  files.move("app.log", "app.log.1");
  writeFileSync(path.join(folder.path, "app.log.1.gz"), gzipSync("1\n2\n"));
  expect(await tail.given()).toBe("2\n");
  expect(await tail.given()).toBe("");
  files.remove("app.log.1");
  expect(await tail.settled()).toBe("");
});

test("a run that takes what is there waits for a copy of what was read before, not for others", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  const one = { isBounded: true };
  files.add("app.log", "1\n");
  files.add("app.log.1", "1\n");
  using tail = following(folder.path, "*", one);
  expect(await tail.given()).toBe("1\n1\n");
  expect(tail.follower.isDrained()).toBe(true);
  files.add("app.log", "2\n");
  files.add("app.log.2", "1\n2\n");
  tail.restart();
  expect(await tail.given()).toBe("2\n");
  expect(tail.follower.isDrained()).toBe(false);
  files.truncate("app.log");
  files.add("app.log", "3\n");
  expect(await tail.settled()).toBe("3\n");
  expect(tail.follower.isDrained()).toBe(true);
});
