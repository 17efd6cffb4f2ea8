import { afterEach, expect, test } from "bun:test";
import { connect } from "node:net";
import type { HistorySource } from "../../src/server/history.ts";
import { type Hub, type HubOptions, openHub } from "../../src/server/hub.ts";
import { type HistoryAnswer, livePath, plainText, type ServerMessage } from "../../src/server/protocol.ts";
import { createReplica } from "../../src/server/replica.ts";
import { type DashboardServer, startServer } from "../../src/server/server.ts";
import { until } from "../support/until.ts";
import { marketFeed } from "./market-feed.ts";

const servers: DashboardServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

test("the page and its files come from the server, under a policy that allows nothing else", async () => {
  const { url } = await started();
  const page = await fetch(url);
  const html = await page.text();
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'");
  const files = Array.from(html.matchAll(/(?:src|href)="([^"]+)"/g), ([, file = ""]) => file);
  expect(files.toSorted()).toEqual(["app.css", "app.js", "icon.svg"]);
  for (const file of files) {
    const response = await fetch(`${url}/${file}`);
    expect(response.status).toBe(200);
    expect((await response.text()).length).toBeGreaterThan(100);
  }
  expect((await fetch(`${url}/nothing.js`)).status).toBe(404);
  expect((await fetch(`${url}/..%2fpackage.json`)).status).toBe(404);
});

test("a live connection gets a snapshot, then deltas, and after a cut just what it missed", async () => {
  const { hub, url } = await started();
  const feed = marketFeed({ symbols: 5 });
  for (let batch = 0; batch < 3; batch += 1) hub.publish(feed.next());
  const client = liveClient(url);
  await until("the snapshot is there", () => client.replica.resume?.sequence === 3);
  hub.publish(feed.next());
  await until("the delta is there", () => client.replica.resume?.sequence === 4);
  hub.cutAll();
  await client.closed;
  hub.publish(feed.next());
  hub.publish(feed.next());
  const again = liveClient(url, client.replica);
  await until("it has caught up", () => client.replica.resume?.sequence === 6);
  expect(client.heard).toEqual(["snapshot", "delta"]);
  expect(again.heard).toEqual(["resumed", "delta", "delta"]);
  expect(client.replica.state).toEqual(hub.state);
  again.socket.close();
  await until("it has left", () => hub.subscribers === 0);
});

test("a client that never reads is cut, and the others go on", async () => {
  const { hub, url } = await started({ bounds: { maxBufferedBytes: 2 ** 18 } });
  const stuck = connect({ host: "127.0.0.1", port: Number(new URL(url).port) });
  stuck.on("error", () => {});
  stuck.write(
    `GET ${livePath(undefined)} HTTP/1.1\r\nHost: ${new URL(url).host}\r\nUpgrade: websocket\r\n` +
      "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
      "Sec-WebSocket-Version: 13\r\n\r\n",
  );
  stuck.pause();
  const reader = liveClient(url);
  await until("both are in", () => hub.subscribers === 2);
  const feed = marketFeed({ symbols: 300 });
  await until("the stuck one is out", () => {
    hub.publish(feed.next());
    return hub.subscribers === 1;
  });
  await until("the other has it all", () => reader.replica.resume?.sequence === hub.sequence);
  expect(reader.heard.filter((type) => type === "snapshot")).toHaveLength(1);
  expect(reader.replica.state).toEqual(hub.state);
  stuck.destroy();
  reader.socket.close();
});

test("foreign hosts and origins are refused, on requests and on live connections", async () => {
  const { url } = await started();
  const { host, port } = new URL(url);
  const status = async (path: string, headers: Record<string, string>) =>
    (await fetch(`${url}${path}`, { headers })).status;
  const upgrade = { upgrade: "websocket", connection: "Upgrade", "sec-websocket-version": "13" };
  for (const [path, extra] of [
    ["/api/snapshot", {}],
    ["/live", upgrade],
  ] as const) {
    expect(await status(path, { ...extra, host: `evil.example:${port}` })).toBe(403);
    expect(await status(path, { ...extra, host: `127.0.0.1.evil.example:${port}` })).toBe(403);
    expect(await status(path, { ...extra, origin: "https://evil.example" })).toBe(403);
    expect(await status(path, { ...extra, origin: "http://localhost:1" })).toBe(403);
    expect(await status(path, { ...extra, origin: "null" })).toBe(403);
  }
  expect(await status("/api/snapshot", { origin: `http://${host}` })).toBe(200);
  expect(
    await status("/api/snapshot", { host: `localhost:${port}`, origin: `http://localhost:${port}` }),
  ).toBe(200);
  expect(await upgradedWith(url, { origin: "https://evil.example" })).toBe(false);
  expect(await upgradedWith(url, { origin: `http://${host}` })).toBe(true);
});

