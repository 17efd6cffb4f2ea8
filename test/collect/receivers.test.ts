/** Receivers in a pipeline and as sources of jobs: what was answered for is there, whatever is killed. */

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { messageOf } from "../../src/base/error.ts";
import { lineFraming, syslogFraming } from "../../src/collect/inputs/frames.ts";
import { jsonLines } from "../../src/collect/inputs/json-batch.ts";
import { randomBelow } from "../crash/episode.ts";
import { freePorts } from "../services/ports.ts";
import { emptyFolder } from "../support/binary.ts";
import { rowsOf, start } from "../support/running.ts";
import { until } from "../support/until.ts";
import { startPipeline } from "./pipelines.ts";
import { sendTcp, sendUdp } from "./senders.ts";

const read = (...names: string[]): string =>
  existsSync(join(...names)) ? readFileSync(join(...names), "utf8") : "";
const toFile = (from: unknown, more: object = {}) => ({
  sources: { in: { from, ...more } },
  sinks: [{ to: "file:out" }],
});

describe("frames", () => {
  const whole = (framing: ReturnType<typeof lineFraming>, bytes: Buffer, sizes: () => number): string => {
    let text = "";
    let events = 0;
    const take = (found: ReturnType<typeof framing.end>): void => {
      text += Buffer.from(found?.bytes ?? []).toString();
      events += found?.events ?? 0;
    };
    for (let at = 0; at < bytes.length; ) {
      const size = Math.max(1, sizes());
      take(framing.push(bytes.subarray(at, at + size)));
      at += size;
    }
    take(framing.end());
    expect(events).toBe(text.split("\n").length - 1);
    return text;
  };

  test("are the same however the stream is cut", () => {
    const random = randomBelow(3);
    const lines = Array.from({ length: 50 }, (_, index) => `${index} ${"é".repeat(random(20))}`);
    const text = `${lines.join("\n")}\nlast`;
    const counted = ["<13>one", "<13>two\nlines", "<13>", "<14>ä", "<15>end"];
    const syslog = Buffer.concat([
      ...counted.map((message) => Buffer.from(`${Buffer.byteLength(message)} ${message}`)),
      Buffer.from("<1>with a feed\r\n<2>another\n\n<3>no end"),
    ]);
    for (let turn = 0; turn < 200; turn += 1) {
      expect(whole(lineFraming(1000), Buffer.from(text), () => random(40))).toBe(`${text}\n`);
      expect(whole(syslogFraming(1000), syslog, () => random(12))).toBe(
        "<13>one\n<13>two#012lines\n<13>\n<14>ä\n<15>end\n<1>with a feed\n<2>another\n<3>no end\n",
      );
    }
  });

  test("that are too long are cut", () => {
    const long = "x".repeat(25);
    expect(whole(lineFraming(10), Buffer.from(long), () => 5)).toBe("xxxxxxxxxxxxxxx\nxxxxxxxxxx\n");
    const counted = Buffer.from(`26 <${long}4 <abc`);
    expect(whole(syslogFraming(10), counted, () => 4)).toBe("<xxxxxxxxx\n<abc\n");
    expect(whole(syslogFraming(10), Buffer.from(`${long}\nabc\n`), () => 4)).toBe(
      "xxxxxxxxxx\nxxxxxxxxxx\nxxxxx\nabc\n",
    );
  });

  test("of syslog may begin with a number that is no length", () => {
    const text = "20261125 10:00:00 no priority\n2026 was a year\n<13>next\n404 errors\n";
    for (const size of [1, 3, 1000])
      expect(whole(syslogFraming(1000), Buffer.from(text), () => size)).toBe(text);
  });

  test("of a JSON array keep the text of its elements", () => {
    const text = '[ {"id": 9007199254740993, "t": "a,]\\"["},\n [1,\n2], "x" , null ]';
    expect(jsonLines(text)).toEqual(['{"id": 9007199254740993, "t": "a,]\\"["}', "[1, 2]", '"x"', "null"]);
    expect(jsonLines(" [ ] ")).toEqual([]);
    expect(jsonLines('{\n"a": 1}')).toEqual(['{ "a": 1}']);
    expect(() => jsonLines("[1,]")).toThrow();
  });
});

