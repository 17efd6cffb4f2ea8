import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJournal } from "../../src/server/journal.ts";
import type { ServerMessage, StateSnapshot } from "../../src/server/protocol.ts";
import { until } from "../support/until.ts";
import { marketFeed } from "./market-feed.ts";

const DOOR = join(import.meta.dir, "serve-door.ts");
const running: { kill(): void; readonly exited: Promise<number> }[] = [];
const folder = mkdtempSync(join(tmpdir(), "streamkit-serve-"));

afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill();
    await child.exited;
  }
  rmSync(folder, { recursive: true, force: true });
});

test("rows of a pipe are on the page; when the pipe ends it stays up and says so, until SIGINT", async () => {
  const child = serve("--port", "0");
  const url = await child.url();
  await child.stdin.write(
    '{"query":"ohlc","batch":1,"op":"upsert","row":{"symbol":"A","close":1}}\nbroken\n',
  );
  await child.stdin.flush();
  await until("the row is there", async () => (await snapshot(url)).tables.length === 1);
  expect((await snapshot(url)).feed).toEqual({ kind: "lines", ended: false, brokenLines: 1 });
  await child.stdin.end();
  await until("it says that the stream ended", async () => (await snapshot(url)).feed.ended);
  await until("it says so on stderr", () =>
    child.stderr().includes("The input ended after 1 row (1 broken line); the page stays up"),
  );
  expect((await snapshot(url)).tables[0]?.rows).toEqual([["A", 1]]);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
});

test("200,000 lines are taken, and the server answers all the while", async () => {
  const child = serve("--port", "0");
  const url = await child.url();
  const lines = Array.from(
    { length: 200_000 },
    (_, index) =>
      `{"query":"q","batch":${Math.floor(index / 1000)},"row":{"id":${index},"text":"some text"}}\n`,
  );
  const written = Promise.resolve(child.stdin.write(lines.join(""))).then(() => child.stdin.end());
  await until("all rows are counted", async () => (await snapshot(url)).totals.inputRows === 200_000);
  await written;
  expect((await snapshot(url)).tables[0]?.rows.at(-1)).toEqual([199_999, "some text"]);
});

test("--follow shows a running job, from before it started on", async () => {
  const journal = openJournal(folder);
  const feed = marketFeed({ symbols: 4, activity: 1 });
  journal.append(feed.next());
  const child = serve("--port", "0", "--follow", folder);
  const url = await child.url();
  await until("the first batch is there", async () => (await snapshot(url)).totals.batches === 1);
  journal.append(feed.next());
  await until("the second batch is there", async () => (await snapshot(url)).totals.batches === 2);
  expect(await snapshot(url)).toMatchObject({ job: "market", feed: { kind: "engine", ended: false } });
  journal.end("failed: The disk is full");
  await until("it says why the job ended", async () => (await snapshot(url)).feed.ended);
  expect((await snapshot(url)).feed).toMatchObject({ ended: true, reason: "failed: The disk is full" });
  journal.append(feed.next());
  await until("it goes on", async () => (await snapshot(url)).totals.batches === 3);
  expect((await snapshot(url)).feed).toEqual({ kind: "engine", ended: false, brokenLines: 0 });
  journal.close();
  child.kill("SIGTERM");
  expect(await child.exited).toBe(143);
});

test("a port that is taken or makes no sense ends the command with the reason", async () => {
  const first = serve("--port", "0");
  const port = new URL(await first.url()).port;
  const second = serve("--port", port);
  expect(await second.exited).toBe(1);
  expect(second.stderr()).toContain(
    `streamkit: Cannot listen on 127.0.0.1:${port}: something else does already`,
  );
  const third = serve("--port", "70000");
  expect(await third.exited).toBe(2);
  expect(third.stderr()).toContain('--port must be a port from 0 to 65535: found "70000"');
});

function serve(...flags: string[]) {
  const child = Bun.spawn([process.execPath, DOOR, "serve", ...flags], {
    stdin: "pipe",
    stdout: "inherit",
    stderr: "pipe",
  });
  let text = "";
  const ended = (async () => {
    for await (const chunk of child.stderr) text += Buffer.from(chunk).toString();
  })();
  const exited = Promise.all([child.exited, ended]).then(([code]) => code);
  running.push({ kill: () => child.kill("SIGKILL"), exited });
  return {
    stdin: child.stdin,
    stderr: () => text,
    exited,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    async url() {
      await until(`the server is up: ${flags.join(" ")}`, () => /Dashboard on http/.test(text));
      return /http:\S+/.exec(text)?.[0] ?? "";
    },
  };
}

async function snapshot(url: string): Promise<StateSnapshot> {
  const message = (await (await fetch(`${url}/api/snapshot`)).json()) as ServerMessage & { type: "snapshot" };
  return message.state;
}