test("history is what is stored and what is live, once each and in order; the live row wins", async () => {
  const asked: unknown[] = [];
  const stored: HistorySource = async (request) => {
    asked.push(request);
    const row = { symbol: "SYM0001", open: 1, high: 1, low: 1, close: -1 };
    return [
      { ...row, window_start: "2026-01-05T14:30:00.000Z" },
      { ...row, window_start: "2026-01-05T14:29:00.000Z" },
    ];
  };
  const { hub, url } = await started({}, stored);
  const feed = marketFeed({ symbols: 3, stepMs: 30_000, activity: 1 });
  for (let batch = 0; batch < 6; batch += 1) hub.publish(feed.next());
  const response = await fetch(`${url}/api/history?query=minute&symbol=SYM0001`);
  const answer = (await response.json()) as HistoryAnswer;
  expect(asked).toEqual([{ query: "minute", filter: { symbol: "SYM0001" }, maxRows: 10_080 }]);
  expect(answer).toMatchObject({ instance: hub.instance, sequence: 6, query: "minute" });
  expect(answer.rows.map((row) => [row[0], plainText(row[1]).slice(11, 16)])).toEqual([
    ["SYM0001", "14:29"],
    ["SYM0001", "14:30"],
    ["SYM0001", "14:31"],
    ["SYM0001", "14:32"],
  ]);
  expect(answer.rows.map((row) => row[6] === -1)).toEqual([true, false, false, false]);
  expect((await fetch(`${url}/api/history?query=nothing`)).status).toBe(404);
  expect((await fetch(`${url}/api/history`)).status).toBe(400);
});

test("a history that fails is an error of that request only", async () => {
  const { hub, url } = await started({}, () => Promise.reject(new Error("The warehouse is gone")));
  hub.publish(marketFeed({ symbols: 1 }).next());
  const response = await fetch(`${url}/api/history?query=minute`);
  expect([response.status, await response.text()]).toEqual([500, '{"error":"The warehouse is gone"}']);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test("a port in use is an error that names it and the way out; a closed server frees it", async () => {
  const { url } = await started();
  const port = Number(new URL(url).port);
  const error = await startServer({ hub: openHub(), port }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: "io",
    message:
      `Cannot listen on 127.0.0.1:${port}: something else does already. ` +
      "Choose another port, or 0 for any free one",
  });
  await servers.pop()?.close();
  servers.push(await startServer({ hub: openHub(), port }));
});

async function started(
  options: HubOptions = {},
  history?: HistorySource,
): Promise<{ hub: Hub; url: string }> {
  const hub = openHub(options);
  const server = await startServer({ hub, port: 0, ...(history === undefined ? {} : { history }) });
  servers.push(server);
  return { hub, url: server.url };
}

function liveClient(url: string, replica = createReplica("engine")) {
  const heard: string[] = [];
  const socket = new WebSocket(`${url.replace("http", "ws")}${livePath(replica.resume)}`);
  socket.addEventListener("message", (event) => {
    const message = JSON.parse(String(event.data)) as ServerMessage;
    if (message.type !== "alive") heard.push(message.type);
    expect(replica.hear(message)).not.toBe("gap");
  });
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  return { replica, heard, socket, closed };
}

function upgradedWith(url: string, headers: Record<string, string>): Promise<boolean> {
  return new Promise((resolve) => {
    // Bun's second parameter, which the browser's type does not know.
    const options = { headers } as unknown as string[];
    const socket = new WebSocket(`${url.replace("http", "ws")}${livePath(undefined)}`, options);
    socket.addEventListener("open", () => {
      socket.close();
      resolve(true);
    });
    socket.addEventListener("error", () => resolve(false));
  });
}
