/** One HTTP and WebSocket server for Bun and Deno. Node has no WebSocket server of its own and is refused. */

import { messageOf, StreamkitError } from "../base/error.ts";

/** The server's end of one WebSocket. None of its functions throws, also after the connection is gone. */
export interface WebSocketPeer {
  send(text: string): void;
  /** What was sent and has not left the process. */
  bufferedBytes(): number;
  /** Says why and ends the connection; `code` is one of 4000 to 4999. */
  close(code: number, reason: string): void;
  /** Ends the connection without waiting for the other side. */
  cut(): void;
}

/** Called in the order opened, received, closed; the first and the last once. */
export interface WebSocketListener {
  opened(peer: WebSocketPeer): void;
  /** Left out where what the other side sends is ignored. Binary messages always are. */
  received?(text: string): void;
  closed(): void;
}

/** Text of PEM. */
export interface ServerKeys {
  readonly cert: string;
  readonly key: string;
}

export interface HttpOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** For https; plain http if left out. */
  readonly tls?: ServerKeys | undefined;
  /** A longer body may be refused with 413 before `fetch` is asked; left out = that of the runtime. */
  readonly maxBodyBytes?: number;
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** Asked for every request to upgrade to a WebSocket: a listener accepts it, a response refuses it. */
  readonly upgrade: (request: Request) => WebSocketListener | Response;
}

export interface HttpServer {
  readonly url: string;
  readonly port: number;
  /** Cuts every connection and frees the port. */
  close(): Promise<void>;
}

/** No page ever sends us anything this long. */
const MAX_MESSAGE_BYTES = 64 * 1024;
const IDLE_TIMEOUT_S = 60;
/** Bun's own. */
const DEFAULT_BODY_BYTES = 128 * 1024 * 1024;

/** Listens. Throws code `io`, naming host and port, where that is not possible. */
export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  try {
    if ("Bun" in globalThis) return serveInBun(options);
    const deno = (globalThis as { Deno?: DenoServing }).Deno;
    if (deno !== undefined) return serveInDeno(options, deno);
  } catch (error) {
    throw listenError(error, options);
  }
  throw new StreamkitError(
    "usage",
    "The dashboard needs Bun or Deno: Node has no WebSocket server of its own",
  );
}

export function listenError(
  error: unknown,
  { host, port }: Pick<HttpOptions, "host" | "port">,
): StreamkitError {
  const { code, name } = error as { code?: string; name?: string };
  const where = `${host}:${port}`;
  const text =
    code === "EADDRINUSE" || name === "AddrInUse"
      ? `Cannot listen on ${where}: something else does already. Choose another port, or 0 for any free one`
      : `Cannot listen on ${where}: ${messageOf(error)}`;
  return new StreamkitError("io", text, { component: "http", cause: error });
}

function isUpgrade(request: Request): boolean {
  return request.headers.get("upgrade")?.toLowerCase() === "websocket";
}

export function urlOf({ host, tls }: Pick<HttpOptions, "host" | "tls">, port: number): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const scheme = tls === undefined ? "http" : "https";
  return `${scheme}://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

function serveInBun(options: HttpOptions): HttpServer {
  const server = Bun.serve<WebSocketListener>({
    hostname: options.host,
    port: options.port,
    development: false,
    ...(options.tls !== undefined && { tls: options.tls }),
    // Outside development Bun 1.4 shares the port with whoever has it already, unless told not to.
    reusePort: false,
    idleTimeout: IDLE_TIMEOUT_S,
    maxRequestBodySize: Math.max(DEFAULT_BODY_BYTES, options.maxBodyBytes ?? 0),
    fetch(request, self) {
      if (!isUpgrade(request)) return options.fetch(request);
      const listener = options.upgrade(request);
      if (listener instanceof Response) return listener;
      const isUpgraded = self.upgrade(request, { data: listener });
      return isUpgraded ? undefined : new Response("This is no WebSocket handshake\n", { status: 400 });
    },
    websocket: {
      maxPayloadLength: MAX_MESSAGE_BYTES,
      idleTimeout: IDLE_TIMEOUT_S,
      // The hub bounds what waits; Bun's own limit would drop messages from the middle.
      backpressureLimit: 2 ** 31 - 1,
      open(socket) {
        socket.data.opened({
          send: (text) => void socket.sendText(text),
          bufferedBytes: () => socket.getBufferedAmount(),
          close: (code, reason) => socket.close(code, reason),
          cut: () => socket.terminate(),
        });
      },
      message(socket, message) {
        if (typeof message === "string") socket.data.received?.(message);
      },
      close(socket) {
        socket.data.closed();
      },
    },
  });
  const port = server.port ?? options.port;
  return { url: urlOf(options, port), port, close: () => server.stop(true) };
}

/** The part of Deno's interface that is used here; its types can't be loaded beside Bun's. */
interface DenoServing {
  serve(
    options: {
      hostname: string;
      port: number;
      onListen: () => void;
      signal: AbortSignal;
      cert?: string;
      key?: string;
    },
    fetch: (request: Request) => Response | Promise<Response>,
  ): { addr: { port: number }; finished: Promise<void> };
  upgradeWebSocket(
    request: Request,
    options: { idleTimeout: number },
  ): { socket: WebSocket; response: Response };
}

function serveInDeno(options: HttpOptions, deno: DenoServing): HttpServer {
  const stop = new AbortController();
  const sockets = new Set<WebSocket>();
  function accept(request: Request): Response {
    const listener = options.upgrade(request);
    if (listener instanceof Response) return listener;
    const { socket, response } = deno.upgradeWebSocket(request, { idleTimeout: IDLE_TIMEOUT_S });
    let isOpened = false;
    let isClosed = false;
    const close = () => {
      if (isClosed) return;
      isClosed = true;
      sockets.delete(socket);
      if (isOpened) listener.closed();
      if (socket.readyState < WebSocket.CLOSING) socket.close();
    };
    sockets.add(socket);
    socket.addEventListener("open", () => {
      isOpened = true;
      listener.opened({
        send: (text) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(text);
        },
        bufferedBytes: () => socket.bufferedAmount,
        close: (code, reason) => {
          if (socket.readyState === WebSocket.OPEN) socket.close(code, reason);
        },
        cut: close,
      });
    });
    socket.addEventListener("message", ({ data }) => {
      if (typeof data !== "string") return;
      // Deno has no bound of its own.
      if (data.length > MAX_MESSAGE_BYTES) close();
      else listener.received?.(data);
    });
    socket.addEventListener("close", close);
    socket.addEventListener("error", close);
    return response;
  }
  const server = deno.serve(
    {
      hostname: options.host,
      port: options.port,
      onListen: () => {},
      signal: stop.signal,
      ...options.tls,
    },
    (request) => (isUpgrade(request) ? accept(request) : options.fetch(request)),
  );
  return {
    url: urlOf(options, server.addr.port),
    port: server.addr.port,
    async close() {
      for (const socket of sockets) socket.close();
      stop.abort();
      await server.finished;
    },
  };
}
