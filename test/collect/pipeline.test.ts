/** Pipelines whole: inputs, interceptors, channels, routing and outputs together. */

import { afterEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { messageOf } from "../../src/base/error.ts";
import { configureLogging } from "../../src/base/log.ts";
import { groupOf } from "../../src/collect/groups/group.ts";
import { anyOrder, failover, roundRobin } from "../../src/collect/groups/orders.ts";
import { planPipeline } from "../../src/collect/plan.ts";
import { randomBelow } from "../crash/episode.ts";
import { freePorts } from "../services/ports.ts";
import { emptyFolder } from "../support/binary.ts";
import { until } from "../support/until.ts";
import { blockOf, hurriedClock, rememberingOutput, textOf } from "./channels.ts";
import { startPipeline } from "./pipelines.ts";

const said: string[] = [];
configureLogging("info", (line) => said.push(line));
afterEach(() => said.splice(0));

const read = (...names: string[]): string =>
  existsSync(join(...names)) ? readFileSync(join(...names), "utf8") : "";
const ONCE = { isBounded: true };

test("files are followed through interceptors into two outputs, and on from there", async () => {
  using folder = emptyFolder();
  writeFileSync(join(folder.path, "app.log"), "INFO a\nDEBUG b\nWARN c\n");
  const file = {
    sources: {
      app: {
        from: "tail:app.log",
        interceptors: [
          { filter: { exclude: "^DEBUG" } },
          { "search-replace": { pattern: "a$", replacement: "A" } },
        ],
      },
    },
    channels: { one: { folder: "one" }, two: {} },
    sinks: [
      { from: "one", to: "file:one.out" },
      { from: "two", to: "-" },
    ],
  };
  const first = startPipeline(file, folder.path, ONCE);
  await first.ended;
  expect(read(folder.path, "one.out")).toBe("INFO A\nWARN c\n");
  expect(first.stdout()).toBe("INFO A\nWARN c\n");
  appendFileSync(join(folder.path, "app.log"), "INFO d\n");
  const second = startPipeline(file, folder.path, ONCE);
  await second.ended;
  expect(second.stdout()).toBe("INFO d\n");
  expect(read(folder.path, "one.out")).toBe("INFO A\nWARN c\nINFO d\n");
});

test("a header decides which channels an event goes into", async () => {
  using folder = emptyFolder();
  writeFileSync(join(folder.path, "app.log"), "ERROR a\nINFO b\nWARN c\nno level\n");
  const from = "tail:app.log";
  const interceptors = [{ "regex-extract": { pattern: "^(?<level>[A-Z]+) " } }];
  const file = {
    sources: {
      app: {
        from,
        interceptors,
        channels: { by: "level", values: { ERROR: ["bad", "all"], WARN: "bad" }, otherwise: "all" },
      },
    },
    channels: { bad: {}, all: {} },
    sinks: [
      { from: "bad", to: "file:bad.out" },
      { from: "all", to: "file:all.out" },
    ],
  };
  await startPipeline(file, folder.path, ONCE).ended;
  expect(read(folder.path, "bad.out")).toBe("ERROR a\nWARN c\n");
  expect(read(folder.path, "all.out")).toBe("ERROR a\nINFO b\nno level\n");
});

test("a finished file is taken from a folder once", async () => {
  using folder = emptyFolder();
  mkdirSync(join(folder.path, "in"));
  writeFileSync(join(folder.path, "in/1.log"), "a\nb");
  writeFileSync(join(folder.path, "in/.hidden"), "no\n");
  writeFileSync(join(folder.path, "in/2.tmp"), "no\n");
  const source = { spooldir: { folder: "in", ignore: String.raw`\.tmp$`, name_header: "name" } };
  const file = { sources: { in: { from: source } }, sinks: [{ to: "file:out" }] };
  await using running = startPipeline(file, folder.path);
  await until("the first is read", () => existsSync(join(folder.path, "in/1.log.COMPLETED")));
  writeFileSync(join(folder.path, "in/.3"), "c\n");
  renameSync(join(folder.path, "in/.3"), join(folder.path, "in/1.log"));
  await until("the second is read", () => existsSync(join(folder.path, "in/1.log.1.COMPLETED")));
  await running.stop();
  expect(read(folder.path, "out")).toBe("a\nb\nc\n");
  expect(readdirSync(join(folder.path, "in")).toSorted()).toEqual([
    ".hidden",
    "1.log.1.COMPLETED",
    "1.log.COMPLETED",
    "2.tmp",
  ]);
});

test("a program's lines are taken, and it is started again", async () => {
  using folder = emptyFolder();
  const command = "echo one >> runs; echo hello; echo oops >&2; exit 3";
  const from = { exec: { command: `cd ${folder.path}; ${command}`, restart: true, restart_after: "5ms" } };
  await using running = startPipeline({ sources: { x: { from } }, sinks: [{ to: "file:out" }] }, folder.path);
  await until("it ran three times", () => read(folder.path, "out").split("\n").length > 3);
  await running.stop();
  expect(said.some((line) => line.includes("x: oops"))).toBe(true);
  expect(said.some((line) => line.includes("ended with 3"))).toBe(true);
});

test.each(["echo hello; sleep 300 | cat", "trap '' TERM; echo hello; while :; do sleep 300; done"])(
  "a program ends with the pipeline, and what it has started too: %s",
  async (command) => {
    using folder = emptyFolder();
    const from = { exec: { command } };
    await using running = startPipeline(
      { sources: { x: { from } }, sinks: [{ to: "file:out" }] },
      folder.path,
    );
    await until("it runs", () => read(folder.path, "out") === "hello\n");
    await running.stop();
  },
);

describe("a receiver that is away", () => {
  test("is waited for: the channel on disk keeps events over a restart", async () => {
    using folder = emptyFolder();
    const [port = 0] = await freePorts(1);
    writeFileSync(join(folder.path, "app.log"), "a\nb\n");
    const file = {
      sources: { app: { from: "tail:app.log" } },
      channels: { main: { folder: "channel" } },
      sinks: [{ to: `tcp://127.0.0.1:${port}` }],
    };
    const first = startPipeline(file, folder.path);
    await until("it was tried", () => said.some((line) => line.includes("Cannot connect")));
    await until(
      "the position is kept",
      () => read(folder.path, ".streamkit-collect/sources/app/positions") !== "",
    );
    await first.stop();
    // What is in the channel is not read again.
    writeFileSync(join(folder.path, "app.log"), "");
    let received = "";
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        received += bytes.toString();
      });
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
    await using _second = startPipeline(file, folder.path);
    await until("it comes", () => received === "a\nb\n");
    server.close();
  });

  test("in memory, what it did not get is read again by the next run", async () => {
    using folder = emptyFolder();
    const [port = 0] = await freePorts(1);
    writeFileSync(join(folder.path, "app.log"), "a\nb\n");
    const source = { app: { from: "tail:app.log" } };
    const first = startPipeline({ sources: source, sinks: [{ to: `tcp://127.0.0.1:${port}` }] }, folder.path);
    await until("it was tried", () => said.some((line) => line.includes("Cannot connect")));
    await first.stop().catch(() => {});
    const second = startPipeline({ sources: source, sinks: [{ to: "-" }] }, folder.path, ONCE);
    await second.ended;
    expect(second.stdout()).toBe("a\nb\n");
  });
});