describe("in a pipeline", () => {
  test("lines over TCP come, each answered when it is safe", async () => {
    using folder = emptyFolder();
    await using running = startPipeline(
      toFile({ tcp: { listen: "127.0.0.1:0", answer_ok: true } }),
      folder.path,
    );
    const url = await running.address("in");
    expect(await sendTcp(url, ["one\ntw", "o\n", "three"])).toBe("OK\nOK\nOK\n");
    expect(read(folder.path, "out")).toBe("one\ntwo\nthree\n");
    const many = Array.from({ length: 20 }, (_, client) =>
      sendTcp(
        url,
        Array.from({ length: 50 }, (__, line) => `client ${client} line ${line}\n`),
      ),
    );
    await Promise.all(many);
    const lines = read(folder.path, "out").split("\n").slice(3, -1);
    expect(lines).toHaveLength(1000);
    for (let client = 0; client < 20; client += 1) {
      const own = lines.filter((line) => line.startsWith(`client ${client} `));
      expect(own).toEqual(Array.from({ length: 50 }, (_, line) => `client ${client} line ${line}`));
    }
  });

  test.each([true, false])(
    "a line over TCP that our end breaks off, where lines are answered: %p",
    async (isAnswered) => {
      using folder = emptyFolder();
      const tcp = { listen: "127.0.0.1:0", answer_ok: isAnswered };
      await using running = startPipeline(toFile({ tcp }), folder.path);
      const url = await running.address("in");
      const socket = connect({ host: url.hostname, port: Number(url.port) });
      socket.on("error", () => {});
      socket.write("one\nhalf");
      await until("the first is there", () => read(folder.path, "out") === "one\n");
      socket.destroy();
      await running.stop();
      // Whoever was not answered sends it again; of others the half is better than nothing.
      expect(read(folder.path, "out")).toBe(isAnswered ? "one\n" : "one\nhalf\n");
    },
  );

  test("syslog comes over TCP and UDP, with headers that decide its way", async () => {
    using folder = emptyFolder();
    const options = { listen: "127.0.0.1:0", headers: ["severity", "host"], body: "message" };
    const channels = { by: "severity", values: { "3": "bad" }, otherwise: "good" };
    await using running = startPipeline(
      {
        sources: {
          tcp: { from: { syslog: options }, channels },
          udp: { from: { syslog: { ...options, protocol: "udp" } }, channels },
        },
        channels: { good: {}, bad: {} },
        sinks: [
          { from: "good", to: "file:good" },
          { from: "bad", to: "file:bad" },
        ],
      },
      folder.path,
    );
    await sendTcp(await running.address("tcp"), [
      "<11>Jan  5 14:30:00 h app: bad\n",
      "34 <14>Jan  5 14:30:01 h app[1]: good",
    ]);
    await sendUdp(await running.address("udp"), [
      "<11>1 - h app - - - bad too",
      "<14>1 - h app - - - good too\n",
    ]);
    const lines = (name: string) => read(folder.path, name).split("\n").toSorted().join(" ");
    await until("all is there", () => lines("good").includes("too") && lines("bad").includes("too"));
    expect(lines("good")).toBe(" good good too");
    expect(lines("bad")).toBe(" bad bad too");
  });

  test("POSTs are taken in every form, and refused with a reason", async () => {
    using folder = emptyFolder();
    const options = { listen: "127.0.0.1:0", path: "/in", max_body: 1000, token: "secret" };
    await using running = startPipeline(toFile({ http: options }), folder.path);
    const url = await running.address("in");
    const post = async (body: string | Uint8Array, headers: Record<string, string> = {}, path = "/in") => {
      const all = { authorization: "Bearer secret", ...headers };
      const response = await fetch(new URL(path, url), {
        method: "POST",
        body: new Uint8Array(Buffer.from(body)),
        headers: all,
      });
      return [response.status, await response.text()] as const;
    };
    const json = { "content-type": "application/json; charset=utf-8" };
    expect(await post("a\nb")).toEqual([200, '{"events":2}']);
    expect(await post('[{"id":12345678901234567890},\n{"x":[1,2]}]', json)).toEqual([200, '{"events":2}']);
    expect(await post('{"one":1}', json)).toEqual([200, '{"events":1}']);
    expect(await post(gzipSync("zipped\n"), { "content-encoding": "gzip" })).toEqual([200, '{"events":1}']);
    expect(await post("")).toEqual([200, '{"events":0}']);
    expect(read(folder.path, "out")).toBe(
      'a\nb\n{"id":12345678901234567890}\n{"x":[1,2]}\n{"one":1}\nzipped\n',
    );
    expect(await post("[1,", json)).toMatchObject([
      400,
      expect.stringContaining("the body is no JSON") as string,
    ]);
    expect(await post("x", { "content-encoding": "gzip" })).toEqual([400, "the body is no gzip\n"]);
    expect(await post("x", { "content-encoding": "br" })).toMatchObject([415, expect.any(String) as string]);
    expect(await post("x".repeat(1001))).toEqual([413, "a request has at most 1000 bytes\n"]);
    expect(await post(gzipSync("x".repeat(1001)), { "content-encoding": "gzip" })).toMatchObject([
      413,
      expect.any(String) as string,
    ]);
    expect(await post("x", { authorization: "Bearer wrong" })).toEqual([401, "a token is needed\n"]);
    expect(await post("x", {}, "/other")).toEqual([404, "POST to /in\n"]);
    expect((await fetch(new URL("/in", url), { headers: { authorization: "Bearer secret" } })).status).toBe(
      405,
    );
  });

  test("Flume's own JSON comes with its headers", async () => {
    using folder = emptyFolder();
    const file = {
      sources: {
        in: {
          from: { http: { listen: "127.0.0.1:0", flume: true } },
          channels: { by: "level", values: { a: "a" }, otherwise: "b" },
        },
      },
      channels: { a: {}, b: {} },
      sinks: [
        { from: "a", to: "file:a" },
        { from: "b", to: "file:b" },
      ],
    };
    await using running = startPipeline(file, folder.path);
    const body = JSON.stringify([{ headers: { level: "a" }, body: "one\ntwo" }, { body: "three" }]);
    const headers = { "content-type": "application/json" };
    const response = await fetch(await running.address("in"), { method: "POST", body, headers });
    expect(response.status).toBe(200);
    expect([read(folder.path, "a"), read(folder.path, "b")]).toEqual(["one\ntwo\n", "three\n"]);
  });

  test("a full channel answers 503, and everything answered 200 is delivered", async () => {
    using folder = emptyFolder();
    const [port = 0] = await freePorts(1);
    const file = {
      sources: { in: { from: "http://127.0.0.1:0/" } },
      channels: { main: { folder: "channel", max_bytes: "1MiB" } },
      sinks: [{ to: `tcp://127.0.0.1:${port}` }],
    };
    const good: string[] = [];
    {
      await using running = startPipeline(file, folder.path);
      const url = await running.address("in");
      let refused: Response | undefined;
      for (let number = 0; refused === undefined && number < 100; number += 1) {
        const line = `${number} ${"x".repeat(50_000)}`;
        const response = await fetch(url, { method: "POST", body: line });
        if (response.status === 200) good.push(line);
        else refused = response;
      }
      expect([refused?.status, refused?.headers.get("retry-after")]).toEqual([503, "1"]);
      expect(good.length).toBeGreaterThan(10);
    }
    // With --once nobody is waited for: what is in the channel is delivered.
    const drained = startPipeline({ ...file, sinks: [{ to: "-" }] }, folder.path, {
      isBounded: true,
    });
    await drained.ended;
    expect(drained.stdout().split("\n").slice(0, good.length)).toEqual(good);
  });
});

