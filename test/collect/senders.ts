/** Clients of receivers, as the world has them. */

import { createSocket } from "node:dgram";
import { Socket } from "node:net";
import { within } from "../support/until.ts";

/**
 * Sends all of it, waits until the other side has ended, and returns what it said. `known` is asked for what
 * else is to be told where that takes too long.
 */
export async function sendTcp(
  url: URL,
  parts: readonly (string | Uint8Array)[],
  known: () => string = () => "",
): Promise<string> {
  let answer = "";
  let reached = "nothing";
  const socket = new Socket();
  const ended = new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("close", () => resolve());
    socket.on("end", () => {
      reached = "the other side's end";
    });
    socket.on("data", (bytes) => {
      answer += bytes.toString();
    });
    socket.connect({ host: url.hostname, port: Number(url.port) }, () => {
      const next = (index: number): void => {
        const part = parts[index];
        reached = part === undefined ? "our end" : `part ${index + 1} of ${parts.length}`;
        if (part === undefined) socket.end();
        else socket.write(part, () => setImmediate(() => next(index + 1)));
      };
      next(0);
    });
  });
  try {
    const inVain = () => `a TCP connection ends: came to ${reached}, was answered "${answer}" ${known()}`;
    await within(inVain, ended);
    return answer;
  } finally {
    socket.destroy();
  }
}

export async function sendUdp(url: URL, datagrams: readonly string[]): Promise<void> {
  const socket = createSocket("udp4");
  const send = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      socket.send(text, Number(url.port), url.hostname, (error) => (error ? reject(error) : resolve()));
    });
  try {
    for (const text of datagrams) await within(`a datagram is sent to ${url.host}`, send(text));
  } finally {
    socket.close();
  }
}
