/**
 * A UDP server that puts datagrams into an intake, an event each. UDP can't be pushed back: what comes while
 * the intake waits is kept up to a bound, and then dropped, counted and said.
 */

import { createSocket } from "node:dgram";
import { logger } from "../../base/log.ts";
import { counted } from "../../base/units.ts";
import type { EventBlock } from "../../tail/block.ts";
import type { Intake } from "../intake.ts";
import { type Address, urlOf } from "./address.ts";
import { type Events, oneLine } from "./frames.ts";
import type { Input, InputContext } from "./input.ts";
import { listenFailure } from "./stream-server.ts";

const MAX_HELD_BYTES = 32 * 1024 * 1024;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const BLOCK_BYTES = 1024 * 1024;
const FLUSH_MS = 1000;

export async function serveDatagrams(
  scheme: string,
  address: Address,
  blocksOf: (events: Events, peer: string) => readonly EventBlock[],
  intake: Intake,
  { clock, name }: Pick<InputContext, "clock" | "name">,
): Promise<Input> {
  const socket = createSocket({ type: address.host.includes(":") ? "udp6" : "udp4" });
  const queue: { readonly line: Buffer; readonly peer: string }[] = [];
  const closed = new AbortController();
  let heldBytes = 0;
  let dropped = 0;
  let isPutting: Promise<void> | undefined;
  let flushedAtMs = clock.monotonicMs();
  let fail: (error: unknown) => void = () => {};
  const done = new Promise<void>((resolve, reject) => {
    fail = reject;
    closed.signal.addEventListener("abort", () => resolve());
  });
  done.catch(() => {});

  /** Datagrams of one peer that follow each other go together. */
  async function putAll(): Promise<void> {
    while (queue[0] !== undefined) {
      const { peer } = queue[0];
      const lines: Buffer[] = [];
      let sizeBytes = 0;
      while (queue[0]?.peer === peer && sizeBytes < BLOCK_BYTES) {
        const { line } = queue.shift() as (typeof queue)[number];
        lines.push(line);
        sizeBytes += line.length;
      }
      for (const block of blocksOf({ bytes: Buffer.concat(lines), events: lines.length }, peer))
        await intake.put(block);
      heldBytes -= sizeBytes;
      if (clock.monotonicMs() - flushedAtMs >= FLUSH_MS) {
        await intake.flush();
        flushedAtMs = clock.monotonicMs();
      }
    }
  }

  socket.on("message", (message, { address: peer }) => {
    const line = oneLine(message);
    if (line.length === 1) return;
    if (heldBytes + line.length > MAX_HELD_BYTES) {
      dropped += 1;
      if (dropped === 1)
        logger("collect").warn(`${name}: datagrams come faster than they are taken: some are dropped`);
      return;
    }
    queue.push({ line, peer });
    heldBytes += line.length;
    isPutting ??= putAll()
      .catch(fail)
      .finally(() => {
        isPutting = undefined;
      });
  });

  const port = await new Promise<number>((resolve, reject) => {
    socket.once("error", (error) => reject(listenFailure(urlOf(scheme, address), error)));
    socket.bind(address.port, address.host, () => {
      try {
        socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
      } catch {
        // The system's own size will do.
      }
      resolve(socket.address().port);
    });
  });
  return {
    done,
    address: urlOf(scheme, { ...address, port }),
    async close() {
      if (closed.signal.aborted) return;
      socket.close();
      await isPutting;
      if (dropped > 0) logger("collect").warn(`${name}: ${counted(dropped, "datagram")} were dropped`);
      closed.abort();
    },
  };
}
