/** The API as scripts meet it, on the server itself. */

import { afterEach, expect, test } from "bun:test";
import { connect } from "node:net";
import { readExactJson } from "../../src/base/exact-json.ts";
import * as schemas from "../../src/server/api/schemas.ts";
import { type Hub, openHub } from "../../src/server/hub.ts";
import { type DashboardServer, startServer } from "../../src/server/server.ts";
import { until } from "../support/until.ts";
import { batchOf } from "./batch-of.ts";
import { linesOf } from "./lines-of.ts";
import { type Message, socketClient } from "./socket-client.ts";

const servers: DashboardServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function started(token?: string): Promise<{ hub: Hub; url: string }> {
  const hub = openHub();
  const server = await startServer({ hub, port: 0, token });
  servers.push(server);
  return { hub, url: server.url };
}

const BIG = "\u00019007199254740993";

function publish(hub: Hub, rows: readonly Readonly<Record<string, string | number | boolean>>[]): void {
  hub.publish(batchOf(hub.sequence + 1, { query: "by id", key: ["id"], columns: ["id", "n"], rows }));
}

test("queries are listed before their first row, and rows are what they are now", async () => {
  const { hub, url } = await started();
  const columns = [
    { name: "id", type: "BIGINT" },
    { name: "n", type: "BIGINT" },
  ];
  hub.describe("test", [{ query: "by id", mode: "update", key: ["id"], columns }]);
  const listed = schemas.queriesSchema.parse(await (await fetch(`${url}/api/v1/queries`)).json());
  expect(listed.queries).toMatchObject([{ name: "by id", mode: "update", key: ["id"], columns, rows: 0 }]);
  publish(hub, [
    { id: 1, n: 1 },
    { id: BIG, n: 2 },
    { id: 9007199254740992, n: 3 },
  ]);
  publish(hub, [
    { id: 1, n: 9 },
    { id: 9007199254740992, isDeleted: true },
  ]);
  const answer = await (await fetch(`${url}/api/v1/queries/by%20id/rows`)).text();
  expect(answer).toEndWith('"rows":[{"id":9007199254740993,"n":2},{"id":1,"n":9}]}');
  schemas.rowsSchema.parse(JSON.parse(answer));
  schemas.querySchema.parse(await (await fetch(`${url}/api/v1/queries/by%20id`)).json());
  expect(await (await fetch(`${url}/api/v1/queries/by%20id/rows?limit=1`)).text()).toContain(
    '[{"id":1,"n":9}]',
  );
});

test("the status is the last batch's report, and batches are those before it too", async () => {
  const { hub, url } = await started();
  const status = async () => schemas.statusSchema.parse(await (await fetch(`${url}/api/v1/status`)).json());
  expect(await status()).toMatchObject({ batch: 0, startedAtMs: null, job: "" });
  publish(hub, [{ id: 1, n: 1 }]);
  publish(hub, [
    { id: 1, n: 2 },
    { id: 2, n: 2 },
  ]);
  expect(await status()).toMatchObject({
    batch: 2,
    inputRows: 2,
    outputRows: { "by id": 2 },
    totals: { inputRows: 3 },
  });
  const answer: unknown = await (await fetch(`${url}/api/v1/batches?limit=1`)).json();
  expect(schemas.batchesSchema.parse(answer).batches.map(({ batch }) => batch)).toEqual([2]);
});

test("with follow, lines come as rows change, as in a file sink; the end of the job ends them", async () => {
  const { hub, url } = await started();
  publish(hub, [{ id: 1, n: 1 }]);
  const lines = await linesOf(`${url}/api/v1/queries/by%20id/rows?follow`);
  expect(await lines.next()).toBe('{"id":1,"n":1,"_op":"upsert","_batch":1}');
  publish(hub, [
    { id: BIG, n: 2 },
    { id: 1, isDeleted: true },
  ]);
  expect(await lines.next()).toBe('{"id":9007199254740993,"n":2,"_op":"upsert","_batch":2}');
  expect(await lines.next()).toBe('{"id":1,"n":null,"_op":"delete","_batch":2}');
  hub.setFeed({ ended: true, reason: "the input ended" });
  expect(await lines.next()).toBeUndefined();
});

