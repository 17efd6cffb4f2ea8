/** The same pipeline in Deno: receivers, a channel on disk, outputs, and on from there after a kill. */

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { emptyFolder } from "../e2e/binary.ts";
import { until, within } from "../server/until.ts";
import { sendTcp, sendUdp } from "./senders.ts";

const ROOT = join(import.meta.dirname, "../..");
const DENO = [join(ROOT, "node_modules/.bin/deno"), "run", "-A", join(ROOT, "src/main.ts")];

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
  writeFileSync(join(folder.path, "p.json"), JSON.stringify(PIPELINE));
  writeFileSync(join(folder.path, "a.log"), "from a file\nno\n");
  const lines = (): string[] => {
    const file = join(folder.path, "out");
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1).toSorted() : [];
  };
  const expected: string[] = ["from a file"];
  for (const life of [1, 2]) {
    const child = Bun.spawn([...DENO, "tail", "--pipeline", "p.json"], {
      cwd: folder.path,
      stderr: "pipe",
      stdout: "ignore",
    });
    let said = "";
    const soFar = (step: string) => () =>
      `${step} (life ${life}, exit code ${child.exitCode}), when it had said: ${said}`;
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of child.stderr) said += decoder.decode(chunk);
    })();
    try {
      const address = async (name: string): Promise<URL> => {
        const found = () => new RegExp(`${name} listens at (\\S+)`).exec(said)?.[1];
        await until(soFar(`${name} listens`), () => found() !== undefined || child.exitCode !== null);
        return new URL(found() ?? `missing:${said}`);
      };
      expect(await sendTcp(await address("tcp"), [`tcp ${life}\n`], soFar(""))).toBe("OK\n");
      await sendUdp(await address("udp"), [`<13>udp ${life}`]);
      const body = new Uint8Array(gzipSync(`http ${life}\n`));
      const headers = { "content-encoding": "gzip" };
      const posting = fetch(await address("http"), { method: "POST", body, headers });
      const response = await within(soFar("a POST is answered"), posting);
      const answer = await within(soFar("the answer to a POST ends"), response.text());
      expect([response.status, answer]).toEqual([200, '{"events":1}']);
      expected.push(`tcp ${life}`, `<13>udp ${life}`, `http ${life}`);
      await until(soFar("all is there"), () => lines().length >= expected.length);
      child.kill(life === 1 ? "SIGKILL" : "SIGTERM");
      await within(soFar("it ends"), child.exited);
    } finally {
      child.kill("SIGKILL");
      await within(soFar("its stderr ends"), reading);
    }
    if (life === 2) expect(child.exitCode).toBe(143);
  }
  expect(lines().filter((line) => line !== "from a file")).toEqual(
    expected.filter((line) => line !== "from a file").toSorted(),
  );
  expect(lines()).toContain("from a file");
}, 120_000);
