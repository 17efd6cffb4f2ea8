/**
 * The live server and its API, as Deno runs it: prints its URL, publishes a batch a second line of
 * stdin.
 */

import process from "node:process";
import { systemClock } from "../../src/base/clock.ts";
import { serveHttp } from "../../src/runtime/http.ts";
import { createApp } from "../../src/server/app.ts";
import { openHub } from "../../src/server/hub.ts";
import { connectLive, openServices } from "../../src/server/server.ts";
import { marketFeed } from "./market-feed.ts";

const hub = openHub({ bounds: { maxBufferedBytes: 2 ** 18 } });
const feed = marketFeed({ symbols: 5 });
hub.publish(feed.next());
const access = { host: "127.0.0.1" };
const services = openServices(hub, systemClock);
const app = createApp({ ...services, access });
const server = await serveHttp({
  ...access,
  port: 0,
  fetch: app.fetch,
  upgrade: (request) => connectLive(request, { hub, sockets: services.sockets, access }),
});
process.stdout.write(`${server.url}\n`);
process.stdin.on("data", (chunk: Buffer) => {
  if (chunk.toString().includes("cut")) hub.cutAll();
  else hub.publish(feed.next());
});
process.stdin.on("end", () => void server.close());
