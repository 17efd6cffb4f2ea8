/** The same pipeline in Deno: receivers, a channel on disk, outputs, and on from there after a kill. */

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { emptyFolder } from "../support/binary.ts";
import { until, within } from "../support/until.ts";
import { startPipelineProgram } from "./program.ts";
import { sendTcp, sendUdp } from "./senders.ts";

const PIPELINE = {
  sources: {
    tcp: { from: { tcp: { listen: "127.0.0.1:0", answer_ok: true } }, interceptors: ["timestamp", "uuid"] },
    udp: { from: "syslog+udp://127.0.0.1:0" },
    http: { from: "http://127.0.0.1:0/in" },
    files: { from: "tail:*.log", interceptors: [{ filter: { exclude: "no" } }] },
  },
  channels: { main: { folder: "channel" } },
  sinks: [{ to: "file:out" }],
};

test("a pipeline in Deno", async () => {
  using folder = emptyFolder();
  writeFileSync(join(folder.path, "a.log"), "from a file\nno\n");
  const lines = (): string[] => {
    const file = join(folder.path, "out");
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1).toSorted() : [];
  };
  const expected: string[] = ["from a file"];
  for (const life of [1, 2]) {
    await using running = await startPipelineProgram("Deno", PIPELINE, folder.path);
    const soFar = (step: string) => running.soFar(`${step} in life ${life}`);
    const answer = await sendTcp(await running.address("tcp"), [`tcp ${life}\n`], soFar("TCP"));
    expect(answer).toBe("OK\n");
    await sendUdp(await running.address("udp"), [`<13>udp ${life}`]);
    const body = new Uint8Array(gzipSync(`http ${life}\n`));
    const headers = { "content-encoding": "gzip" };
    const posting = fetch(await running.address("http"), { method: "POST", body, headers });
    const response = await within(soFar("a POST is answered"), posting);
    const text = await within(soFar("the answer to a POST ends"), response.text());
    expect([response.status, text]).toEqual([200, '{"events":1}']);
    expected.push(`tcp ${life}`, `<13>udp ${life}`, `http ${life}`);
    await until(soFar("all is there"), () => lines().length >= expected.length);
    const code = await running.end(life === 1 ? "SIGKILL" : "SIGTERM");
    if (life === 2) expect(code).toBe(143);
  }
  expect(lines().filter((line) => line !== "from a file")).toEqual(
    expected.filter((line) => line !== "from a file").toSorted(),
  );
  expect(lines()).toContain("from a file");
}, 120_000);