describe("groups", () => {
  const group = (order: (members: number) => readonly number[], clock = hurriedClock) => {
    const members = [1, 2, 3].map((number) => rememberingOutput(`member ${number}`));
    return { members, output: groupOf(members, { name: "group", clock, order, maxBackOffMs: 1000 }) };
  };

  test("fail-over takes the next when one fails, and goes back when its rest is over", async () => {
    let nowMs = 0;
    const { members, output } = group(failover, { ...hurriedClock, monotonicMs: () => nowMs });
    const [first, second] = members;
    await output.deliver([blockOf(["a"])]);
    if (first !== undefined) first.isAway = true;
    await output.deliver([blockOf(["b"])]);
    await output.deliver([blockOf(["c"])]);
    expect(first?.tries).toBe(2);
    if (first !== undefined) first.isAway = false;
    nowMs = 2000;
    await output.deliver([blockOf(["d"])]);
    expect(members.map(({ delivered }) => textOf(delivered))).toEqual(["a\nd\n", "b\nc\n", ""]);
    expect(second?.tries).toBe(2);
    for (const member of members) member.isAway = true;
    expect(await output.deliver([blockOf(["e"])]).catch(messageOf)).toContain("is away");
    // One that rests is tried all the same when nobody else takes it.
    if (second !== undefined) second.isAway = false;
    await output.deliver([blockOf(["e"])]);
    expect(textOf(second?.delivered ?? [])).toBe("b\nc\ne\n");
  });

  test("round robin takes turns, and passes over one that is away", async () => {
    const { members, output } = group(roundRobin());
    if (members[1] !== undefined) members[1].isAway = true;
    for (const text of ["1", "2", "3", "4", "5", "6"]) await output.deliver([blockOf([text])]);
    const all = members.map(({ delivered }) => textOf(delivered));
    expect(all[1]).toBe("");
    expect(all.join("").split("\n").filter(Boolean).toSorted()).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect(Math.min(all[0]?.length ?? 0, all[2]?.length ?? 0)).toBeGreaterThanOrEqual(4);
  });

  test("a random choice gives all of them something", async () => {
    const random = randomBelow(5);
    const { members, output } = group(anyOrder(() => random(1000) / 1000));
    for (let number = 0; number < 100; number += 1) await output.deliver([blockOf([String(number)])]);
    for (const { delivered } of members) expect(delivered.length).toBeGreaterThan(15);
  });

  test("a file takes over from rolled ones that can't be put in their place", async () => {
    using folder = emptyFolder();
    writeFileSync(join(folder.path, "blocked"), "a file in the way of a folder");
    const roll = { roll: { to: "blocked/logs", roll_events: 1 } };
    const sinks = [{ failover: [roll, "file:spill.out"], back_off: "50ms" }];
    writeFileSync(join(folder.path, "app.log"), "1\n");
    const channels = { main: { folder: "channel" } };
    const file = { sources: { app: { from: "tail:app.log" } }, channels, sinks };
    await using _running = startPipeline(file, folder.path);
    await until("it is told", () => said.some((line) => line.includes("takes over")));
    appendFileSync(join(folder.path, "app.log"), "2\n");
    await until("the other takes over", () => read(folder.path, "spill.out") === "2\n");
    rmSync(join(folder.path, "blocked"));
    const logs = join(folder.path, "blocked/logs");
    let number = 2;
    await until("the first is back", () => {
      appendFileSync(join(folder.path, "app.log"), `${(number += 1)}\n`);
      return existsSync(logs) && readdirSync(logs).length > 1;
    });
    const all = (): number[] => {
      const rolled = readdirSync(logs).map((name) => read(logs, name));
      const text = `${rolled.join("")}${read(folder.path, "spill.out")}`;
      return text.split("\n").filter(Boolean).map(Number);
    };
    await until("all is there", () => all().length >= number);
    expect(all().toSorted((a, b) => a - b)).toEqual(Array.from({ length: number }, (_, index) => index + 1));
  });

  test("in a pipeline: the file takes over from a server that is not there", async () => {
    using folder = emptyFolder();
    const [port = 0] = await freePorts(1);
    writeFileSync(join(folder.path, "app.log"), "a\n");
    const sinks = [{ failover: [`tcp://127.0.0.1:${port}`, "file:spill.out"] }];
    await startPipeline({ sources: { app: { from: "tail:app.log" } }, sinks }, folder.path, ONCE).ended;
    expect(read(folder.path, "spill.out")).toBe("a\n");
  });
});

