/** `streamkit tail` with channels, routes, pipelines and Flume's configuration, as a shell runs it. */

import { describe, expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../services/ports.ts";
import { emptyFolder } from "../support/binary.ts";
import { output, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";
import { sendTcp } from "./senders.ts";

const read = (...names: string[]): string =>
  existsSync(join(...names)) ? readFileSync(join(...names), "utf8") : "";

describe("flags", () => {
  test("a channel on disk for each output, and on from there", async () => {
    using folder = emptyFolder();
    const cwd = folder.path;
    const [port = 0] = await freePorts(1);
    writeFileSync(join(cwd, "app.log"), "INFO a\nDEBUG b\n");
    const args = ["tail", "app.log", "--channel", "ch", "--interceptor", "filter: {exclude: ^DEBUG}"];
    const outs = ["--out", "file:out.log", "--out", `tcp://127.0.0.1:${port}`];
    const first = await start([...args, ...outs], { cwd });
    await until("the file has it", () => read(cwd, "out.log") === "INFO a\n");
    await until("the server is missed", () => first.stderr().includes("Cannot connect"));
    first.kill("SIGTERM");
    expect((await first.finished()).code).toBe(143);
    appendFileSync(join(cwd, "app.log"), "INFO c\n");
    let received = "";
    using server = Bun.listen({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_socket, bytes) => {
          received += bytes.toString();
        },
      },
    });
    await output([...args, ...outs, "--once"], { cwd });
    expect(server.port).toBe(port);
    await until("the server has all", () => received === "INFO a\nINFO c\n");
    expect(read(cwd, "out.log")).toBe("INFO a\nINFO c\n");
  });

  test("fail-over, and what it is as a pipeline", async () => {
    using folder = emptyFolder();
    const cwd = folder.path;
    const [port = 0] = await freePorts(1);
    writeFileSync(join(cwd, "app.log"), "a\n");
    const args = [
      "app.log",
      "--once",
      "--route",
      "failover",
      "--out",
      `tcp://127.0.0.1:${port}`,
      "--out",
      "-",
    ];
    const { code, stdout, stderr } = await streamkit(["tail", ...args], { cwd });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "a\n" });
    expect(stderr).toContain("takes over");
    const printed = await output(["tail", ...args, "--print-pipeline"], { cwd });
    expect(printed).toContain("failover:");
    writeFileSync(join(cwd, "pipeline.yaml"), printed);
    expect(await output(["tail", "--pipeline", "pipeline.yaml", "--once"], { cwd })).toBe("a\n");
  });

  test("other outputs need no more than their URL", async () => {
    using folder = emptyFolder();
    const cwd = folder.path;
    writeFileSync(join(cwd, "app.log"), "one\ntwo\n");
    const { stderr } = await streamkit(
      ["tail", "app.log", "--header", "env=test", "--once", "--out", "logger:"],
      { cwd },
    );
    expect(stderr).toContain('"env":"test"');
    await output(["tail", "app.log", "--once", "--out", "roll:rolled"], { cwd });
    const [file = ""] = [...new Bun.Glob("events.*").scanSync(join(cwd, "rolled"))];
    expect(read(cwd, "rolled", file)).toBe("one\ntwo\n");
  });
});

