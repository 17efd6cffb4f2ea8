/**
 * The end of a pipeline at SIGTERM, in Bun and in Deno, while somebody on the other side of a connection
 * neither speaks nor goes away.
 */

import { describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { freePorts } from "../services/ports.ts";
import { smallDisk } from "../services/small-disk.ts";
import { emptyFolder } from "../support/binary.ts";
import { until, within } from "../support/until.ts";
import { startPipeline } from "./pipelines.ts";
import { startPipelineProgram } from "./program.ts";

/** Outputs may go on for 5 s, and whatever is under way then has 2 s more. */
const LONGEST_END_MS = 12_000;

const LINES = "x".repeat(999).concat("\n").repeat(20_000);
const TCP = { from: { tcp: { listen: "127.0.0.1:0", answer_ok: true } } };

interface Scene {
  /** Where the pipeline writes; `server` says nothing and never ends a connection. */
  readonly to: (server: string) => string;
  readonly from: object;
  readonly channel?: object;
  /** Whether the server goes on reading after the first it was sent. */
  readonly reads?: true;
  /** What is sent to the input and then left open. */
  readonly sends: string;
  /** True when SIGTERM may come: what is to be in its way is there. */
  readonly isSet: (seen: { readonly received: number }) => boolean;
}

const SCENES: Readonly<Record<string, Scene>> = {
  "a POST whose body does not end": {
    from: { from: "http://127.0.0.1:0/in" },
    to: () => "file:out",
    sends: "POST /in HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc",
    isSet: () => true,
  },
  "a POST whose head does not end": {
    from: { from: "http://127.0.0.1:0/in" },
    to: () => "file:out",
    sends: "POST /in HTTP/1.1\r\nhost: x\r\n",
    isSet: () => true,
  },
  "a client that keeps its connection": {
    from: { from: "http://127.0.0.1:0/in" },
    to: (server) => `tcp://${server}`,
    reads: true,
    sends: "POST /in HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\na\n",
    isSet: ({ received }) => received === 2,
  },
  "a sender in the middle of a line": {
    from: TCP,
    to: (server) => `tcp://${server}`,
    reads: true,
    sends: "a line\nhalf a line",
    isSet: ({ received }) => received === 7,
  },
  "a receiver that never reads": {
    from: TCP,
    to: (server) => `tcp://${server}`,
    sends: LINES,
    isSet: ({ received }) => received > 0,
  },
  "a receiver that never reads, and a channel in memory that is full": {
    from: TCP,
    channel: { max_bytes: "1MiB" },
    to: (server) => `tcp://${server}`,
    sends: LINES,
    isSet: ({ received }) => received > 0,
  },
  "a server that never answers, and a channel on disk that is full": {
    from: TCP,
    channel: { folder: "channel", max_bytes: "1MiB" },
    to: (server) => `http://${server}/`,
    reads: true,
    sends: LINES,
    isSet: ({ received }) => received > 0,
  },
};

for (const runtime of ["Bun's binary", "Deno"] as const)
  describe(`${runtime} ends though there is`, () => {
    test.each(Object.entries(SCENES))("%s", async (_, { from, channel = {}, to, reads, sends, isSet }) => {
      using folder = emptyFolder();
      await using server = await silentServer(reads === true);
      const pipeline = {
        sources: { in: from },
        channels: { main: channel },
        sinks: [{ to: to(server.address) }],
      };
      await using running = await startPipelineProgram(runtime, pipeline, folder.path);
      const url = await running.address("in");
      const client = await sentAndLeft(url, sends);
      try {
        // A request that comes later and is answered: the one before has been begun.
        if (url.protocol === "http:") await within("a GET is answered", fetch(url));
        await until(running.soFar("what is to be in the way is there"), () => isSet(server));
        expect(await running.end("SIGTERM", LONGEST_END_MS)).toBe(143);
      } finally {
        client.destroy();
      }
    });
  });

test.each(["Bun's binary", "Deno"] as const)("%s ends though its channel's disk is full", async (runtime) => {
  using folder = emptyFolder();
  using _disk = smallDisk(join(folder.path, "disk"), 2);
  await using server = await silentServer(false);
  const pipeline = {
    sources: { in: TCP },
    channels: { main: { folder: "disk/channel" } },
    sinks: [{ to: `tcp://${server.address}` }],
  };
  await using running = await startPipelineProgram(runtime, pipeline, folder.path);
  const client = await sentAndLeft(await running.address("in"), LINES);
  try {
    await until(running.soFar("the disk is full"), () =>
      running.soFar("")().includes("no room is left on the disk"),
    );
    expect(await running.end("SIGTERM", LONGEST_END_MS)).toBe(143);
  } finally {
    client.destroy();
  }
});

test("what is there now is all, and its receiver is away: a signal ends that too", async () => {
  using folder = emptyFolder();
  const [port = 0] = await freePorts(1);
  writeFileSync(join(folder.path, "a.log"), "a line\n");
  const pipeline = {
    sources: { in: { from: "tail:a.log" } },
    channels: { main: { folder: "channel" } },
    sinks: [{ to: `tcp://127.0.0.1:${port}` }],
  };
  let hasEnded = false;
  const running = startPipeline(pipeline, folder.path, { isBounded: true });
  void running.ended.finally(() => {
    hasEnded = true;
  });
  const isRead = (): boolean =>
    readdirSync(folder.path, { recursive: true, encoding: "utf8" }).some((name) =>
      name.endsWith("/positions"),
    );
  await until("its position is kept", isRead);
  expect(hasEnded).toBe(false);
  await within("the end", running.stop(), LONGEST_END_MS);
  // And it is still there for the next one.
  const next = startPipeline({ ...pipeline, sinks: [{ to: "-" }] }, folder.path, { isBounded: true });
  await within("the next one", next.ended);
  expect(next.stdout()).toBe("a line\n");
});

/** A client that has sent all that goes into the network, and waits. */
async function sentAndLeft(url: URL, text: string): Promise<Socket> {
  const socket = connect({ host: url.hostname, port: Number(url.port) });
  socket.on("error", () => {});
  const isConnected = new Promise<void>((resolve) => {
    socket.once("connect", () => resolve());
  });
  await within("a connection", isConnected);
  socket.write(text);
  return socket;
}

interface SilentServer extends AsyncDisposable {
  readonly address: string;
  /** Bytes in all, of what is read. */
  readonly received: number;
}

async function silentServer(reads: boolean): Promise<SilentServer> {
  const open: Socket[] = [];
  let received = 0;
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    open.push(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      received += bytes.length;
      if (!reads) socket.pause();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  const bound = server.address();
  return {
    address: `127.0.0.1:${typeof bound === "object" ? bound?.port : 0}`,
    get received() {
      return received;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
