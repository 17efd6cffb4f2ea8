/**
 * A UDP server that puts datagrams into an intake, an event each. UDP can't be pushed back: what comes while
 * the intake waits is kept up to a bound, and then dropped, counted and said.
 */

import { createSocket, type Socket } from "node:dgram";
import { messageOf, StreamkitError } from "../../base/error.ts";
import { logger } from "../../base/log.ts";
import { counted } from "../../base/units.ts";
import type { EventBlock } from "../../tail/block.ts";
import type { EventWriter } from "../event-writer.ts";
import { type Address, urlOf, warnOfStrangers } from "./address.ts";
import { startFlushTimer } from "./flush-timer.ts";
import { type Events, oneLine } from "./frames.ts";
import type { Input, InputContext } from "./input.ts";
import { listenFailure } from "./stream-server.ts";

const MAX_HELD_BYTES = 32 * 1024 * 1024;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const BLOCK_BYTES = 1024 * 1024;
/** What one that waits costs beside its bytes, roughly. */
const HELD_OVERHEAD_BYTES = 128;

export async function serveDatagrams(
  scheme: string,
  address: Address,
  blocksOf: (events: Events, peer: string) => readonly EventBlock[],
  intake: EventWriter,
  { clock, name }: Pick<InputContext, "clock" | "name">,
  openSocket: typeof createSocket = createSocket,
): Promise<Input> {
  const socket = openSocket({ type: address.host.includes(":") ? "udp6" : "udp4" });
  const queue: { readonly line: Buffer; readonly peer: string }[] = [];
  const closed = new AbortController();
  let heldBytes = 0;
  let dropped = 0;
  let isPutting: Promise<void> | undefined;
  let fail: (error: unknown) => void = () => {};
  const done = new Promise<void>((resolve, reject) => {
    fail = reject;
    closed.signal.addEventListener("abort", () => resolve());
  });
  done.catch(() => {});
  const flushing = startFlushTimer(intake, { clock, stop: closed.signal, fail: (error) => fail(error) });

  /** Datagrams of one peer that follow each other go together. */
  async function putAll(): Promise<void> {
    while (queue[0] !== undefined) {
      const { peer } = queue[0];
      const lines: Buffer[] = [];
      let sizeBytes = 0;
      let takenBytes = 0;
      while (queue[0]?.peer === peer && sizeBytes < BLOCK_BYTES) {
        const { line } = queue.shift() as (typeof queue)[number];
        lines.push(line);
        sizeBytes += line.length;
        takenBytes += line.length + HELD_OVERHEAD_BYTES;
      }
      for (const block of blocksOf({ bytes: Buffer.concat(lines), events: lines.length }, peer))
        await intake.put(block);
      heldBytes -= takenBytes;
      flushing.due();
    }
  }

  socket.on("message", (message, { address: peer }) => {
    const line = oneLine(message);
    if (line.length === 1) return;
    const costBytes = line.length + HELD_OVERHEAD_BYTES;
    if (heldBytes + costBytes > MAX_HELD_BYTES) {
      dropped += 1;
      if (dropped === 1)
        logger("collect").warn(`${name}: datagrams come faster than they are taken: some are dropped`);
      return;
    }
    queue.push({ line, peer });
    heldBytes += costBytes;
    isPutting ??= putAll()
      .catch(fail)
      .finally(() => {
        isPutting = undefined;
      });
  });

  const port = await bound(socket, scheme, address).catch((error: unknown) => {
    closed.abort();
    throw error;
  });
  const where = urlOf(scheme, { ...address, port });
  warnOfStrangers(where, address);
  socket.on("error", (cause) =>
    fail(new StreamkitError("io", `Cannot receive at ${where} any more: ${messageOf(cause)}`, { cause })),
  );
  return {
    done,
    address: where,
    async close() {
      if (closed.signal.aborted) return;
      socket.close();
      await isPutting;
      if (dropped > 0) logger("collect").warn(`${name}: ${counted(dropped, "datagram")} were dropped`);
      closed.abort();
    },
  };
}

/** The port, which the system may have chosen. Throws code `io`. */
function bound(socket: Socket, scheme: string, address: Address): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(listenFailure(urlOf(scheme, address), error));
    socket.once("error", refuse);
    socket.bind(address.port, address.host, () => {
      socket.off("error", refuse);
      try {
        socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
      } catch {
        // The system's own size will do.
      }
      resolve(socket.address().port);
    });
  });
}
