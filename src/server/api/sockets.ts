/**
 * The live connections of `/api/v1/live`. What is new goes to all of them at once, some twenty times a second
 * at most, so that they share its text. A client that does not read is given nothing more until it has read:
 * then it gets the latest of each row, not what it missed one after the other.
 */

import type { Clock } from "../../base/clock.ts";
import { writeExactJson } from "../../base/exact-json.ts";
import type { WebSocketListener, WebSocketPeer } from "../../runtime/http.ts";
import type { LiveQueries } from "../changes/live-queries.ts";
import { openReader, type Reader } from "../changes/reader.ts";
import { HEARTBEAT_MS } from "../protocol.ts";
import {
  type ClientMessage,
  readClientMessage,
  SOCKET_VERSION,
  type SocketMessage,
} from "./socket-protocol.ts";

export interface SocketBounds {
  readonly maxConnections: number;
  readonly maxSubscriptions: number;
  /** What waits in one connection before it is given no more. */
  readonly maxBufferedBytes: number;
  /** Of one client, in `inboundSpanMs`. */
  readonly maxInboundMessages: number;
  readonly inboundSpanMs: number;
  readonly minFlushIntervalMs: number;
}

const SOCKET_BOUNDS: SocketBounds = {
  maxConnections: 1024,
  maxSubscriptions: 64,
  maxBufferedBytes: 64 * 1024,
  maxInboundMessages: 200,
  inboundSpanMs: 10_000,
  minFlushIntervalMs: 50,
};

/** RFC 6455 gives 4000 to 4999 to applications; 1008 and 1013 can't be sent by every runtime. */
const CLOSE_POLICY = 4008;
const CLOSE_TOO_MANY = 4013;

/** Times of what waits in a connection otherwise. */
const MAX_ANSWER_BACKLOG = 4;

export interface Sockets {
  readonly connections: number;
  /** Connections that wait for their client to read. */
  readonly lagging: number;
  /** What waits in all connections for their clients to read. */
  readonly bufferedBytes: number;
  connect(): WebSocketListener;
  heartbeat(): void;
  isFlushed(): boolean;
  close(): void;
}

interface Connection {
  readonly peer: WebSocketPeer;
  readonly readers: Map<string, Reader>;
  isLagging: boolean;
  hasToldEnd: boolean;
  inbound: number;
  inboundSinceMs: number;
}

