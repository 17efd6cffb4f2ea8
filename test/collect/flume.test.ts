/** Agents of Flume as pipelines: what becomes of them, what is said of the rest, and that they run. */

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { configureLogging } from "../../src/base/log.ts";
import { globOfFileGroup } from "../../src/collect/flume/file-group.ts";
import { parseProperties } from "../../src/collect/flume/properties.ts";
import { remarkLines } from "../../src/collect/flume/report.ts";
import { translateFlume } from "../../src/collect/flume/translate.ts";
import { planPipeline } from "../../src/collect/plan.ts";
import { emptyFolder } from "../support/binary.ts";
import { until } from "../support/until.ts";
import { startPipeline } from "./pipelines.ts";
import { sendTcp, sendUdp } from "./senders.ts";

const said: string[] = [];
configureLogging("info", (line) => said.push(line));

const conf = (name: string): string =>
  readFileSync(join(import.meta.dirname, "flume", `${name}.properties`), "utf8");
const translated = (name: string, env: Record<string, string> = {}) => translateFlume(conf(name), { env });

describe("an agent becomes a pipeline", () => {
  test("that tails, routes by a header, and stores on HDFS and in Kafka", () => {
    const { pipeline, refusals, notes } = translated("web-logs");
    expect(refusals).toEqual([]);
    const channels = { by: "kind", values: { error: ["mem", "disk"] }, otherwise: ["disk"] };
    const interceptors = [
      { timestamp: { header: "timestamp", keep: false } },
      { host: { header: "host", address: false, keep: false } },
    ];
    const tail = (path: string, headers: Record<string, string>) => ({
      from: { tail: { path, from: "start", headers, file_header: "path" } },
      interceptors,
      channels,
    });
    expect(pipeline).toEqual({
      name: "web",
      sources: {
        logs_access: tail("/var/log/nginx/access*.log", { kind: "access" }),
        logs_errors: tail("/var/log/nginx/error.log", { kind: "error", team: "ops" }),
      },
      channels: { disk: { folder: "/var/lib/flume/data-streamkit" }, mem: {} },
      sinks: [
        {
          from: "disk",
          to: {
            roll: {
              to: "webhdfs://namenode:9870/flume/web",
              path: "%{kind}/%Y-%m-%d/%H",
              prefix: "%{host}",
              suffix: ".log",
              roll_bytes: 134_217_728,
              roll_events: 0,
              roll_every: "600s",
              idle: "0s",
              gzip: false,
              max_open: 100,
              timezone: "UTC",
              time: "header",
              round: "10m",
            },
          },
        },
        {
          from: "mem",
          to: {
            kafka: {
              brokers: "broker1:9092,broker2:9092",
              topic: "errors",
              topic_header: "topic",
              config: { acks: "1", "compression.type": "snappy" },
            },
          },
        },
      ],
    });
    expect(() => planPipeline(pipeline)).not.toThrow();
    const lines = remarkLines("flume.conf", notes);
    expect(lines.find((line) => line.startsWith("flume.conf:14: web.sources.logs.positionFile: "))).toContain(
      "positions are not taken over",
    );
    expect(lines.find((line) => line.includes("hdfs.path"))).toContain("webhdfs://namenode:9870/flume/web");
    expect(lines.every((line) => /^flume\.conf:\d+: web\./.test(line))).toBe(true);
  });

  test("whose sinks stand in for each other, and it runs", async () => {
    using folder = emptyFolder();
    const { pipeline, refusals } = translated("syslog-failover", { COLLECTED: join(folder.path, "out") });
    expect(refusals).toEqual([]);
    expect(pipeline.sinks).toEqual([
      {
        from: "c1",
        back_off: "10000ms",
        failover: [{ file: { path: join(folder.path, "out/events") } }, "null:"],
      },
    ]);
    await using running = startPipeline(pipeline, folder.path);
    const send = [
      "<13>Jan  5 14:30:00 h app: login password=secret ok\n<13>Jan  5 14:30:00 h app: DEBUG no\n",
    ];
    await sendTcp(await running.address("tcp"), send);
    await sendUdp(await running.address("udp"), ["<13>1 - h app - - - over udp"]);
    const out = () =>
      existsSync(join(folder.path, "out/events"))
        ? readFileSync(join(folder.path, "out/events"), "utf8")
        : "";
    await until("both are there", () => out().split("\n").length === 3);
    expect(out().split("\n").toSorted()).toEqual(["", "login password=*** ok", "over udp"]);
  });

  test("whose sinks share the load, and it runs", async () => {
    using folder = emptyFolder();
    const { pipeline, refusals, notes } = translated("netcat-balance");
    expect(refusals).toEqual([]);
    expect(pipeline.sources["prog"]?.from).toEqual({
      tail: { path: "/var/log/secure", from: "end", file_header: "" },
    });
    expect(
      notes.some(({ key, text }) => key.endsWith("command") && text.includes("followed by streamkit")),
    ).toBe(true);
    const logger = { logger: { max_bytes: 16 } };
    expect(pipeline.sinks).toEqual([
      { from: "c1", back_off: "30000ms", load_balance: [logger, logger, logger], pick: "random" },
    ]);
    const { nc } = pipeline.sources;
    await using running = startPipeline({ ...pipeline, sources: { nc } }, folder.path);
    expect(await sendTcp(await running.address("nc"), ["1-2 hello\n", "none\n"])).toBe("OK\nOK\n");
    const events = said.filter((line) => line.includes("event {"));
    expect(events).toHaveLength(2);
    const uuid = String.raw`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`;
    expect(events[0]).toMatch(
      new RegExp(`event {"one":"1","two":"2","datacenter":"NEW YORK","id":"${uuid}"} 1-2 hello$`),
    );
    expect(events[1]).toMatch(new RegExp(`event {"datacenter":"NEW YORK","id":"${uuid}"} none$`));
  });
});

