/**
 * POSTs of lines, NDJSON and JSON arrays. A request is answered 200 when its events are safe; 503 with
 * Retry-After when there is no room for them, so that the client keeps them.
 */

import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { z } from "zod";
import { messageOf, StreamkitError } from "../../base/error.ts";
import { serveHttp } from "../../runtime/http.ts";
import type { EventBlock } from "../../tail/block.ts";
import type { Intake } from "../intake.ts";
import { checkedAddress, listenField, listenOf } from "./address.ts";
import { countLines } from "./frames.ts";
import type { InputKind } from "./input.ts";
import { flumeEvents, jsonLines } from "./json-batch.ts";

const unzipped = promisify(gunzip);

const options = z.strictObject({
  listen: listenField,
  path: z
    .string()
    .regex(/^(?:\/.*|\*)$/, "must begin with /, or be *")
    .default("/")
    .describe("where POSTs go; `*` is any path"),
  max_body: z.int().min(1).default(33_554_432).describe("more bytes are refused with 413, also after gunzip"),
  max_waiting: z
    .int()
    .min(1)
    .default(256)
    .describe("requests whose events are not safe yet; with more, 503 is answered"),
  token: z
    .string()
    .min(1)
    .optional()
    .describe("asked for as `Authorization: Bearer …`: take it from ${NAME}"),
  flume: z.boolean().default(false).describe("JSON arrays are Flume's events with `headers` and `body`"),
});
type Options = z.infer<typeof options>;

export const httpInput: InputKind<Options> = {
  name: "http",
  summary: "POSTs of lines, NDJSON or JSON arrays; URL `http://HOST:PORT/PATH`, which is listened at",
  options,
  listens: true,
  fromUrl(url) {
    const found = /^http:\/\/([^/]+)(\/.*)?$/.exec(url);
    if (found === null) return undefined;
    return { listen: listenOf(`http://${found[1] ?? ""}`, "http"), path: found[2] ?? "/" };
  },
  async open(given, intake, { clock }) {
    const { host, port } = checkedAddress(given.listen);
    let waiting = 0;
    const closed = new AbortController();
    let fail: (error: unknown) => void = () => {};
    const done = new Promise<void>((resolve, reject) => {
      fail = reject;
      closed.signal.addEventListener("abort", () => resolve());
    });
    done.catch(() => {});

    const take = async (request: Request): Promise<Response> => {
      const refusal = refusalOf(request, given);
      if (refusal !== undefined) return refusal;
      if (closed.signal.aborted || waiting >= given.max_waiting || !intake.hasRoom()) return busy();
      waiting += 1;
      try {
        const blocks = await blocksOf(request, given);
        if (blocks instanceof Response) return blocks;
        const isSafe = await withinTime(safely(blocks, intake));
        if (!isSafe) return busy();
        const events = blocks.reduce((sum, block) => sum + block.events, 0);
        return Response.json({ events });
      } catch (error) {
        if (!(error instanceof StreamkitError && error.code === "stopped")) fail(error);
        return busy();
      } finally {
        waiting -= 1;
      }
    };
    /** Events that were put stay put: they may come twice when the client tries again. */
    const withinTime = async (safe: Promise<void>): Promise<boolean> => {
      const over = new AbortController();
      const isDone = await Promise.race([
        safe.then(() => true),
        clock.sleep(ANSWER_MS, over.signal).then(() => false),
      ]);
      over.abort();
      return isDone;
    };

    const server = await serveHttp({
      host,
      port,
      fetch: take,
      upgrade: () => answer(400, "no WebSocket here"),
    });
    return {
      done,
      address: `http://${host.includes(":") ? `[${host}]` : host}:${server.port}${given.path === "*" ? "/" : given.path}`,
      async close() {
        if (closed.signal.aborted) return;
        closed.abort();
        // Answers that are due are given: their events are safe.
        for (let tries = 0; tries < CLOSE_TRIES; tries += 1) {
          if (waiting === 0) break;
          await clock.sleep(CLOSE_PAUSE_MS);
        }
        await server.close();
      },
    };
  },
};

/** A client should not wait longer. */
const ANSWER_MS = 30_000;
const CLOSE_PAUSE_MS = 10;
const CLOSE_TRIES = 200;

async function safely(blocks: readonly EventBlock[], intake: Intake): Promise<void> {
  for (const block of blocks) await intake.put(block);
  await intake.flush();
}

function busy(): Response {
  return answer(503, "no room now: try again", { "retry-after": "1" });
}

function answer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${text}\n`, { status, headers });
}

function refusalOf(request: Request, { path, token, max_body: maxBody }: Options): Response | undefined {
  if (path !== "*" && new URL(request.url).pathname !== path) return answer(404, `POST to ${path}`);
  if (request.method !== "POST") return answer(405, `POST to ${path}`, { allow: "POST" });
  if (token !== undefined && request.headers.get("authorization") !== `Bearer ${token}`)
    return answer(401, "a token is needed", { "www-authenticate": "Bearer" });
  if (Number(request.headers.get("content-length") ?? 0) > maxBody) return tooLarge(maxBody);
  return undefined;
}

function tooLarge(maxBytes: number): Response {
  return answer(413, `a request has at most ${maxBytes} bytes`);
}

/** The events of a request, or why there are none. */
async function blocksOf(request: Request, given: Options): Promise<readonly EventBlock[] | Response> {
  const { max_body: maxBody } = given;
  let body = await bodyOf(request, maxBody).catch(() => answer(400, "the body broke off"));
  if (body instanceof Response) return body;
  if (body === undefined) return tooLarge(maxBody);
  const encoding = request.headers.get("content-encoding")?.toLowerCase() ?? "identity";
  if (encoding === "gzip" || encoding === "x-gzip") {
    try {
      body = await unzipped(body, { maxOutputLength: maxBody });
    } catch (error) {
      const { code } = error as { code?: string };
      return code === "ERR_BUFFER_TOO_LARGE" ? tooLarge(maxBody) : answer(400, "the body is no gzip");
    }
  } else if (encoding !== "identity") return answer(415, `Content-Encoding ${encoding}: only gzip is taken`);
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json" && !given.flume) return linesBlock(body);
  try {
    const text = body.toString("utf8");
    const events = given.flume ? flumeEvents(text) : undefined;
    if (events !== undefined) return events;
    if (given.flume) return answer(400, '[{"headers": {…}, "body": "…"}] is expected');
    return linesBlock(Buffer.from(jsonLines(text).join("\n")));
  } catch (error) {
    return answer(400, `the body is no JSON: ${messageOf(error)}`);
  }
}

function linesBlock(body: Buffer): EventBlock[] {
  if (body.length === 0) return [];
  const bytes = body.at(-1) === 10 ? body : Buffer.concat([body, Buffer.of(10)]);
  return [{ bytes, events: countLines(bytes), headers: {} }];
}

/** Undefined where it is longer than it may be, which its head need not say. */
async function bodyOf(request: Request, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of request.body ?? []) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