describe("what is wrong is said with its place", () => {
  const source = { app: { from: "tail:*.log" } };
  test.each([
    [{}, "sources"],
    [{ sources: {}, sinks: [{ to: "-" }] }, "sources: at least one is needed"],
    [{ sources: source, sinks: [] }, "sinks: "],
    [{ sources: source, sinks: [{ to: "ftp://x" }] }, "sinks.0: an output is one of"],
    [{ sources: { a: { from: "gopher://x" } }, sinks: [{ to: "-" }] }, "sources.a.from: an input is one of"],
    [{ sources: { a: { from: { tcp: { listen: "x" } } } }, sinks: [{ to: "-" }] }, "must be HOST:PORT"],
    [{ sources: source, sinks: [{ to: "-" }, { to: "-" }] }, 'channel "main" has 2 sinks'],
    [{ sources: source, channels: { a: {}, b: {} }, sinks: [{ from: "a", to: "-" }] }, "channels.b: nothing"],
    [
      { sources: source, channels: { a: {} }, sinks: [{ from: "b", to: "-" }] },
      'no channel "b": there are a',
    ],
    [{ sources: source, channels: { a: { max_bytes: "1KB" } }, sinks: [{ to: "-" }] }, "at least 1MiB"],
    [{ sources: source, sinks: [{ to: "-", failover: ["-"] }] }, "exactly one of to, failover"],
    [
      { sources: { app: { from: "tail:x", interceptors: ["shout"] } }, sinks: [{ to: "-" }] },
      "sources.app.interceptors.0: one of static, timestamp",
    ],
    [
      { sources: { app: { from: "tail:x", interceptors: [{ filter: {} }] } }, sinks: [{ to: "-" }] },
      "include or exclude is needed",
    ],
    [{ sources: { app: { from: "tail:x", channels: ["z"] } }, sinks: [{ to: "-" }] }, 'no channel "z"'],
  ])("%j", (file, message) => {
    expect(() => planPipeline(file)).toThrow(message);
  });
});

test("what a pipeline writes into the folder that it follows is no input", async () => {
  using folder = emptyFolder();
  writeFileSync(join(folder.path, "app.log"), "1\n2\n");
  const file = {
    sources: { app: { from: "tail:**/*.log" } },
    channels: { main: { folder: "channel.log" } },
    sinks: [{ from: "main", to: "file:out.log" }],
  };
  for (const expected of ["1\n2\n", "1\n2\n", "1\n2\n3\n"]) {
    if (expected.endsWith("3\n")) appendFileSync(join(folder.path, "app.log"), "3\n");
    await startPipeline(file, folder.path, ONCE).ended;
    expect(read(folder.path, "out.log")).toBe(expected);
  }
});
