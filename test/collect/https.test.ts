/** The output http: over TLS, to a server whose authority nobody knows but us. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../e2e/binary.ts";
import { until } from "../server/until.ts";
import { makeTlsFiles, type TlsFiles } from "../services/tls.ts";
import { startPipelineProgram } from "./program.ts";

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
});
