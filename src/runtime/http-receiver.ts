/**
 * A server for requests with bodies. In Bun it is Node's: Bun's own ends a connection without an answer where
 * a second request comes before the first is answered, as pipelining clients send it.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { Clock } from "../base/clock.ts";
import { type HttpOptions, type HttpServer, listenError, serveHttp, urlOf } from "./http.ts";

export interface Received {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  header(name: string): string | undefined;
  /** Undefined where there is none. */
  readonly body: ReadableStream<Uint8Array> | undefined;
}

export interface ReceiverOptions extends Omit<HttpOptions, "fetch" | "upgrade"> {
  readonly clock: Clock;
  readonly take: (request: Received) => Promise<Response>;
}

/** An answer is short: a client that has not taken it by then does not read. */
const MAX_ANSWER_MS = 1000;

/** Listens. Throws code `io`, naming host and port, where that is not possible. */
export async function serveReceiver({ take, clock, ...options }: ReceiverOptions): Promise<HttpServer> {
  if ("Deno" in globalThis)
    return serveHttp({
      ...options,
      fetch: (request) => take(ofRequest(request)),
      upgrade: () => new Response("no WebSocket here\n", { status: 400 }),
    });
  /** Requests that are not answered yet. */
  const answering = new Set<Promise<void>>();
  const listener = (message: IncomingMessage, response: ServerResponse): void => {
    const answered = take(ofMessage(message))
      .then((answer) => send(answer, response))
      .catch(() => void response.destroy())
      .finally(() => answering.delete(answered));
    answering.add(answered);
  };
  const { tls, host, port } = options;
  const server = tls === undefined ? createServer(listener) : createSecureServer({ ...tls }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, options)));
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  const close = async (): Promise<void> => {
    const isClosed = new Promise<void>((resolve) => server.close(() => resolve()));
    const ended = new AbortController();
    // What was taken is known to be safe only once its answer is there.
    await Promise.race([Promise.allSettled(answering), clock.sleep(MAX_ANSWER_MS, ended.signal)]);
    ended.abort();
    server.closeAllConnections();
    await isClosed;
  };
  return { url: urlOf(options, bound), port: bound, close };
}

function ofRequest(request: Request): Received {
  return {
    method: request.method,
    path: new URL(request.url).pathname,
    header: (name) => request.headers.get(name) ?? undefined,
    body: (request.body ?? undefined) as ReadableStream<Uint8Array> | undefined,
  };
}

function ofMessage(message: IncomingMessage): Received {
  const { headers } = message;
  const hasBody = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
  return {
    method: message.method ?? "",
    path: new URL(message.url ?? "/", "http://receiver").pathname,
    header(name) {
      const value = headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    body: hasBody ? (Readable.toWeb(message) as ReadableStream<Uint8Array>) : undefined,
  };
}

/** Resolves when the system has the answer, or the client is gone. */
async function send(answer: Response, response: ServerResponse): Promise<void> {
  const body = Buffer.from(await answer.arrayBuffer());
  response.writeHead(answer.status, {
    ...Object.fromEntries(answer.headers),
    "content-length": body.length,
  });
  await new Promise<void>((resolve) => {
    response.once("close", resolve);
    response.end(body, resolve);
  });
}
