/** The clients in the manual, as they stand there. */

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHub } from "../../src/server/hub.ts";
import { startServer } from "../../src/server/server.ts";
import { DENO } from "../runtimes/deno.ts";
import { until } from "../support/until.ts";
import { batchOf } from "./batch-of.ts";

const MANUAL = readFileSync(join(import.meta.dir, "../../src/manual/api.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "streamkit-clients-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

for (const [runtime, language, program] of [
  ["Python", "python", ["python3"]],
  ["Bun", "ts", [process.execPath]],
  ["Deno", "ts", [DENO, "run", "-A", "--no-check"]],
] as const)
  test(`the client in ${runtime} has ten lines, and prints what changes`, async () => {
    const text = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(MANUAL)?.[1] ?? "";
    const file = join(folder, `client.${language}`);
    writeFileSync(file, text);
    expect(text.trim().split("\n").length).toBeLessThanOrEqual(12);
    const hub = openHub();
    const server = await startServer({ hub, port: 0 });
    const publish = (symbol: string, close: number): void =>
      hub.publish(
        batchOf(hub.sequence + 1, {
          query: "ohlc",
          key: ["symbol"],
          columns: ["symbol", "close"],
          rows: [{ symbol, close }],
        }),
      );
    publish("A", 1);
    const client = Bun.spawn([...program, file, server.url], { stdout: "pipe", stderr: "inherit" });
    let printed = "";
    const reading = (async () => {
      for await (const chunk of client.stdout) printed += Buffer.from(chunk).toString();
    })();
    await until("it has the first row", () => printed === "A 1\n");
    publish("B", 2);
    await until("it has the second row", () => printed === "A 1\nB 2\n");
    client.kill();
    await client.exited;
    await reading;
    await server.close();
  });
