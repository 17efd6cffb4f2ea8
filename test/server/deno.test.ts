import { expect, test } from "bun:test";
import { join } from "node:path";
import { livePath, type ServerMessage } from "../../src/server/protocol.ts";
import { createReplica } from "../../src/server/replica.ts";
import { DENO } from "../runtimes/deno.ts";
import { until } from "../support/until.ts";

const ROOT = join(import.meta.dir, "../..");

test("in Deno the live server says the same: snapshot, deltas, a cut, what was missed, an end", async () => {
  const script = join(import.meta.dir, "deno-serve.ts");
  const child = Bun.spawn([DENO, "run", "-A", "--no-check", script], {
    cwd: ROOT,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await child.stdout.getReader().read();
  const url = Buffer.from(value ?? [])
    .toString()
    .trim();
  const replica = createReplica("engine");
  const heard: string[] = [];
  const connect = () => {
    const socket = new WebSocket(`${url.replace("http", "ws")}${livePath(replica.resume)}`);
    socket.addEventListener("message", (event) => {
      const message = JSON.parse(String(event.data)) as ServerMessage;
      if (message.type !== "alive") heard.push(message.type);
      replica.hear(message);
    });
    return new Promise((resolve) => socket.addEventListener("close", resolve));
  };
  const tell = async (word: string) => {
    await child.stdin.write(`${word}\n`);
    await child.stdin.flush();
  };

  const closed = connect();
  await until("the snapshot is there", () => replica.resume?.sequence === 1);
  await tell("publish");
  await until("the delta is there", () => replica.resume?.sequence === 2);
  await tell("cut");
  await closed;
  await tell("publish");
  await until("it is published", async () =>
    (await (await fetch(`${url}/healthz`)).text()).includes('"sequence":3'),
  );
  const closedAgain = connect();
  await until("it has caught up", () => replica.resume?.sequence === 3);
  expect(heard).toEqual(["snapshot", "delta", "resumed", "delta"]);
  const foreign = await fetch(`${url}/live`, {
    headers: { upgrade: "websocket", origin: "https://evil.example" },
  });
  expect(foreign.status).toBe(403);
  const tables = await fetch(`${url}/api/v1/sql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"sql":"SHOW TABLES","format":"csv"}',
  });
  expect(await tables.text()).toContain("live.");
  await child.stdin.end();
  await closedAgain;
  expect(await child.exited).toBe(0);
});
