/** Rolled files: their paths and names, and each event in one file once. */

import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { systemClock } from "../../src/base/clock.ts";
import { configureLogging } from "../../src/base/log.ts";
import { pathMaker } from "../../src/collect/outputs/escapes.ts";
import { smallDisk } from "../services/small-disk.ts";
import { emptyFolder } from "../support/binary.ts";
import { blockOf } from "./channels.ts";
import { commit, open, tree } from "./open-output.ts";

const said: string[] = [];
configureLogging("info", (line) => said.push(line));
afterEach(() => said.splice(0));

describe("roll", () => {
  const at = Date.parse("2026-01-05T14:59:30Z");
  const clockAt = (ms: { now: number }) => ({ ...systemClock, nowMs: () => ms.now });

  test("puts events into folders by headers and time, and names files when they are finished", async () => {
    using folder = emptyFolder();
    const now = { now: at };
    const stageFolder = join(folder.path, "stage");
    const to = { roll: { to: "logs", path: "%{country}/%Y-%m-%d/%H", suffix: ".log", roll_events: 2 } };
    const output = await open(to, { baseFolder: folder.path, clock: clockAt(now), stageFolder });
    const late = { timestamp: String(at + 60_000) };
    await output.deliver([
      blockOf(["1"], { country: "DE" }),
      blockOf(["2"], { country: "../../etc" }),
      blockOf(["3"], { country: "DE" }),
      blockOf(["4"], { country: "DE", ...late }),
      blockOf(["5"]),
    ]);
    mkdirSync(join(folder.path, "logs"), { recursive: true });
    expect(tree(join(folder.path, "logs"))).toEqual({});
    await commit(output);
    const id = readFileSync(join(stageFolder, "id"), "utf8");
    expect(tree(join(folder.path, "logs"))).toEqual({
      [`DE/2026-01-05/14/events.${at}-${id}.log`]: "1\n3\n",
    });
    await output.close();
    expect(Object.values(tree(join(folder.path, "logs"))).toSorted()).toEqual(
      ["5\n", "1\n3\n", "4\n", "2\n"].toSorted(),
    );
    expect(
      Object.keys(tree(join(folder.path, "logs"))).map((name) => name.replace(/\.\d+-\w+\./, ".")),
    ).toEqual(
      [
        ".._.._etc/2026-01-05/14/events.log",
        "DE/2026-01-05/14/events.log",
        "DE/2026-01-05/15/events.log",
        "none/2026-01-05/14/events.log",
      ].toSorted(),
    );
  });

  test("finishes files by size, age and idleness", async () => {
    using folder = emptyFolder();
    const now = { now: at };
    const context = { baseFolder: folder.path, clock: clockAt(now), stageFolder: join(folder.path, "stage") };
    const output = await open({ roll: { to: "l", roll_bytes: 10, roll_every: "1m", idle: "10s" } }, context);
    const names = (): number => Object.keys(tree(join(folder.path, "l"))).length;
    mkdirSync(join(folder.path, "l"));
    await output.deliver([blockOf(["0123456789"]), blockOf(["x"])]);
    await commit(output);
    expect(names()).toBe(1);
    expect(output.dueInMs?.()).toBe(10_000);
    now.now += 10_000;
    await commit(output);
    expect(names()).toBe(2);
    expect(output.dueInMs?.()).toBe(undefined);
    await output.deliver([blockOf(["12345", "67890", "a", "b"])]);
    now.now += 10_000;
    await commit(output);
    expect(Object.values(tree(join(folder.path, "l"))).toSorted()).toEqual(
      ["0123456789\n", "x\n", "12345\n67890\n", "a\nb\n"].toSorted(),
    );
    for (const part of ["a", "b", "c"]) {
      await output.deliver([blockOf([part])]);
      now.now += 9_000;
      await commit(output);
    }
    expect(names()).toBe(4);
    now.now += 40_000;
    await commit(output);
    expect(Object.values(tree(join(folder.path, "l")))).toContain("a\nb\nc\n");
    await output.close();
  });

  test("each event stands in one file once, wherever it was killed", async () => {
    using folder = emptyFolder();
    const context = { baseFolder: folder.path, stageFolder: join(folder.path, "stage") };
    const to = { roll: { to: "l", roll_events: 2, gzip: true } };
    const first = await open(to, context);
    await first.deliver([blockOf(["1"])]);
    const committed = await commit(first);
    await first.deliver([blockOf(["2"]), blockOf(["3"]), blockOf(["4"])]);
    // Killed: nothing was committed of it, and nothing of it has a name.
    const second = await open(to, { ...context, committed });
    await second.deliver([blockOf(["2"]), blockOf(["3"]), blockOf(["4"])]);
    const state = await second.sync();
    // Killed after the commit and before files got their names.
    const third = await open(to, {
      ...context,
      committed: JSON.parse(JSON.stringify(state)) as typeof state,
    });
    await commit(third);
    await third.close();
    const files = readdirSync(join(folder.path, "l")).toSorted();
    expect(files.map((name) => gunzipSync(readFileSync(join(folder.path, "l", name))).toString())).toEqual([
      "1\n2\n",
      "3\n4\n",
    ]);
    expect(readdirSync(join(folder.path, "stage"))).toEqual(["id", "last-number"]);
  });

  test("a clock that was set back gives no name twice, and no file is replaced", async () => {
    using folder = emptyFolder();
    const now = { now: at };
    const context = { baseFolder: folder.path, clock: clockAt(now), stageFolder: join(folder.path, "stage") };
    for (const event of ["first", "second", "third"]) {
      const output = await open({ roll: { to: "l", roll_events: 1 } }, context);
      await output.deliver([blockOf([event])]);
      await commit(output);
      await output.close();
      now.now -= 3_600_000;
    }
    expect(Object.values(tree(join(folder.path, "l"))).toSorted()).toEqual([
      "first\n",
      "second\n",
      "third\n",
    ]);
  });

  test("a name that another file has is left to it", async () => {
    using folder = emptyFolder();
    const stageFolder = join(folder.path, "stage");
    const context = { baseFolder: folder.path, clock: clockAt({ now: at }), stageFolder };
    mkdirSync(stageFolder);
    writeFileSync(join(stageFolder, "id"), "abc");
    mkdirSync(join(folder.path, "l"));
    writeFileSync(join(folder.path, `l/events.${at}-abc`), "of somebody else\n");
    const output = await open({ roll: { to: "l", roll_events: 1 } }, context);
    await output.deliver([blockOf(["ours"])]);
    await commit(output);
    await output.close();
    expect(tree(join(folder.path, "l"))).toEqual({
      [`events.${at}-abc`]: "of somebody else\n",
      [`events.${at}-abc.2`]: "ours\n",
    });
  });

  test("headers of any length and characters make paths; long ones that differ stay apart", async () => {
    using folder = emptyFolder();
    const context = { baseFolder: folder.path, stageFolder: join(folder.path, "stage") };
    const headers = [
      "漢".repeat(100),
      `${"漢".repeat(100)}字`,
      "x".repeat(5_000),
      "a\nb\0c:d",
      "😀".repeat(64),
      "..",
    ];
    const to = { roll: { to: "l", path: "%{h}-%{h}/%{h}", prefix: "%{h}", suffix: ".log", gzip: true } };
    const output = await open(to, context);
    await output.deliver(headers.map((h) => blockOf([h.replaceAll(/[\n\0]/g, "?")], { h })));
    await commit(output);
    await output.close();
    const files = Object.keys(tree(join(folder.path, "l")));
    expect(files).toHaveLength(headers.length);
    for (const part of files.flatMap((file) => file.split("/"))) {
      expect(Buffer.byteLength(part)).toBeLessThanOrEqual(255);
      expect(part).not.toContain("\ufffd");
    }
  });

  test("a path that the file system never takes does not hold up the others", async () => {
    using folder = emptyFolder();
    mkdirSync(join(folder.path, "l"));
    writeFileSync(join(folder.path, "l/taken"), "a file where a folder is wanted\n");
    const context = { baseFolder: folder.path, stageFolder: join(folder.path, "stage") };
    const output = await open({ roll: { to: "l", path: "%{h}", roll_events: 1 } }, context);
    await output.deliver([blockOf(["1"], { h: "taken" }), blockOf(["2"], { h: "free" })]);
    await commit(output);
    await output.close();
    expect(Object.values(tree(join(folder.path, "l"))).toSorted()).toEqual([
      "1\n",
      "2\n",
      "a file where a folder is wanted\n",
    ]);
    expect(said.join()).toContain('does not take the path "taken/events"');
  });

  test.each([0, 1])("staged on another disk: killed at moment %# of a move, it goes on", async (moment) => {
    using folder = emptyFolder();
    using _disk = smallDisk(join(folder.path, "disk"), 2);
    const context = { baseFolder: folder.path, stageFolder: join(folder.path, "disk/stage") };
    const to = { roll: { to: "l", roll_events: 1 } };
    const first = await open(to, context);
    await first.deliver([blockOf(["event"])]);
    const committed = await first.sync();
    const staged = readdirSync(context.stageFolder).find((name) => /^\d+-/.test(name)) ?? "";
    const bytes = readFileSync(join(context.stageFolder, staged));
    await first.committed?.();
    // The next life starts from the same commit: the staged file is gone, or it is still there.
    if (moment === 1) writeFileSync(join(context.stageFolder, staged), bytes);
    const second = await open(to, { ...context, committed });
    await second.deliver([blockOf(["later"])]);
    await commit(second);
    await second.close();
    expect(Object.values(tree(join(folder.path, "l"))).toSorted()).toEqual(["event\n", "later\n"]);
    expect(readdirSync(context.stageFolder).toSorted()).toEqual(["id", "last-number"]);
  });

  test("a block is cut where a file has all its events", async () => {
    using folder = emptyFolder();
    const to = { roll: { to: "l", roll_events: 3, path: "%{a}" } };
    const output = await open(to, { baseFolder: folder.path, stageFolder: join(folder.path, "stage") });
    const many = Array.from({ length: 10 }, (_, number) => String(number));
    await output.deliver([blockOf(many, { a: "x" }), blockOf(["other"], { a: "y" })]);
    await commit(output);
    await output.close();
    expect(Object.values(tree(join(folder.path, "l/x")))).toEqual([
      "0\n1\n2\n",
      "3\n4\n5\n",
      "6\n7\n8\n",
      "9\n",
    ]);
    expect(Object.values(tree(join(folder.path, "l/y")))).toEqual(["other\n"]);
  });

  test.each([
    ["%Y-%m-%d/%H%M", "2026-01-05/1459"],
    ["%y%j %e %k %I%p %l:%M:%S", "26005 5 14 02pm 2:59:30"],
    ["%a %A %b %B %D %s %t %z %n", "Mon Monday Jan January 01-05-26 1767625170 1767625170000 +0000 1"],
    ["100%%/%{a}/%{b}", "100%/x_y/none"],
  ])("the path %s is %s", (template, path) => {
    const options = { timezone: "UTC", roundMs: 0, usesClock: false, nowMs: () => 0 };
    expect(pathMaker(template, options)({ timestamp: String(at), a: "x/y" })).toBe(path);
  });

  test("times are rounded, in a time zone", () => {
    const options = { timezone: "Asia/Tokyo", roundMs: 600_000, usesClock: true, nowMs: () => at };
    expect(pathMaker("%Y-%m-%d %H:%M", options)({ timestamp: "0" })).toBe("2026-01-05 23:50");
    expect(() => pathMaker("%Q", options)).toThrow('"%Q" is no escape');
  });
});
