/** What comes over UDP is safe soon after, and a socket that fails is said. */

import { expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/error.ts";
import type { EventWriter } from "../../src/collect/event-writer.ts";
import { serveDatagrams } from "../../src/collect/inputs/datagrams.ts";
import type { Input } from "../../src/collect/inputs/input.ts";
import { until, within } from "../support/until.ts";
import { sendUdp } from "./senders.ts";

function serve(intake: EventWriter, open?: typeof createSocket): Promise<Input> {
  const context = { clock: systemClock, name: "in" };
  return serveDatagrams(
    "udp",
    { host: "127.0.0.1", port: 0 },
    (events) => [{ ...events, headers: {} }],
    intake,
    context,
    open,
  );
}

test("the last datagrams of a burst are synced though no others come", async () => {
  let put = 0;
  let synced = 0;
  const input = await serve({
    async put({ events }) {
      put += events;
    },
    async flush() {
      synced = put;
    },
    hasRoom: () => true,
  });
  const url = new URL(input.address ?? "");
  for (const total of [3, 6]) {
    await sendUdp(url, ["a", "b", "c"]);
    await until(
      () => `${total} datagrams are synced: ${put} were put, ${synced} are`,
      () => synced === total,
    );
  }
  await input.close();
  await input.done;
});

test("a socket that fails ends the input with words, and not the process", async () => {
  let socket: Socket | undefined;
  const open = ((options: Parameters<typeof createSocket>[0]) => {
    socket = createSocket(options);
    return socket;
  }) as typeof createSocket;
  const input = await serve({ put: async () => {}, flush: async () => {}, hasRoom: () => true }, open);
  const failure = input.done.then(() => "ended", messageOf);
  socket?.emit("error", new Error("recvmsg ENOBUFS"));
  expect(await within("the failure", failure)).toMatch(
    /^Cannot receive at udp:\/\/127\.0\.0\.1:\d+ any more: .*ENOBUFS/,
  );
  await input.close();
});