test("TLS goes with TCP, and its files must be there", async () => {
  using folder = emptyFolder();
  const listen = "127.0.0.1:0";
  const tls = { certificate: "missing.pem", key: "missing.pem" };
  expect(() => startPipeline(toFile({ syslog: { listen, protocol: "udp", tls } }), folder.path)).toThrow(
    /tls: goes with protocol tcp alone/,
  );
  const running = startPipeline(toFile({ tcp: { listen, tls } }), folder.path);
  expect(await running.ended.catch(messageOf)).toMatch(/tls: "missing.pem" can't be read: ENOENT/);
});

describe("as a source of a job", () => {
  const job = (port: number) => ({
    name: "received",
    checkpoint: "./state",
    batch: "20ms",
    sources: {
      posts: { from: `http://127.0.0.1:${port}/in`, schema: { id: "BIGINT", life: "BIGINT" }, rate: 100_000 },
    },
    queries: { all: "SELECT id, life FROM posts" },
    sinks: [{ from: "all", to: "file:out.ndjson" }],
  });

  test("each line that was answered 200 comes once, over kill -9", async () => {
    using folder = emptyFolder();
    const [port = 0] = await freePorts(1);
    writeFileSync(join(folder.path, "job.json"), JSON.stringify(job(port)));
    const answered: string[] = [];
    const url = `http://127.0.0.1:${port}/in`;
    const random = randomBelow(11);
    const lives = 6;
    for (let life = 0; life < lives; life += 1) {
      await using running = await start(["process", "job.json"], { cwd: folder.path });
      await until("it listens", () => running.stderr().includes("listens at"));
      const wanted = 5 + random(40);
      for (let request = 0; request < wanted; request += 1) {
        const ids = Array.from({ length: 1 + random(50) }, (_, index) => request * 1000 + index);
        const body = ids.map((id) => JSON.stringify({ id, life })).join("\n");
        const response = await fetch(url, { method: "POST", body });
        expect(response.status).toBe(200);
        answered.push(...ids.map((id) => JSON.stringify({ id, life })));
      }
      if (life < lives - 1) {
        running.kill("SIGKILL");
        await until("it is dead", () => running.exitCode() !== undefined || !isAlive(running.pid));
        continue;
      }
      await until("all is there", () => read(folder.path, "out.ndjson").split("\n").length > answered.length);
      running.kill("SIGTERM");
      await running.finished();
    }
    const rows = rowsOf(read(folder.path, "out.ndjson")).map((row) => JSON.stringify(row));
    expect(rows.toSorted()).toEqual(answered.toSorted());
  }, 60_000);

  test("syslog has its format", async () => {
    using folder = emptyFolder();
    const [port = 0] = await freePorts(1);
    const syslog = {
      sources: { log: { from: `syslog://127.0.0.1:${port}`, format: "syslog" } },
      queries: { bad: "SELECT host, app, severity, message FROM log WHERE severity <= 3" },
      sinks: [{ from: "bad", to: "file:out.ndjson" }],
      batch: "20ms",
    };
    writeFileSync(join(folder.path, "job.json"), JSON.stringify(syslog));
    await using running = await start(["process", "job.json"], { cwd: folder.path });
    await until("it listens", () => running.stderr().includes("listens at"));
    await sendTcp(new URL(`tcp://127.0.0.1:${port}`), [
      "<11>1 2026-01-05T14:30:00Z h a - - - bad\n<14>1 - h a - - - good\n",
    ]);
    await until("it is there", () => read(folder.path, "out.ndjson") !== "");
    expect(rowsOf(read(folder.path, "out.ndjson"))).toEqual([
      { host: "h", app: "a", severity: 3, message: "bad" },
    ]);
  }, 60_000);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
