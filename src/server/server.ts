/** The dashboard's server: the app, the live connections and the heartbeat on one port. */

import { type Clock, systemClock } from "../base/clock.ts";
import { webAsset } from "../runtime/assets.ts";
import { type HttpServer, serveHttp, type WebSocketListener } from "../runtime/http.ts";
import { type Access, isAuthorized, refusal, TOKEN_WANTED } from "./access.ts";
import type { ApiOptions } from "./api/api.ts";
import { SOCKET_PATH } from "./api/socket-protocol.ts";
import { openSockets, type Sockets } from "./api/sockets.ts";
import { openStreams } from "./api/streams.ts";
import { createApp } from "./app.ts";
import { openLiveQueries } from "./changes/live-queries.ts";
import type { HistorySource } from "./history.ts";
import { aliveText, type Hub } from "./hub.ts";
import { openMetrics } from "./metrics.ts";
import { HEARTBEAT_MS, LIVE_PATH, resumePointOf } from "./protocol.ts";
import { openSqlSandbox } from "./sql/sandbox.ts";

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
  /** The folder whose tables SQL may read; left out where there is none. */
  readonly warehouse?: string | undefined;
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
  warehouse,
  clock = systemClock,
}: ServerOptions): Promise<DashboardServer> {
  await webAsset("index.html");
  const access = { host, token, allowedHosts };
  const services = openServices(hub, clock, warehouse);
  const { sockets } = services;
  const app = createApp({ ...services, access, history });
  const server = await listening(services, () =>
    serveHttp({
      host,
      port,
      fetch: app.fetch,
      upgrade: (request) => connectLive(request, { hub, sockets, access, clock }),
    }),
  );
  const heartbeat = setInterval(() => {
    hub.heartbeat(clock.nowMs());
    sockets.heartbeat();
  }, HEARTBEAT_MS);
  return {
    url: server.url,
    async close() {
      clearInterval(heartbeat);
      services.streams.close();
      // A page should learn why it ends: what was said last is sent before the line is cut.
      const untilMs = clock.monotonicMs() + MAX_FLUSH_MS;
      const isFlushed = (): boolean => hub.isFlushed() && sockets.isFlushed();
      while (!isFlushed() && clock.monotonicMs() < untilMs) await clock.sleep(FLUSH_STEP_MS);
      hub.cutAll();
      closeServices(services);
      await server.close();
    },
  };
}

/** What stands behind the API, whatever it is listened at. */
export function openServices(hub: Hub, clock: Clock, warehouse?: string): ApiOptions {
  const live = openLiveQueries(hub);
  const sockets = openSockets(live, clock);
  const streams = openStreams(live, clock);
  const metrics = openMetrics({
    hub,
    clock,
    connections: () => ({
      page: hub.subscribers,
      socket: sockets.connections,
      stream: streams.connections,
    }),
    lagging: () => sockets.lagging,
    bufferedBytes: () => sockets.bufferedBytes,
  });
  return { live, sockets, streams, metrics, sandbox: openSqlSandbox({ live, clock, warehouse }) };
}

function closeServices({ live, sockets, streams, metrics }: ApiOptions): void {
  streams.close();
  sockets.close();
  metrics.close();
  live.close();
}

async function listening(services: ApiOptions, listen: () => Promise<HttpServer>): Promise<HttpServer> {
  try {
    return await listen();
  } catch (error) {
    closeServices(services);
    throw error;
  }
}

interface LiveOptions {
  readonly hub: Hub;
  readonly sockets: Sockets;
  readonly access: Access;
  readonly clock?: Clock;
}

/** Answers a request to open a live connection: the page's own, or one of the API. */
export function connectLive(
  request: Request,
  { hub, sockets, access, clock = systemClock }: LiveOptions,
): WebSocketListener | Response {
  const url = new URL(request.url);
  const reason = refusal(request.headers, access);
  if (reason !== undefined) return new Response(`${reason}\n`, { status: 403 });
  if (!isAuthorized(request.headers, access)) return new Response(`${TOKEN_WANTED}\n`, { status: 401 });
  if (url.pathname === SOCKET_PATH) return sockets.connect();
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
