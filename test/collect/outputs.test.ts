/** Every output with the real thing on its other side. */

import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/error.ts";
import { configureLogging } from "../../src/base/log.ts";
import { pathMaker } from "../../src/collect/outputs/escapes.ts";
import { resolveOutput } from "../../src/collect/outputs/list.ts";
import type { Output, OutputContext } from "../../src/collect/outputs/output.ts";
import { emptyFolder } from "../e2e/binary.ts";
import { until } from "../server/until.ts";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { blockOf, outputContext } from "./channels.ts";

const said: string[] = [];
configureLogging("info", (line) => said.push(line));
afterEach(() => said.splice(0));

async function open(to: unknown, context: Partial<OutputContext> & { baseFolder: string }): Promise<Output> {
  const { kind, options } = resolveOutput(to);
  return kind.open(options, { ...outputContext(context.baseFolder), ...context });
}

/** What the pump does between two batches. */
async function commit(output: Output): Promise<Awaited<ReturnType<Output["sync"]>>> {
  const state = await output.sync();
  await output.committed?.();
  return JSON.parse(JSON.stringify(state ?? null)) as typeof state;
}

/** All files below a folder, with what they hold. */
function tree(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    entries
      .map(({ parentPath, name }) => join(parentPath, name))
      .toSorted()
      .map((file) => [file.slice(folder.length + 1), readFileSync(file, "utf8")]),
  );
}

describe("file", () => {
  test("appends, and is cut back to what was committed", async () => {
    using folder = emptyFolder();
    writeFileSync(join(folder.path, "out"), "before\n");
    const first = await open("file:out", { baseFolder: folder.path });
    await first.deliver([blockOf(["a"]), blockOf(["b"])]);
    const committed = await commit(first);
    await first.deliver([blockOf(["never committed"])]);
    await first.close();
    const second = await open("file:out", { baseFolder: folder.path, committed });
    await second.deliver([blockOf(["c"])]);
    await second.close();
    expect(tree(folder.path)).toEqual({ out: "before\na\nb\nc\n" });
  });

  test("another file of the same name is not cut", async () => {
    using folder = emptyFolder();
    const committed = { sizeBytes: 2, inode: 1 };
    writeFileSync(join(folder.path, "out"), "somebody else's\n");
    const output = await open("file:out", { baseFolder: folder.path, committed });
    await output.deliver([blockOf(["a"])]);
    await output.close();
    expect(tree(folder.path)).toEqual({ out: "somebody else's\na\n" });
  });

  test("what it writes begins a line, whatever is there", async () => {
    using folder = emptyFolder();
    const half = "x".repeat(70_000);
    writeFileSync(join(folder.path, "out"), `whole\n${half}`);
    const output = await open("file:out", { baseFolder: folder.path });
    await output.deliver([blockOf(["a"])]);
    await output.close();
    expect(tree(folder.path)).toEqual({ out: `whole\n${half}\na\n` });
  });
});

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
    expect(readdirSync(join(folder.path, "stage"))).toEqual(["id"]);
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

describe("tcp", () => {
  test("connects again after the other side went away", async () => {
    using folder = emptyFolder();
    const received: string[] = [];
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", (bytes) => received.push(bytes.toString()));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const { port } = server.address() as { port: number };
    const output = await open(`tcp://127.0.0.1:${port}`, { baseFolder: folder.path });
    await output.deliver([blockOf(["a", "b"]), blockOf(["c"])]);
    await until("it came", () => received.join("") === "a\nb\nc\n");
    for (const socket of sockets) socket.destroy();
    let tries = 0;
    await until("it is connected again", async () => {
      tries += 1;
      await output.deliver([blockOf([`try ${tries}`])]).catch(() => {});
      return received.join("").includes("try");
    });
    await output.close();
    server.close();
    expect(await output.deliver([blockOf(["x"])]).catch(messageOf)).toContain("Cannot connect");
  });
});

describe("http", () => {
  test("is delivered when the answer is good", async () => {
    using folder = emptyFolder();
    let status = 503;
    const bodies: string[] = [];
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        if (status !== 200) return new Response("busy\n", { status });
        const bytes = Buffer.from(await request.arrayBuffer());
        bodies.push(gunzipSync(bytes).toString() + (request.headers.get("x-key") ?? ""));
        return new Response("ok");
      },
    });
    const to = { http: { url: `http://127.0.0.1:${server.port}/in`, gzip: true, headers: { "x-key": "k" } } };
    const output = await open(to, { baseFolder: folder.path });
    expect(await output.deliver([blockOf(["a"])]).catch(messageOf)).toBe("the answer is 503 busy");
    status = 200;
    await output.deliver([blockOf(["a"]), blockOf(["b"])]);
    expect(bodies).toEqual(["a\nb\nk"]);
    await output.close();
  });
});

describe("kafka", () => {
  let kafka: KafkaService;
  beforeAll(async () => {
    kafka = await sharedKafka();
    await kafka.createTopic("collected", { partitions: 1 });
    await kafka.createTopic("collected-other", { partitions: 1 });
  }, 60_000);

  test("a message each event, with key and topic from headers", async () => {
    using folder = emptyFolder();
    const output = await open(`kafka://${kafka.brokers}/collected`, { baseFolder: folder.path });
    const bytes = Buffer.from("ERROR x\n  at y\nz\n");
    await output.deliver([
      blockOf(["1", "2"], { key: "k", level: "INFO", odd: "\\x41" }),
      blockOf(["3"], { file: "a.log" }),
      { bytes, ends: Uint32Array.of(15, 17), events: 2, headers: {} },
      blockOf(["elsewhere"], { topic: "collected-other" }),
    ]);
    await output.close();
    const records = await kafka.judge.read("collected");
    expect(records.map(({ key, value }) => [key, value])).toEqual([
      ["k", "1"],
      ["k", "2"],
      ["a.log", "3"],
      [null, "ERROR x\n  at y"],
      [null, "z"],
    ]);
    expect(records[1]?.headers).toEqual([
      ["level", "INFO"],
      ["odd", "\\x41"],
    ]);
    const [other] = await kafka.judge.read("collected-other");
    expect(other?.value).toBe("elsewhere");
  }, 30_000);
});

test("logger shows events with their headers", async () => {
  using folder = emptyFolder();
  const output = await open({ logger: { max_bytes: 5 } }, { baseFolder: folder.path });
  await output.deliver([blockOf(["short", "much longer"], { h: "1" })]);
  expect(said).toEqual(['streamkit: event {"h":"1"} short', 'streamkit: event {"h":"1"} much … (11 bytes)']);
});

test.each([
  ["ftp://x", "an output is one of -, file:PATH"],
  [{ roll: {} }, "roll: to: "],
  [{ file: { path: "x" }, http: {} }, "an output is one of"],
  ["tcp://nowhere", "tcp://HOST:PORT is expected"],
  ["kafka://host:1", "kafka://HOST:PORT/TOPIC is expected"],
])("%j is no output", (to, message) => {
  expect(() => resolveOutput(to)).toThrow(message);
});
