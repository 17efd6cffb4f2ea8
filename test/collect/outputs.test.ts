/** Every output with the real thing on its other side. */

import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { messageOf } from "../../src/base/error.ts";
import { configureLogging } from "../../src/base/log.ts";
import { resolveOutput } from "../../src/collect/outputs/list.ts";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { emptyFolder } from "../support/binary.ts";
import { until } from "../support/until.ts";
import { blockOf } from "./channels.ts";
import { commit, open, tree } from "./open-output.ts";

const said: string[] = [];
configureLogging("info", (line) => said.push(line));
afterEach(() => said.splice(0));

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
