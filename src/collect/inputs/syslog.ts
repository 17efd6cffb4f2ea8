/** Syslog messages over TCP (RFC 6587: octet counting and lines) and UDP. */

import { z } from "zod";
import { checkedAddress, listenField, listenOf } from "./address.ts";
import { serveDatagrams } from "./datagrams.ts";
import { syslogFraming } from "./frames.ts";
import type { InputKind } from "./input.ts";
import { serveStreams } from "./stream-server.ts";
import { syslogBlocks, syslogEventFields } from "./syslog-events.ts";
import { keysOf, tlsField } from "./tls.ts";

const options = z
  .strictObject({
    listen: listenField,
    protocol: z.enum(["tcp", "udp"]).default("tcp").describe("`tcp` or `udp`"),
    max_message: z.int().min(480).default(65_536).describe("a longer message is cut there, in bytes"),
    max_connections: z.int().min(1).default(1000).describe("over TCP: more are refused"),
    tls: tlsField.describe("over TCP: takes connections with TLS alone (RFC 5425)"),
    ...syslogEventFields,
  })
  .refine(({ protocol, tls }) => protocol === "tcp" || tls === undefined, {
    path: ["tls"],
    message: "goes with protocol tcp alone",
  });

export const syslogInput: InputKind<z.infer<typeof options>> = {
  name: "syslog",
  summary: "syslog messages, a line each; URL `syslog://HOST:PORT` (TCP) or `syslog+udp://HOST:PORT`",
  options,
  listens: true,
  fromUrl(url) {
    const overTcp = listenOf(url, "syslog");
    if (overTcp !== undefined) return { listen: overTcp };
    const overUdp = listenOf(url, "syslog+udp");
    return overUdp === undefined ? undefined : { listen: overUdp, protocol: "udp" };
  },
  open(given, intake, context) {
    const address = checkedAddress(given.listen);
    const blocksOf = syslogBlocks({ ...given, nowMs: () => context.clock.nowMs() });
    if (given.protocol === "udp") return serveDatagrams("syslog+udp", address, blocksOf, intake, context);
    return serveStreams(
      {
        scheme: "syslog",
        address,
        maxConnections: given.max_connections,
        tls: keysOf(given.tls, context.baseFolder),
        framing: () => syslogFraming(given.max_message),
        blocksOf,
      },
      intake,
      context,
    );
  },
};