test("append rows are bare, and each comes once", async () => {
  const { hub, url } = await started();
  const add = (n: number): void =>
    hub.publish(batchOf(hub.sequence + 1, { query: "q", key: [], columns: ["n"], rows: [{ n }] }));
  add(1);
  const lines = await linesOf(`${url}/api/v1/queries/q/rows?follow`);
  expect(await lines.next()).toBe('{"n":1}');
  add(1);
  expect(await lines.next()).toBe('{"n":1}');
  await lines.close();
  add(2);
  const { sequence, instance } = await (await fetch(`${url}/api/v1/queries/q`))
    .json()
    .then(async (query) => ({
      ...(query as { sequence: number }),
      ...((await (await fetch(`${url}/api/v1/queries`)).json()) as { instance: string }),
    }));
  expect(sequence).toBe(3);
  const resumed = await linesOf(`${url}/api/v1/queries/q/rows?follow&after=2&instance=${instance}`);
  expect(await resumed.next()).toBe('{"n":2}');
  await resumed.close();
  const other = await linesOf(`${url}/api/v1/queries/q/rows?follow&after=2&instance=another`);
  expect([await other.next(), await other.next()]).toEqual(['{"_reset":true}', '{"n":1}']);
  await other.close();
});

test("server-sent events go on after the one that was last heard", async () => {
  const { hub, url } = await started();
  publish(hub, [{ id: 1, n: 1 }]);
  const path = `${url}/api/v1/queries/by%20id/events`;
  const events = await linesOf(path);
  const heard = async (lines: typeof events, count: number): Promise<string[]> => {
    const found: string[] = [];
    while (found.length < count) {
      const line = (await lines.next()) ?? "over";
      if (!/^(?:|retry: \d+|: alive)$/.test(line)) found.push(line);
    }
    return found;
  };
  const [id = "", event, data = ""] = await heard(events, 3);
  expect([id, event]).toEqual([`id: ${hub.instance}/1`, "event: snapshot"]);
  expect(data).toEndWith('"rows":[{"id":1,"n":1}],"deleted":[]}');
  await events.close();
  publish(hub, [{ id: 1, n: 2 }]);
  const again = await linesOf(path, { "last-event-id": id.slice(4) });
  const [, second, delta] = await heard(again, 3);
  expect(second).toBe("event: delta");
  expect(delta).toEndWith('"rows":[{"id":1,"n":2}],"deleted":[]}');
  await again.close();
});

test("a socket has a snapshot, then what changes of its keys, and after a cut what it missed", async () => {
  const { hub, url } = await started();
  publish(hub, [
    { id: 1, n: 1 },
    { id: BIG, n: 2 },
    { id: 3, n: 3 },
  ]);
  const client = await socketClient(url);
  expect(await client.next()).toMatchObject({ type: "hello", version: 1, instance: hub.instance });
  client.say('{"type":"subscribe","id":"a","query":"by id","keys":{"id":[1,9007199254740993]}}');
  expect(await client.next()).toMatchObject({ type: "subscribed", id: "a", key: ["id"], mode: "update" });
  const snapshot = await client.next();
  expect(snapshot).toMatchObject({ type: "snapshot", more: false, deleted: [] });
  expect(snapshot.rows).toEqual([
    { id: 1, n: 1 },
    { id: BIG, n: 2 },
  ]);
  publish(hub, [{ id: 3, n: 4 }]);
  publish(hub, [{ id: 1, n: 5 }]);
  const delta = await client.next();
  expect(delta).toMatchObject({ type: "delta", topic: snapshot.topic, rows: [{ id: 1, n: 5 }] });
  client.socket.close();
  publish(hub, [
    { id: 1, isDeleted: true },
    { id: BIG, n: 6 },
  ]);
  const again = await socketClient(url);
  const { instance } = await again.next();
  again.say(
    JSON.stringify({
      type: "subscribe",
      id: "b",
      query: "by id",
      resume: { instance, sequence: delta.sequence },
    }),
  );
  expect((await again.next()).type).toBe("subscribed");
  expect(await again.next()).toMatchObject({
    type: "delta",
    rows: [{ id: BIG, n: 6 }],
    deleted: [{ id: 1 }],
  });
  again.say('{"type":"unsubscribe","id":"b"}');
  expect(await again.next()).toMatchObject({ type: "unsubscribed", id: "b" });
  hub.setFeed({ ended: true, reason: "the input ended" });
  expect(await again.next()).toMatchObject({ type: "ended", reason: "the input ended" });
  again.socket.close();
});

test("a wrong message is answered with the reason, and too many end the connection", async () => {
  const { hub, url } = await started();
  publish(hub, [{ id: 1, n: 1 }]);
  const client = await socketClient(url);
  await client.next();
  const wrong: readonly (readonly [string, string])[] = [
    ["nothing", "A message is one JSON object"],
    ["[1]", "nvalid"],
    ['{"type":"shout"}', "type"],
    ['{"type":"subscribe","id":"a","query":"none"}', 'There is no query "none"'],
    ['{"type":"subscribe","id":"a","query":"by id","keys":{"x":[1]}}', 'no column "x"'],
    ['{"type":"subscribe","id":"a","query":"by id","keys":{"id":[{}]}}', "keys"],
    ['{"type":"unsubscribe","id":"a"}', 'No subscription "a"'],
  ];
  for (const [said, reason] of wrong) {
    client.say(said);
    const answer: Message = await client.next();
    expect(answer.type).toBe("error");
    expect(answer.message).toContain(reason);
  }
  for (let index = 0; index < 300; index += 1) client.say("{}");
  expect((await client.closed).code).toBe(4008);
});

