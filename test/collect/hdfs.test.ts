/** Flume's HDFS sink with a real HDFS: files by headers and time, also when the data node is killed. */

import { beforeAll, expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { configureLogging } from "../../src/base/log.ts";
import { translateFlume } from "../../src/collect/flume/translate.ts";
import { openStore } from "../../src/warehouse/stores.ts";
import { type HdfsService, startHdfs } from "../services/hdfs.ts";
import { emptyFolder } from "../support/binary.ts";
import { until } from "../support/until.ts";
import { startPipeline } from "./pipelines.ts";
import { sendTcp } from "./senders.ts";

const said: string[] = [];
configureLogging("info", (line) => said.push(line));

let hdfs: HdfsService;
beforeAll(async () => {
  hdfs = await startHdfs();
}, 120_000);

const conf = (address: string): string => `
a1.sources = r
a1.channels = c
a1.sinks = k
a1.sources.r.type = netcat
a1.sources.r.bind = 127.0.0.1
a1.sources.r.port = 0
a1.sources.r.channels = c
a1.sources.r.interceptors = level
a1.sources.r.interceptors.level.type = regex_extractor
a1.sources.r.interceptors.level.regex = ^(\\\\w+)
a1.sources.r.interceptors.level.serializers = s
a1.sources.r.interceptors.level.serializers.s.name = level
a1.channels.c.type = file
a1.sinks.k.type = hdfs
a1.sinks.k.channel = c
a1.sinks.k.hdfs.path = webhdfs://${address}/flume/%{level}/%Y
a1.sinks.k.hdfs.fileType = DataStream
a1.sinks.k.hdfs.rollInterval = 0
a1.sinks.k.hdfs.rollSize = 0
a1.sinks.k.hdfs.rollCount = 2
a1.sinks.k.hdfs.timeZone = UTC
`;

test("events are in HDFS once, over a data node that is killed and a restart", async () => {
  await using service = hdfs;
  using folder = emptyFolder();
  const { pipeline, refusals } = translateFlume(conf(service.address), { env: {} });
  expect(refusals).toEqual([]);
  const env = { HADOOP_USER_NAME: process.env["USER"] ?? "root" };
  const context = { baseFolder: folder.path, clock: systemClock, env };
  const store = openStore(`webhdfs://${service.address}/flume`, context);
  const stored = async (): Promise<Record<string, string[]>> => {
    const found: Record<string, string[]> = {};
    for (const { path } of await store.list("")) {
      // Readers pass over it too.
      if (path.startsWith("_")) continue;
      const text = Buffer.from((await store.read(path)) ?? []).toString();
      (found[path.split("/")[0] ?? ""] ??= []).push(...text.split("\n").slice(0, -1));
    }
    return found;
  };
  const year = new Date().getUTCFullYear();
  {
    await using running = startPipeline(pipeline, folder.path, { env });
    const url = await running.address("r");
    await sendTcp(url, ["INFO 1\nWARN 2\nINFO 3\nINFO 4\n"]);
    await until("two of INFO are stored", async () => (await stored())["INFO"]?.length === 2);
    const [first] = await store.list("INFO");
    expect(first?.path).toMatch(new RegExp(`^INFO/${year}/FlumeData\\.\\d+-\\w+$`));
    await service.killDataNode();
    // Answered OK: they are in the channel, whatever HDFS does.
    expect(await sendTcp(url, ["WARN 5\nWARN 6\n"])).toBe("OK\nOK\n");
    await until("the failure is told", () => said.some((line) => line.includes("position can't be saved")));
    await running.stop();
  }
  await service.startDataNode();
  {
    await using running = startPipeline(pipeline, folder.path, { env });
    await running.address("r");
    await until("all that is whole is stored", async () => (await stored())["WARN"]?.length === 2);
    await running.stop();
  }
  // A clean stop finishes what had begun.
  const all = await stored();
  expect(all["INFO"]).toEqual(["INFO 1", "INFO 3", "INFO 4"]);
  expect(all["WARN"]?.toSorted()).toEqual(["WARN 2", "WARN 5", "WARN 6"]);
  expect((await store.list("")).filter(({ path }) => path.includes("_streamkit"))).toEqual([]);
}, 120_000);