test("what has no equivalent is told line by line, with what to do", () => {
  const { refusals } = translated("no-equivalent");
  const lines = remarkLines("f", refusals);
  const expected: readonly (readonly [number, string, string])[] = [
    [5, "a1.sources.r1.type", 'the source "avro" has no equivalent: let the sender use an http output'],
    [9, "a1.sources.r2.type", 'the source "com.example.MySource" has no equivalent: there are taildir'],
    [10, "a1.sources.r2.channels", 'there is no channel "c9": there are c1, c2, c3'],
    [13, "a1.sources.r3.filegroups.f1", "this regular expression is no glob"],
    [14, "a1.sources.r3.byteOffsetHeader", "has no equivalent"],
    [16, "a1.sources.r3.intreceptors", "is not known here"],
    [18, "a1.sources.r3.interceptors.i1.type", 'the interceptor "morphline" has no equivalent'],
    [19, "a1.sources.r4.type", '"r4" is not in the list a1.sources'],
    [22, "a1.channels.c2.type", 'the channel "jdbc" has no equivalent: there are memory and file'],
    [24, "a1.channels.c3.encryption", "use an encrypted file system"],
    [26, "a1.sinks.k1.hdfs.fileType", "SequenceFile, Flume's default, has no equivalent"],
    [28, "a1.sinks.k1.hdfs.path", "write webhdfs://HOST:9870/flume/events"],
    [29, "a1.sinks.k2.type", 'the sink "hbase2" has no equivalent'],
    [33, "a1.sinks.k3.kafka.bootstrap.servers", 'no variable for "${BROKERS}"'],
    [34, "a1.sinks.k3.kafka.producer.ssl.truststore.location", "export PEM files"],
  ];
  for (const [line, key, text] of expected) {
    const found = refusals.find((refusal) => refusal.key === key);
    expect(found, key).toBeDefined();
    expect(found?.text, key).toContain(text);
    if (!key.endsWith("encryption")) expect(found?.line, key).toBe(line);
  }
  expect(lines).toHaveLength(expected.length);
});

describe("which agent is meant", () => {
  const two = "a.sources = r\nb.sources = r\n";
  test("must be said where there are several", () => {
    const { refusals } = translateFlume(two, { env: {} });
    expect(remarkLines("f", refusals)).toEqual([
      "f: agent: which agent is meant must be said: the file has a, b",
    ]);
    expect(translateFlume(two, { agent: "c", env: {} }).refusals[0]?.text).toContain('there is no agent "c"');
  });

  test("is found by its name", () => {
    const text = `${conf("netcat-balance")}\n${conf("web-logs")}`;
    const { agent, refusals, pipeline } = translateFlume(text, { agent: "web", env: {} });
    expect({ agent, refusals, sources: Object.keys(pipeline.sources) }).toEqual({
      agent: "web",
      refusals: [],
      sources: ["logs_access", "logs_errors"],
    });
  });
});

test("properties are read as Java does", () => {
  const text = String.raw`# comment
  ! another
a=1
b : two words 
c   three
d\=\:\ e = x\
   y\\
f=
g
h=caf\u00e9\t\n\q
a=last
`;
  expect(parseProperties(text).map(({ key, value, line }) => [line, key, value])).toEqual([
    [4, "b", "two words "],
    [5, "c", "three"],
    [6, "d=: e", "xy\\"],
    [8, "f", ""],
    [9, "g", ""],
    [10, "h", "caf\u00e9\t\nq"],
    [11, "a", "last"],
  ]);
});

test.each([
  [String.raw`/var/log/app/.*\.log`, "/var/log/app/*.log"],
  ["/var/log/app/access.log", "/var/log/app/access?log"],
  [String.raw`/logs/app-\d{4}-[0-9]\.txt`, "/logs/app-[0-9][0-9][0-9][0-9]-[0-9].txt"],
  ["/logs/.+", "/logs/?*"],
  ["/logs [x]/.*", "/logs \\[x\\]/*"],
  [String.raw`/logs/\d+\.log`, undefined],
  ["/logs/(a|b)", undefined],
  ["/logs/ab*", undefined],
  ["/logs/", undefined],
])("the file group %s is the glob %s", (group, glob) => {
  expect(globOfFileGroup(group)).toBe(glob);
});
