/**
 * A TCP server that puts the events of its connections into an intake, and reads no faster than that takes.
 */

import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { messageOf, StreamkitError } from "../../base/error.ts";
import { logger } from "../../base/log.ts";
import type { ServerKeys } from "../../runtime/http.ts";
import type { EventBlock } from "../../tail/block.ts";
import type { EventWriter } from "../event-writer.ts";
import { type Address, urlOf, warnOfStrangers } from "./address.ts";
import { startFlushTimer } from "./flush-timer.ts";
import type { Events, Framing } from "./frames.ts";
import type { Input, InputContext } from "./input.ts";

export interface StreamServerOptions {
  readonly scheme: string;
  readonly address: Address;
  readonly maxConnections: number;
  /** Connections are with TLS; without if left out. */
  readonly tls?: ServerKeys | undefined;
  readonly framing: () => Framing;
  /** Blocks of what came from one peer. */
  readonly blocksOf: (events: Events, peer: string) => readonly EventBlock[];
  /** What is answered when events are safe; nothing if left out. */
  readonly acknowledgement?: string | undefined;
}

export async function serveStreams(
  options: StreamServerOptions,
  intake: EventWriter,
  { clock, name }: Pick<InputContext, "clock" | "name">,
): Promise<Input> {
  const log = logger("collect");
  const sockets = new Map<Socket, Promise<void>>();
  const closed = new AbortController();
  let isClosing = false;
  let fail: (error: Error) => void = () => {};
  const done = new Promise<void>((resolve, reject) => {
    fail = reject;
    closed.signal.addEventListener("abort", () => resolve());
  });
  done.catch(() => {});
  const flushing = startFlushTimer(intake, { clock, stop: closed.signal, fail: (error) => fail(error) });

  const accept = (socket: Socket): void => {
    const serving = serve(socket);
    sockets.set(socket, serving);
    void serving.finally(() => sockets.delete(socket));
  };
  const how = { noDelay: true, allowHalfOpen: true };
  const server =
    options.tls === undefined
      ? createServer(how, accept)
      : createTlsServer({ ...how, ...options.tls }, accept);
  server.on("tlsClientError", (error: Error) =>
    log.debug(`${name}: a handshake failed: ${messageOf(error)}`),
  );
  server.maxConnections = options.maxConnections;

  async function serve(socket: Socket): Promise<void> {
    const peer = socket.remoteAddress ?? "";
    const framing = options.framing();
    /** False where nothing more can be taken from anybody. */
    const take = async (events: Events | undefined): Promise<boolean> => {
      if (events === undefined) return true;
      try {
        for (const block of options.blocksOf(events, peer)) await intake.put(block);
        flushing.due();
        if (options.acknowledgement === undefined) return true;
        await intake.flush();
        await written(socket, options.acknowledgement.repeat(events.events));
        return true;
      } catch (error) {
        fail(error as Error);
        return false;
      }
    };
    // The other side may go away in any way at any time.
    socket.on("error", () => {});
    let isWhole = true;
    try {
      for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)
        if (!(await take(framing.push(chunk)))) return void socket.destroy();
    } catch (error) {
      isWhole = false;
      log.debug(`${name}: the connection of ${peer} broke: ${messageOf(error)}`);
    }
    // Where lines are answered, one that broke off was not, and comes again, whole.
    if (options.acknowledgement === undefined || (isWhole && !isClosing)) await take(framing.end());
    socket.end();
  }

  const port = await listening(server, options).catch((error: unknown) => {
    closed.abort();
    throw error;
  });
  const where = urlOf(options.scheme, { ...options.address, port });
  warnOfStrangers(where, options.address);
  return {
    done,
    address: where,
    async close() {
      if (closed.signal.aborted) return;
      isClosing = true;
      server.close();
      for (const socket of sockets.keys()) socket.destroy();
      await Promise.allSettled(sockets.values());
      closed.abort();
    },
  };
}

/** Resolves when there is room for more, or nobody to read it: one who never reads is read no more. */
function written(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || socket.write(text)) return resolve();
    const go = (): void => {
      socket.off("drain", go).off("close", go);
      resolve();
    };
    socket.on("drain", go).on("close", go);
  });
}

function listening(server: Server, { address, scheme }: StreamServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(listenFailure(urlOf(scheme, address), error)));
    server.listen(address.port, address.host, () => {
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? bound.port : address.port);
    });
  });
}

export function listenFailure(where: string, error: Error): StreamkitError {
  const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
  const reason = isTaken ? "something else does already" : error.message;
  return new StreamkitError("io", `Cannot listen at ${where}: ${reason}`, { cause: error });
}
