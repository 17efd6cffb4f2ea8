/** The dashboard's server: the app, the live connections and the heartbeat on one port. */

import { type Clock, systemClock } from "../base/clock.ts";
import { webAsset } from "../runtime/assets.ts";
import { type HttpServer, serveHttp, type WebSocketListener } from "../runtime/http.ts";
import { type Access, isAuthorized, refusal, TOKEN_WANTED } from "./access.ts";
import { createApp } from "./app.ts";
import type { HistorySource } from "./history.ts";
import { aliveText, type Hub } from "./hub.ts";
import { HEARTBEAT_MS, LIVE_PATH, resumePointOf } from "./protocol.ts";

export const DEFAULT_HOST = "127.0.0.1";
export const DEFAULT_PORT = 8080;

export interface ServerOptions extends Omit<Access, "host"> {
  readonly hub: Hub;
  /** Default 127.0.0.1: only this machine. */
  readonly host?: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Rows older than the hub keeps. */
  readonly history?: HistorySource;
  readonly clock?: Clock;
}

/** How long a slow page may take to read what was said last. */
const MAX_FLUSH_MS = 500;
const FLUSH_STEP_MS = 10;

export type DashboardServer = Pick<HttpServer, "url" | "close">;

/** Starts listening. The hub stays the caller's. Throws code `io` where the port can't be had. */
export async function startServer({
  hub,
  host = DEFAULT_HOST,
  port,
  history,
  token,
  allowedHosts = [],
  clock = systemClock,
}: ServerOptions): Promise<DashboardServer> {
  await webAsset("index.html");
  const access = { host, token, allowedHosts };
  const app = createApp({ hub, access, ...(history === undefined ? {} : { history }) });
  const server = await serveHttp({
    host,
    port,
    fetch: app.fetch,
    upgrade: (request) => connectLive(request, hub, access, clock),
  });
  const heartbeat = setInterval(() => hub.heartbeat(clock.nowMs()), HEARTBEAT_MS);
  return {
    url: server.url,
    async close() {
      clearInterval(heartbeat);
      // A page should learn why it ends: what was said last is sent before the line is cut.
      const untilMs = clock.monotonicMs() + MAX_FLUSH_MS;
      while (!hub.isFlushed() && clock.monotonicMs() < untilMs) await clock.sleep(FLUSH_STEP_MS);
      hub.cutAll();
      await server.close();
    },
  };
}

/** Answers a request to open a live connection. */
export function connectLive(
  request: Request,
  hub: Hub,
  access: Access,
  clock: Clock = systemClock,
): WebSocketListener | Response {
  const url = new URL(request.url);
  const reason = refusal(request.headers, access);
  if (reason !== undefined) return new Response(`${reason}\n`, { status: 403 });
  if (!isAuthorized(request.headers, access)) return new Response(`${TOKEN_WANTED}\n`, { status: 401 });
  if (url.pathname !== LIVE_PATH) return new Response("Not found\n", { status: 404 });
  let leave: (() => void) | undefined;
  return {
    opened(peer) {
      leave = hub.subscribe(peer, resumePointOf(url.searchParams));
      if (leave === undefined) peer.cut();
      else peer.send(aliveText(clock.nowMs()));
    },
    closed: () => leave?.(),
  };
}
