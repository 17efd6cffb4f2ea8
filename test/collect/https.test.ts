/** Outputs and receivers over TLS, with an authority that nobody knows but us. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { makeTlsFiles, type TlsFiles } from "../services/tls.ts";
import { emptyFolder } from "../support/binary.ts";
import { until, within } from "../support/until.ts";
import { startPipelineProgram } from "./program.ts";
import { sendTcp } from "./senders.ts";

const keys = emptyFolder();
let files: TlsFiles;
let server: ReturnType<typeof Bun.serve>;
const received: string[] = [];

beforeAll(async () => {
  files = await makeTlsFiles(keys.path, "client");
  const both = readFileSync(files.serverKeystore, "utf8");
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { key: both, cert: both },
    async fetch(request) {
      received.push(await request.text());
      return new Response("");
    },
  });
}, 60_000);

afterAll(async () => {
  await server.stop(true);
  keys[Symbol.dispose]();
});

const LINES = "first\nsecond\n";

describe.each(["Bun's binary", "Deno"] as const)("in %s", (runtime) => {
  const pipeline = (options: object) => ({
    sources: { in: { from: "tail:a.log" } },
    sinks: [{ to: { http: { url: `https://127.0.0.1:${server.port}/in`, ...options } } }],
  });

  test.each([
    ["the option ca", { ca: "ca.pem" }, () => ({})],
    ["NODE_EXTRA_CA_CERTS", {}, () => ({ NODE_EXTRA_CA_CERTS: files.caFile })],
  ] as const)("lines arrive with %s", async (_, options, env) => {
    using folder = emptyFolder();
    received.splice(0);
    copyFileSync(files.caFile, join(folder.path, "ca.pem"));
    writeFileSync(join(folder.path, "a.log"), LINES);
    await using running = await startPipelineProgram(runtime, pipeline(options), folder.path, env());
    await until(running.soFar("all is there"), () => received.join("") === LINES);
    expect(await running.end("SIGTERM")).toBe(143);
  });

  test("nothing is sent to whom nobody vouches for, and that is said", async () => {
    using folder = emptyFolder();
    received.splice(0);
    writeFileSync(join(folder.path, "a.log"), LINES);
    await using running = await startPipelineProgram(runtime, pipeline({}), folder.path);
    await until(running.soFar("it says why"), () =>
      /fails: .*(?:certificate|issuer|UnknownIssuer)/i.test(running.soFar("")()),
    );
    expect(received).toEqual([]);
    expect(await running.end("SIGTERM")).toBe(143);
  });

  test("receivers take TLS alone", async () => {
    using folder = emptyFolder();
    const tls = { certificate: files.serverKeystore, key: files.serverKeystore };
    const listen = "127.0.0.1:0";
    const pipeline = {
      sources: {
        web: { from: { http: { listen, path: "/in", tls } } },
        tcp: { from: { tcp: { listen, tls, answer_ok: true } } },
        log: { from: { syslog: { listen, tls } } },
      },
      sinks: [{ to: "file:out" }],
    };
    await using running = await startPipelineProgram(runtime, pipeline, folder.path);
    const ca = readFileSync(files.caFile, "utf8");
    const web = await running.address("web");
    expect(web.protocol).toBe("https:");
    const post = fetch(web, { method: "POST", body: "over https\n", tls: { ca } });
    expect((await within(running.soFar("an answer"), post)).status).toBe(200);
    const plain = fetch(web.href.replace("https", "http"), { method: "POST", body: "plain\n" });
    expect(
      (
        await within(
          "a refusal",
          plain.catch(() => undefined),
        )
      )?.ok ?? false,
    ).toBe(false);
    const sent = async (url: URL, text: string): Promise<string> => {
      const socket = connect({ host: url.hostname, port: Number(url.port), ca });
      const ended = Promise.withResolvers<void>();
      let answer = "";
      socket.on("data", (bytes) => {
        answer += bytes.toString();
      });
      socket.once("error", ended.reject).once("close", ended.resolve);
      socket.end(text);
      await within(running.soFar("the end of a connection"), ended.promise);
      return answer;
    };
    expect(await sent(await running.address("tcp"), "over tls\nand more\n")).toBe("OK\nOK\n");
    await sent(await running.address("log"), "<13>syslog over tls\n");
    // One who speaks no TLS is sent away, and is in nobody's way.
    await sendTcp(await running.address("tcp"), ["plain\n"]).catch(() => "");
    expect(await sent(await running.address("tcp"), "after it\n")).toBe("OK\n");
    const lines = () => readFileSync(join(folder.path, "out"), "utf8").split("\n").slice(0, -1).toSorted();
    await until(running.soFar("all is there"), () => lines().length === 5);
    expect(lines()).toEqual(["<13>syslog over tls", "after it", "and more", "over https", "over tls"]);
    expect(await running.end("SIGTERM")).toBe(143);
  });
});
