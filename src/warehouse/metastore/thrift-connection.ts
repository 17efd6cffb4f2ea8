/** One connection to a Thrift server: a call at a time, each with a bound in time. */

import { connect as connectTcp, type Socket } from "node:net";
import { messageOf, StreamkitError } from "../../base/error.ts";
import {
  CALL,
  decodeMessage,
  EXCEPTION,
  encodeMessage,
  type Message,
  struct,
  structOf,
  type Thrift,
  textOf,
} from "./thrift-binary.ts";

export interface ThriftConnection {
  /** The fields of the answer: 0 is the result, others are what was thrown. Fails with code `io`. */
  call(method: string, fields: Readonly<Record<number, Thrift>>): Promise<Readonly<Record<number, Thrift>>>;
  /** False after a failure: another connection is needed. */
  isOpen(): boolean;
  close(): void;
}

export interface ThriftAddress {
  readonly host: string;
  readonly port: number;
}

/** Throws code `io`, retryable, where it can't be reached in time. */
export async function connectThrift(
  { host, port }: ThriftAddress,
  timeoutMs: number,
): Promise<ThriftConnection> {
  const place = `${host}:${port}`;
  const socket = await opened(host, port, timeoutMs);
  let sequence = 0;
  let received: Buffer = Buffer.alloc(0);
  let waiting: { readonly take: () => void; readonly fail: (reason: string) => void } | undefined;
  let isOpen = true;
  const end = (reason: string): void => {
    isOpen = false;
    socket.destroy();
    waiting?.fail(reason);
  };
  socket.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    waiting?.take();
  });
  socket.on("error", (error) => end(error.message));
  socket.on("close", () => end("it closed the connection"));

  const answer = (): Promise<Message> =>
    new Promise((resolve, reject) => {
      const settle = (action: () => void): void => {
        clearTimeout(timer);
        waiting = undefined;
        action();
      };
      const fail = (reason: string): void => settle(() => reject(unreachable(place, reason)));
      const timer = setTimeout(() => end(`no answer in ${timeoutMs} ms`), timeoutMs);
      const take = (): void => {
        try {
          const message = decodeMessage(received);
          if (message === undefined) return;
          received = Buffer.alloc(0);
          settle(() => resolve(message));
        } catch (error) {
          isOpen = false;
          socket.destroy();
          settle(() => reject(new StreamkitError("io", `${place}: ${messageOf(error)}`, { cause: error })));
        }
      };
      waiting = { take, fail };
    });

  return {
    async call(method, fields) {
      sequence += 1;
      const answered = answer();
      socket.write(encodeMessage({ name: method, kind: CALL, sequence, body: struct(fields) }));
      const message = await answered;
      if (message.kind === EXCEPTION)
        throw new StreamkitError("io", `The metastore refused ${method}: ${textOf(message.body.fields[1])}`);
      if (message.name !== method || message.sequence !== sequence) {
        end("its answers are out of order");
        throw unreachable(place, "its answers are out of order");
      }
      return structOf(message.body);
    },
    isOpen: () => isOpen,
    close: () => end("it was closed"),
  };
}

function unreachable(place: string, reason: string): StreamkitError {
  return new StreamkitError("io", `The metastore at ${place} can't be reached: ${reason}`, {
    retryable: true,
  });
}

function opened(host: string, port: number, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port });
    const fail = (reason: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(unreachable(`${host}:${port}`, reason));
    };
    const timer = setTimeout(() => fail(`no connection in ${timeoutMs} ms`), timeoutMs);
    socket.once("error", (error) => fail(error.message || "the connection failed"));
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}
