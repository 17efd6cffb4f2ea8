/** Lines over TCP, as netcat sends them. */

import { z } from "zod";
import { checkedAddress, listenField, listenOf } from "./address.ts";
import { lineFraming } from "./frames.ts";
import type { InputKind } from "./input.ts";
import { serveStreams } from "./stream-server.ts";
import { keysOf, tlsField } from "./tls.ts";

const options = z.strictObject({
  listen: listenField,
  max_line: z.int().min(1).default(1_048_576).describe("a longer line is cut there, in bytes"),
  max_connections: z.int().min(1).default(1000).describe("more are refused"),
  tls: tlsField,
  answer_ok: z
    .boolean()
    .default(false)
    .describe("answer `OK` for each line when it is safe, as Flume's netcat source does"),
});

export const tcpInput: InputKind<z.infer<typeof options>> = {
  name: "tcp",
  summary: "lines over TCP connections; URL `tcp://HOST:PORT`, which is listened at",
  options,
  listens: true,
  fromUrl(url) {
    const listen = listenOf(url, "tcp");
    return listen === undefined ? undefined : { listen };
  },
  open: (given, intake, context) =>
    serveStreams(
      {
        scheme: "tcp",
        address: checkedAddress(given.listen),
        maxConnections: given.max_connections,
        tls: keysOf(given.tls, context.baseFolder),
        framing: () => lineFraming(given.max_line),
        blocksOf: (events, peer) => [{ ...events, headers: { peer } }],
        acknowledgement: given.answer_ok ? "OK\n" : undefined,
      },
      intake,
      context,
    ),
};