test("clients that never read cost a bounded memory, and others are given everything", async () => {
  const { hub, url } = await started();
  const { host, port } = new URL(url);
  const stalled = Array.from({ length: 20 }, () => {
    const socket = connect({ host: "127.0.0.1", port: Number(port) });
    socket.on("error", () => {});
    socket.write(
      `GET /api/v1/live HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    socket.pause();
    return socket;
  });
  publish(hub, [{ id: 0, n: 0 }]);
  for (const socket of stalled) socket.write(frameOf('{"type":"subscribe","id":"a","query":"by id"}'));
  const client = await socketClient(url);
  await client.next();
  client.say('{"type":"subscribe","id":"a","query":"by id"}');
  await until(
    "all are in",
    async () => (await metric(url, "streamkit_connections", '{kind="socket"}')) === 21,
  );
  const rows = new Map<unknown, unknown>();
  const reading = (async () => {
    for (;;) {
      const { rows: given = [] } = await client.next();
      for (const row of given) rows.set(row["id"], row["n"]);
    }
  })().catch(() => {});
  let round = 0;
  const work = (): void => {
    round += 1;
    publish(
      hub,
      Array.from({ length: 500 }, (_, at) => ({ id: (round % 8) * 500 + at, n: round })),
    );
  };
  await until("the stalled ones are given no more", async () => {
    work();
    return (await metric(url, "streamkit_lagging_connections")) === 20;
  });
  for (let more = 0; more < 400; more += 1) {
    work();
    if (more % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await until("the one that reads has the last", () => rows.get((round % 8) * 500 + 499) === round);
  // 400 further batches are some 5 MB for each of them.
  expect(await metric(url, "streamkit_buffered_bytes")).toBeLessThan(20 * 160 * 1024);
  expect(await metric(url, "streamkit_lagging_connections")).toBe(20);
  for (const socket of stalled) socket.destroy();
  client.socket.close();
  await reading;
});

test("what is asked wrongly is refused as the OpenAPI document says", async () => {
  const { hub, url } = await started();
  publish(hub, [{ id: 1, n: 1 }]);
  const status = async (path: string, init?: RequestInit): Promise<number> =>
    (await fetch(`${url}${path}`, init)).status;
  expect(await status("/api/v1/queries/none")).toBe(404);
  expect(await status("/api/v1/queries/none/rows?follow")).toBe(404);
  expect(await status("/api/v1/queries/by%20id/rows?key=x")).toBe(400);
  expect(await status("/api/v1/queries/by%20id/rows?key=x=1")).toBe(400);
  expect(await status("/api/v1/queries/by%20id/rows?limit=0")).toBe(400);
  expect(await status("/api/v1/queries/by%20id/rows?after=-1")).toBe(400);
  expect(await status("/api/v1/queries/by%20id/events?after=x")).toBe(400);
  expect(await status("/api/v1/live")).toBe(426);
  expect(await status("/api/v1/nothing")).toBe(404);
  const posted = await fetch(`${url}/api/v1/queries`, { method: "POST", body: "x" });
  expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  const document = (await (await fetch(`${url}/api/v1/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<string, unknown>;
  };
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths)).toContain("/api/v1/queries/{name}/rows");
});

test("with a token nothing is told without it, but that the server is up", async () => {
  const { hub, url } = await started("secret token");
  publish(hub, [{ id: 1, n: 1 }]);
  const closed = ["queries", "queries/by%20id/rows", "queries/by%20id/events", "status", "openapi.json"];
  for (const path of [...closed.map((name) => `/api/v1/${name}`), "/metrics"]) {
    const refused = await fetch(`${url}${path}`);
    expect([path, refused.status]).toEqual([path, 401]);
    expect(refused.headers.get("x-content-type-options")).toBe("nosniff");
    const taken = new AbortController();
    const authorization = "Bearer secret token";
    const answered = await fetch(`${url}${path}`, { headers: { authorization }, signal: taken.signal });
    expect([path, answered.status]).toEqual([path, 200]);
    taken.abort();
  }
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
});

/** One masked text frame of less than 126 bytes. */
function frameOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | bytes.length, 0, 0, 0, 0]), bytes]);
}

async function metric(url: string, name: string, labels = ""): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name}${labels} `));
  return line === undefined ? undefined : Number(readExactJson(line.split(" ")[1] ?? ""));
}
