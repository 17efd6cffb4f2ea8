/** Clients of receivers, as the world has them. */

import { createSocket } from "node:dgram";
import { connect } from "node:net";

/** Sends all of it, waits until the other side has ended, and returns what it said. */
export function sendTcp(url: URL, parts: readonly (string | Uint8Array)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect({ host: url.hostname, port: Number(url.port) }, () => {
      const next = (index: number): void => {
        const part = parts[index];
        if (part === undefined) socket.end();
        else socket.write(part, () => setImmediate(() => next(index + 1)));
      };
      next(0);
    });
    socket.on("data", (bytes) => {
      answer += bytes.toString();
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(answer));
  });
}

export async function sendUdp(url: URL, datagrams: readonly string[]): Promise<void> {
  const socket = createSocket("udp4");
  for (const text of datagrams)
    await new Promise<void>((resolve, reject) => {
      socket.send(text, Number(url.port), url.hostname, (error) => (error ? reject(error) : resolve()));
    });
  socket.close();
}
