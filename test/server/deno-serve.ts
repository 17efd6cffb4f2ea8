/**
 * The live server without its page, as Deno runs it: prints its URL, publishes a batch a second line of
 * stdin.
 */

import process from "node:process";
import { serveHttp } from "../../src/runtime/http.ts";
import { openHub } from "../../src/server/hub.ts";
import { connectLive } from "../../src/server/server.ts";
import { marketFeed } from "./market-feed.ts";

const hub = openHub({ bounds: { maxBufferedBytes: 2 ** 18 } });
const feed = marketFeed({ symbols: 5 });
hub.publish(feed.next());
const server = await serveHttp({
  host: "127.0.0.1",
  port: 0,
  fetch: () => Response.json({ subscribers: hub.subscribers, sequence: hub.sequence }),
  upgrade: (request) => connectLive(request, hub, { host: "127.0.0.1" }),
});
process.stdout.write(`${server.url}\n`);
process.stdin.on("data", (chunk: Buffer) => {
  if (chunk.toString().includes("cut")) hub.cutAll();
  else hub.publish(feed.next());
});
process.stdin.on("end", () => void server.close());