describe("a pipeline file", () => {
  test("runs from its own folder, with variables", async () => {
    using folder = emptyFolder();
    mkdirSync(join(folder.path, "conf"));
    const text =
      'sources: { in: { from: { tcp: { listen: "127.0.0.1:${PORT:-0}" } } } }\nsinks: [{ to: "file:out" }]\n';
    writeFileSync(join(folder.path, "conf/p.yaml"), text);
    await using running = await start(["tail", "--pipeline", "conf/p.yaml"], { cwd: folder.path });
    const address = () => /listens at (\S+)/.exec(running.stderr())?.[1];
    await until("it listens", () => address() !== undefined);
    await sendTcp(new URL(address() ?? ""), ["hello\n"]);
    await until("it is there", () => read(folder.path, "conf/out") === "hello\n");
    running.kill("SIGINT");
    expect((await running.finished()).code).toBe(130);
  });

  test.each([
    ["sources: {\n", "p.yaml:"],
    ["sources:\n  a: { from: 'tail:x' }\nsinks:\n  - to: gopher://x\n", "p.yaml:4:"],
    [
      "sources:\n  a:\n    from: 'tail:x'\n    interceptors: [shout]\nsinks: [{ to: '-' }]\n",
      "p.yaml:4:20: sources.a.interceptors.0: one of static",
    ],
    ["sources: { a: { from: 'tail:${NO_SUCH}' } }\nsinks: []\n", "NO_SUCH is not set"],
    ["sauces: {}\n", "p.yaml:1:"],
  ])("%j says where it is wrong", async (text, message) => {
    using folder = emptyFolder();
    writeFileSync(join(folder.path, "p.yaml"), text);
    const { code, stderr } = await streamkit(["tail", "--pipeline", "p.yaml"], { cwd: folder.path });
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe("Flume's configuration", () => {
  const confs = join(import.meta.dirname, "flume");

  test("runs: files are followed through a file channel into rolled files", async () => {
    using folder = emptyFolder();
    const cwd = folder.path;
    mkdirSync(join(cwd, "logs"));
    writeFileSync(join(cwd, "logs/a.log"), "a\n");
    const conf = `a1.sources = r
a1.channels = c
a1.sinks = k
a1.sources.r.type = TAILDIR
a1.sources.r.filegroups = f
a1.sources.r.filegroups.f = ${cwd}/logs/.*\\\\.log
a1.sources.r.channels = c
a1.channels.c.type = file
a1.channels.c.checkpointDir = ${cwd}/channel
a1.sinks.k.type = file_roll
a1.sinks.k.channel = c
a1.sinks.k.sink.directory = ${cwd}/out
a1.sinks.k.sink.rollInterval = 1
`;
    writeFileSync(join(cwd, "flume.conf"), conf);
    await using running = await start(["tail", "--flume-conf", "flume.conf"], { cwd });
    const rolled = (): string => {
      if (!existsSync(join(cwd, "out"))) return "";
      const files = [...new Bun.Glob("events.*").scanSync(join(cwd, "out"))].toSorted();
      return files.map((file) => read(cwd, "out", file)).join("");
    };
    await until("the first is rolled", () => rolled() === "a\n");
    appendFileSync(join(cwd, "logs/a.log"), "b\n");
    writeFileSync(join(cwd, "logs/c.log"), "c\n");
    await until("the others are", () => rolled().split("\n").toSorted().join("") === "abc");
    expect(running.stderr()).toContain("flume.conf:9: a1.channels.c.checkpointDir: ");
    running.kill("SIGTERM");
    expect((await running.finished()).code).toBe(143);
  });

  test("is printed as a pipeline that is one", async () => {
    using folder = emptyFolder();
    const conf = join(confs, "web-logs.properties");
    const printed = await output(["tail", "--flume-conf", conf, "--print-pipeline"], { cwd: folder.path });
    writeFileSync(join(folder.path, "p.yaml"), printed);
    expect(await output(["tail", "--pipeline", "p.yaml", "--print-pipeline"], { cwd: folder.path })).toBe(
      printed,
    );
  });

  test("is refused whole where a part has no equivalent", async () => {
    const conf = join(confs, "no-equivalent.properties");
    const { code, stderr } = await streamkit(["tail", "--flume-conf", conf]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${conf}:5: a1.sources.r1.type: the source "avro" has no equivalent`);
  });
});

test.each([
  [["tail"], "What to read is missing"],
  [["tail", "x", "--pipeline", "p"], "Exactly one of GLOB"],
  [["tail", "--pipeline", "missing.yaml"], '"missing.yaml" can\'t be read'],
  [["tail", "--flume-conf", "x", "--out", "-"], "--flume-conf and --out exclude each other"],
  [["tail", "--flume-conf", "x", "--position", "p"], "--flume-conf and --position exclude each other"],
  [["tail", "--pipeline", "x", "--multiline", "a"], "--pipeline and --multiline exclude each other"],
  [["tail", "--pipeline", "x", "--channel-size", "2MiB"], "--pipeline and --channel-size exclude each other"],
  [["tail", "x", "--channel-size", "2MiB"], "--channel-size needs --channel DIR"],
  [["tail", "x", "--flume-agent", "a"], "--flume-agent needs --flume-conf FILE"],
  [["tail", "x", "--route", "some"], "--route must be all, failover, round-robin, random"],
  [["tail", "x", "--channel", "c", "--channel-size", "10"], "at least 1MiB"],
  [["tail", "x", "--out", "gopher://x"], "an output is one of"],
  [["tail", "x", "--interceptor", "shout"], "one of static, timestamp"],
])("%j is wrong usage", async (args, message) => {
  const { code, stderr } = await streamkit(args);
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(message) as string });
});