export function openSockets(live: LiveQueries, clock: Clock, options: Partial<SocketBounds> = {}): Sockets {
  const bounds = { ...SOCKET_BOUNDS, ...options };
  const connections = new Set<Connection>();
  let flushedAtMs = Number.NEGATIVE_INFINITY;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function tell(connection: Connection, message: SocketMessage): void {
    connection.peer.send(writeExactJson(message));
  }

  /** Gives the connection what is new, until it has so much that it must read first. */
  function feed(connection: Connection): void {
    connection.isLagging = false;
    for (let hasSent = true; hasSent; ) {
      hasSent = false;
      const turns = [...connection.readers];
      for (const [id, reader] of turns) {
        if (connection.peer.bufferedBytes() > bounds.maxBufferedBytes) {
          connection.isLagging = true;
          return;
        }
        const part = reader.next();
        if (part === undefined) continue;
        connection.peer.send(part.text());
        hasSent = true;
        // The others come first the next time.
        connection.readers.delete(id);
        connection.readers.set(id, reader);
      }
    }
    tellEnd(connection);
  }

  function tellEnd(connection: Connection): void {
    const { ended, reason } = live.hub.state.feed;
    if (ended && !connection.hasToldEnd) tell(connection, { type: "ended", reason: reason ?? null });
    connection.hasToldEnd = ended;
  }

  function flush(): void {
    timer = undefined;
    flushedAtMs = clock.monotonicMs();
    let lags = false;
    for (const connection of connections) {
      feed(connection);
      lags ||= connection.isLagging;
    }
    if (lags) flushSoon();
  }

  function flushSoon(): void {
    const waitMs = flushedAtMs + bounds.minFlushIntervalMs - clock.monotonicMs();
    timer ??= setTimeout(flush, Math.max(0, waitMs));
  }

  function take(connection: Connection, text: string): void {
    const nowMs = clock.monotonicMs();
    if (nowMs - connection.inboundSinceMs > bounds.inboundSpanMs) {
      connection.inboundSinceMs = nowMs;
      connection.inbound = 0;
    }
    connection.inbound += 1;
    // Answers wait in the buffer too: a client that asks must read.
    const readsNothing = connection.peer.bufferedBytes() > MAX_ANSWER_BACKLOG * bounds.maxBufferedBytes;
    if (connection.inbound > bounds.maxInboundMessages || readsNothing)
      return connection.peer.close(CLOSE_POLICY, "Too many messages");
    const message = readClientMessage(text);
    if ("wrong" in message) return tell(connection, { type: "error", message: message.wrong });
    if (message.type === "subscribe") subscribe(connection, message);
    else unsubscribe(connection, message.id);
  }

  function subscribe(connection: Connection, message: ClientMessage & { readonly type: "subscribe" }): void {
    const { id, query, keys, resume } = message;
    const refuse = (why: string): void => tell(connection, { type: "error", id, message: why });
    if (connection.readers.has(id)) return refuse(`There is a subscription "${id}" already`);
    if (connection.readers.size >= bounds.maxSubscriptions)
      return refuse(`A connection has at most ${bounds.maxSubscriptions} subscriptions`);
    const log = live.logs.get(query);
    if (log === undefined) return refuse(`There is no query "${query}"`);
    const unknown = Object.keys(keys).find((name) => log.columns.every((column) => column.name !== name));
    if (unknown !== undefined) return refuse(`The query "${query}" has no column "${unknown}"`);
    const reader = openReader(live, query, { filter: keys, resume });
    if (reader === undefined) return;
    connection.readers.set(id, reader);
    const { mode, key, columns } = log;
    tell(connection, { type: "subscribed", id, topic: reader.topic.id, query, mode, key, columns });
    flushSoon();
  }

  function unsubscribe(connection: Connection, id: string): void {
    const reader = connection.readers.get(id);
    if (reader === undefined)
      return tell(connection, { type: "error", id, message: `No subscription "${id}"` });
    reader.close();
    connection.readers.delete(id);
    tell(connection, { type: "unsubscribed", id });
  }

  function leave(connection: Connection): void {
    for (const reader of connection.readers.values()) reader.close();
    connection.readers.clear();
    connections.delete(connection);
  }

  const stopListening = live.listen(flushSoon);
  return {
    get connections() {
      return connections.size;
    },
    get lagging() {
      return [...connections].filter(({ isLagging }) => isLagging).length;
    },
    get bufferedBytes() {
      return [...connections].reduce((sum, { peer }) => sum + peer.bufferedBytes(), 0);
    },
    connect() {
      let connection: Connection | undefined;
      return {
        opened(peer) {
          if (connections.size >= bounds.maxConnections)
            return peer.close(CLOSE_TOO_MANY, "Too many connections");
          const inboundSinceMs = clock.monotonicMs();
          connection = {
            peer,
            readers: new Map(),
            isLagging: false,
            hasToldEnd: false,
            inbound: 0,
            inboundSinceMs,
          };
          connections.add(connection);
          const { instance } = live;
          tell(connection, { type: "hello", version: SOCKET_VERSION, instance, heartbeatMs: HEARTBEAT_MS });
          tellEnd(connection);
        },
        received: (text) => connection && connections.has(connection) && take(connection, text),
        closed: () => connection && leave(connection),
      };
    },
    heartbeat() {
      const text = writeExactJson({ type: "alive", nowMs: clock.nowMs() } satisfies SocketMessage);
      for (const { peer } of connections)
        if (peer.bufferedBytes() <= bounds.maxBufferedBytes) peer.send(text);
    },
    isFlushed: () =>
      [...connections].every(({ peer, isLagging }) => !isLagging && peer.bufferedBytes() === 0),
    close() {
      stopListening();
      clearTimeout(timer);
      for (const connection of connections) {
        connection.peer.cut();
        leave(connection);
      }
    },
  };
}
