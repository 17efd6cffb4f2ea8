/** Bodies of POSTs that are slow, many, large or bombs: they are refused, and are not in others' way. */

import { describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { ReadableStream } from "node:stream/web";
import { gzipSync } from "node:zlib";
import { messageOf } from "../../src/base/error.ts";
import { readBody, sharedRoom } from "../../src/collect/inputs/body.ts";
import { freePorts } from "../services/ports.ts";
import { emptyFolder } from "../support/binary.ts";
import { until, within } from "../support/until.ts";
import { startPipeline } from "./pipelines.ts";
import { startPipelineProgram } from "./program.ts";

interface SlowSender extends Disposable {
  readonly socket: Socket;
  answer(): string;
}

/** Has sent the head of a POST and a part of its body, and sends no more. */
async function slowSender(
  url: URL,
  part: string | Uint8Array,
  lengthBytes = 10_000_000,
): Promise<SlowSender> {
  const socket = connect({ host: url.hostname, port: Number(url.port) });
  let answer = "";
  socket.on("error", () => {});
  socket.on("data", (bytes) => {
    answer += bytes.toString();
  });
  const head = `POST ${url.pathname} HTTP/1.1\r\nhost: x\r\ncontent-length: ${lengthBytes}\r\n\r\n`;
  const sent = new Promise<void>((resolve) => {
    socket.write(head);
    socket.write(part, () => resolve());
  });
  await within("a part of a body is sent", sent);
  return { socket, answer: () => answer, [Symbol.dispose]: () => void socket.destroy() };
}

const post = (url: URL, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Response> =>
  within("an answer", fetch(url, { method: "POST", body: new Uint8Array(Buffer.from(body)), headers }));

const input = (options: object, sink = "file:out") => ({
  sources: { in: { from: { http: { listen: "127.0.0.1:0", ...options } } } },
  sinks: [{ to: sink }],
});

test("those who are slow do not take the place of others", async () => {
  using folder = emptyFolder();
  await using running = startPipeline(input({ max_waiting: 2 }), folder.path);
  const url = await running.address("in");
  using slow = new DisposableStack();
  for (let sender = 0; sender < 5; sender += 1) slow.use(await slowSender(url, "abc"));
  expect((await post(url, "in time\n")).status).toBe(200);
});

test("those whose events wait for a receiver have a place each, and keep it", async () => {
  using folder = emptyFolder();
  const [port = 0] = await freePorts(1);
  await using running = startPipeline(input({ max_waiting: 2 }, `tcp://127.0.0.1:${port}`), folder.path);
  const url = await running.address("in");
  const send = (body: string) => fetch(url, { method: "POST", body }).then(({ status }) => status, messageOf);
  const waiting = [send("a\n"), send("b\n")];
  await until("a third one is refused", async () => (await post(url, "")).status === 503);
  const refused = await post(url, "c\n");
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  await running.stop();
  await Promise.all(waiting);
});

test("all bodies together have so many bytes", async () => {
  using folder = emptyFolder();
  await using running = startPipeline(input({ max_waiting_bytes: 1_000_000 }), folder.path);
  const url = await running.address("in");
  const large = "x".repeat(299_999).concat("\n");
  expect((await post(url, large)).status).toBe(200);
  {
    using holders = new DisposableStack();
    let holder: SlowSender | undefined;
    await until("a large one is refused", async () => {
      // What it holds may itself be too much while another one is there.
      if (holder?.answer() !== "") holder = holders.use(await slowSender(url, "x".repeat(900_000)));
      return (await post(url, large)).status === 503;
    });
    expect((await post(url, "small\n")).status).toBe(200);
    expect((await post(url, gzipSync(large), { "content-encoding": "gzip" })).status).toBe(503);
  }
  await until("a large one is taken", async () => (await post(url, large)).status === 200);
});

describe.each(["Bun's binary", "Deno"] as const)("in %s", (runtime) => {
  test("a body that does not come in time is answered 408", async () => {
    using folder = emptyFolder();
    await using running = await startPipelineProgram(runtime, input({ body_timeout: "300ms" }), folder.path);
    const url = await running.address("in");
    using sender = await slowSender(url, "abc");
    await until(
      () => `408: ${sender.answer()}`,
      () => sender.answer().includes("the body did not come within 300ms"),
    );
    expect(sender.answer()).toStartWith("HTTP/1.1 408");
    // Deno 2.9 keeps a connection whose body is not there, whatever the answer says.
    if (runtime === "Bun's binary")
      await until("the connection ends", () => sender.socket.destroyed || sender.socket.readableEnded);
    expect((await post(url, "in time\n")).status).toBe(200);
  });

  test("a bomb is refused", async () => {
    using folder = emptyFolder();
    await using running = await startPipelineProgram(runtime, input({ max_body: 1_000_000 }), folder.path);
    const url = await running.address("in");
    const bomb = gzipSync(Buffer.alloc(200_000_000));
    expect((await post(url, bomb, { "content-encoding": "gzip" })).status).toBe(413);
    expect((await post(url, gzipSync("good\n"), { "content-encoding": "gzip" })).status).toBe(200);
  });
});

test("a bomb is cut while it is inflated, not after", async () => {
  const bomb = gzipSync(Buffer.alloc(500_000_000));
  const chunkBytes = 4096;
  let given = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (given >= bomb.length) return controller.close();
        controller.enqueue(new Uint8Array(bomb.subarray(given, given + chunkBytes)));
        given += chunkBytes;
      },
    },
    { highWaterMark: 0 },
  );
  const roomOfOne = sharedRoom(1e9);
  const stop = new AbortController().signal;
  const read = await readBody(body, { isGzip: true, maxBytes: 4_000_000, share: roomOfOne(), stop });
  expect(read).toBe("too_large");
  // A stream's own buffers lie before the inflated bytes.
  expect(given).toBeLessThan(bomb.length / 2);
});

test("what is sent is bounded too where it inflates to nothing", async () => {
  const empty = gzipSync("");
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(Buffer.concat(Array(100).fill(empty)))),
  });
  const share = sharedRoom(1e9)();
  const read = readBody(body, { isGzip: true, maxBytes: 1e6, share, stop: new AbortController().signal });
  expect(await within("a refusal", read)).toBe("too_large");
});
