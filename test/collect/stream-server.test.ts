/** Connections to receivers over TCP whose other side ends before we have come to it. */

import { expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { lineFraming } from "../../src/collect/inputs/frames.ts";
import { serveStreams } from "../../src/collect/inputs/stream-server.ts";
import { until, within } from "../support/until.ts";
import { sendTcp } from "./senders.ts";

for (const lines of [1, 10, 20_000])
  test(`a sender of ${lines} lines that ends while the first waits for room is read to its end`, async () => {
    const room = Promise.withResolvers<void>();
    let puts = 0;
    let events = 0;
    const input = await serveStreams(
      {
        scheme: "tcp",
        address: { host: "127.0.0.1", port: 0 },
        maxConnections: 10,
        framing: () => lineFraming(1e6),
        blocksOf: (taken) => [{ ...taken, headers: {} }],
        acknowledgement: "OK\n",
      },
      {
        async put(block) {
          puts += 1;
          await room.promise;
          events += block.events;
        },
        flush: async () => {},
        hasRoom: () => true,
      },
      { clock: systemClock, name: "in" },
    );
    const text = Array.from({ length: lines }, (_, line) => `${line} ${"x".repeat(100)}\n`).join("");
    const sending = sendTcp(new URL(input.address ?? ""), [
      text.slice(0, 200),
      text.slice(200),
      "half a line",
    ]);
    await until("the first one waits", () => puts === 1);
    room.resolve();
    expect(await sending).toBe("OK\n".repeat(lines + 1));
    expect(events).toBe(lines + 1);
    await within("its end", input.close());
    await within("that it has ended", input.done);
  });
