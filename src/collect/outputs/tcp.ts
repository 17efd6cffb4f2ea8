/**
 * Lines over a TCP connection, as netcat takes them. The protocol acknowledges nothing: what was in the
 * network when the other side went away is lost.
 */

import { connect, type Socket } from "node:net";
import { z } from "zod";
import type { Clock } from "../../base/clock.ts";
import { messageOf, StreamkitError } from "../../base/error.ts";
import { bytesOf, type Output, type OutputKind } from "./output.ts";

const options = z.strictObject({
  host: z.string().min(1).describe("name or address"),
  port: z.int().min(1).max(65_535).describe("port"),
});

export const tcpOutput: OutputKind<z.infer<typeof options>> = {
  name: "tcp",
  summary: "lines over a TCP connection; URL `tcp://HOST:PORT`",
  options,
  fromUrl: hostAndPort,
  open: async (address, { clock }) => openConnection(address, clock),
};

const CONNECT_TIMEOUT_MS = 10_000;
/** The other side may take its time to read, or never end its half of the connection. */
const CLOSE_TIMEOUT_MS = 1000;

function hostAndPort(url: string): { host: string; port: number } | undefined {
  const found = /^tcp:\/\/(\[[^\]]+\]|[^:/]+):(\d+)\/?$/.exec(url);
  if (found !== null) return { host: (found[1] ?? "").replaceAll(/[[\]]/g, ""), port: Number(found[2]) };
  if (!url.startsWith("tcp:")) return undefined;
  throw new StreamkitError("usage", `tcp://HOST:PORT is expected, found "${url}"`);
}

async function openConnection({ host, port }: { host: string; port: number }, clock: Clock): Promise<Output> {
  const name = `tcp://${host}:${port}`;
  let socket: Socket | undefined;
  return {
    name,
    async deliver(blocks) {
      socket = socket?.writable === true ? socket : await connected(host, port);
      try {
        await written(socket, bytesOf(blocks));
      } catch (error) {
        socket.destroy();
        throw new StreamkitError("io", `Cannot write to ${name}: ${messageOf(error)}`, { cause: error });
      }
    },
    sync: async () => undefined,
    async close() {
      if (socket === undefined || socket.destroyed) return;
      const closed = new AbortController();
      socket.once("close", () => closed.abort());
      socket.end();
      socket.resume();
      await clock.sleep(CLOSE_TIMEOUT_MS, closed.signal);
      socket.destroy();
    },
  };
}

function connected(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const fail = (reason: string): void => {
      socket.destroy();
      reject(new StreamkitError("io", `Cannot connect to ${host}:${port}: ${reason}`));
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => fail("no answer"));
    socket.once("error", (error) => fail(error.message));
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.removeAllListeners("error");
      // A write that follows is told of it.
      socket.on("error", () => socket.destroy());
      // What the other side says is not listened to; that it goes away is.
      socket.on("end", () => socket.destroy());
      socket.resume();
      resolve(socket);
    });
  });
}

function written(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error("the connection was closed"));
    socket.once("close", fail);
    socket.write(bytes, (error) => {
      socket.removeListener("close", fail);
      if (error) reject(error);
      else resolve();
    });
  });
}
