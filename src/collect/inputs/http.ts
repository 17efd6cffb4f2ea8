/**
 * POSTs of lines, NDJSON and JSON arrays. A request is answered 200 when its events are safe; 503 with
 * Retry-After when there is no room for them, so that the client keeps them.
 */

import { z } from "zod";
import type { Clock } from "../../base/clock.ts";
import { messageOf, StreamkitError } from "../../base/error.ts";
import { isSameSecret } from "../../base/secret.ts";
import { durationMs } from "../../base/units.ts";
import { type Received, serveReceiver } from "../../runtime/http-receiver.ts";
import type { EventBlock } from "../../tail/block.ts";
import type { EventWriter } from "../event-writer.ts";
import { checkedAddress, listenField, listenOf, urlOf, warnOfStrangers } from "./address.ts";
import { type Fault, readBody, type Share, sharedRoom } from "./body.ts";
import { countLines } from "./frames.ts";
import type { InputKind } from "./input.ts";
import { flumeEvents, jsonLines } from "./json-batch.ts";
import { keysOf, tlsField } from "./tls.ts";

const options = z.strictObject({
  listen: listenField,
  path: z
    .string()
    .regex(/^(?:\/.*|\*)$/, "must begin with /, or be *")
    .default("/")
    .describe("where POSTs go; `*` is any path"),
  max_body: z.int().min(1).default(33_554_432).describe("more bytes are refused with 413, also after gunzip"),
  body_timeout: z
    .string()
    .default("30s")
    .refine((text) => (durationMs(text) ?? 0) > 0, "must be a duration like 30s")
    .describe("how long a body may take to come: then 408 is answered"),
  max_waiting: z
    .int()
    .min(1)
    .default(256)
    .describe("requests that are read and whose events are not safe yet; with more, 503 is answered"),
  max_waiting_bytes: z
    .int()
    .min(1)
    .default(134_217_728)
    .describe("bytes of all requests that are being read or wait; with more, 503 is answered"),
  token: z
    .string()
    .min(1)
    .optional()
    .describe("asked for as `Authorization: Bearer …`: take it from ${NAME}"),
  tls: tlsField,
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
  async open(given, intake, { clock, baseFolder }) {
    const { host, port } = checkedAddress(given.listen);
    const closed = new AbortController();
    let fail: (error: unknown) => void = () => {};
    const done = new Promise<void>((resolve, reject) => {
      fail = reject;
      closed.signal.addEventListener("abort", () => resolve());
    });
    done.catch(() => {});
    const requests = takeRequests(given, intake, clock, (error) => fail(error));
    const server = await serveReceiver({
      host,
      port,
      tls: keysOf(given.tls, baseFolder),
      maxBodyBytes: given.max_body,
      clock,
      take: requests.take,
    });
    const scheme = given.tls === undefined ? "http" : "https";
    const shownPath = given.path === "*" ? "/" : given.path;
    const address = `${urlOf(scheme, { host, port: server.port })}${shownPath}`;
    warnOfStrangers(address, { host, port: server.port }, given.token);
    return {
      done,
      address,
      async close() {
        if (closed.signal.aborted) return;
        closed.abort();
        await requests.end();
        await server.close();
      },
    };
  },
};

/** A client should not wait longer. */
const ANSWER_MS = 30_000;
/** Bodies that come at the same time: they may all be slow. */
const MAX_READING = 4096;
const CLOSE_PAUSE_MS = 10;
const CLOSE_TRIES = 200;

interface Requests {
  take(request: Received): Promise<Response>;
  /** Refuses bodies that are coming. Resolves when answers that are due are given: their events are safe. */
  end(): Promise<void>;
}

function takeRequests(
  given: Options,
  intake: EventWriter,
  clock: Clock,
  fail: (error: unknown) => void,
): Requests {
  const bodyTimeoutMs = durationMs(given.body_timeout) ?? 0;
  const roomOfOne = sharedRoom(given.max_waiting_bytes);
  /** Of bodies that are coming, what stops them: slow ones must not be in the way of others. */
  const reading = new Set<AbortController>();
  /** Requests whose events are not safe yet. */
  let waiting = 0;
  let hasEnded = false;
  const hasRoom = (): boolean => !hasEnded && waiting < given.max_waiting && intake.hasRoom();

  const bodyInTime = async (request: Received, share: Share): Promise<Buffer | Fault> => {
    const stop = new AbortController();
    const ended = new AbortController();
    void clock.sleep(bodyTimeoutMs, ended.signal).then(() => stop.abort());
    reading.add(stop);
    try {
      return await readBody(request.body ?? null, {
        isGzip: encodingOf(request) === "gzip",
        maxBytes: given.max_body,
        share,
        stop: stop.signal,
      });
    } finally {
      reading.delete(stop);
      ended.abort();
    }
  };

  /** Events that were put stay put, and keep their room: they may come twice when the client tries again. */
  const answerWhenSafe = async (blocks: readonly EventBlock[], share: Share): Promise<Response> => {
    waiting += 1;
    const safe = safely(blocks, intake).then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof StreamkitError && error.code === "stopped")) fail(error);
        return false;
      },
    );
    void safe.then(() => {
      share.free();
      waiting -= 1;
    });
    const over = new AbortController();
    const isSafe = await Promise.race([safe, clock.sleep(ANSWER_MS, over.signal).then(() => false)]);
    over.abort();
    return isSafe ? Response.json({ events: eventsIn(blocks) }) : busy();
  };

  return {
    async take(request) {
      const refusal = refusalOf(request, given);
      if (refusal !== undefined) return refusal;
      if (reading.size >= MAX_READING || !hasRoom()) return busy();
      const share = roomOfOne();
      const read = await bodyInTime(request, share);
      const body = read === "stopped" && hasEnded ? "no_room" : read;
      const blocks = typeof body === "string" ? faultAnswer(body, given) : blocksOf(body, request, given);
      if (!(blocks instanceof Response) && hasRoom()) return answerWhenSafe(blocks, share);
      share.free();
      return blocks instanceof Response ? blocks : busy();
    },
    async end() {
      hasEnded = true;
      for (const stop of reading) stop.abort();
      for (let tries = 0; tries < CLOSE_TRIES; tries += 1) {
        if (waiting === 0) break;
        await clock.sleep(CLOSE_PAUSE_MS);
      }
    },
  };
}

async function safely(blocks: readonly EventBlock[], intake: EventWriter): Promise<void> {
  for (const block of blocks) await intake.put(block);
  await intake.flush();
}

function busy(): Response {
  return answer(503, "no room now: try again", { "retry-after": "1" });
}

function answer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${text}\n`, { status, headers });
}

function refusalOf(request: Received, { path, token, max_body: maxBody }: Options): Response | undefined {
  if (path !== "*" && request.path !== path) return answer(404, `POST to ${path}`);
  if (request.method !== "POST") return answer(405, `POST to ${path}`, { allow: "POST" });
  if (token !== undefined && !isSameSecret(request.header("authorization") ?? "", `Bearer ${token}`))
    return answer(401, "a token is needed", { "www-authenticate": "Bearer" });
  if (Number(request.header("content-length") ?? 0) > maxBody) return tooLarge(maxBody);
  const encoding = encodingOf(request);
  if (encoding !== "gzip" && encoding !== "identity")
    return answer(415, `Content-Encoding ${encoding}: only gzip is taken`);
  return undefined;
}

function tooLarge(maxBytes: number): Response {
  return answer(413, `a request has at most ${maxBytes} bytes`);
}

function faultAnswer(fault: Fault, { max_body: maxBytes, body_timeout: timeout }: Options): Response {
  switch (fault) {
    case "too_large":
      return tooLarge(maxBytes);
    case "no_room":
      return busy();
    case "stopped":
      return answer(408, `the body did not come within ${timeout}`, { connection: "close" });
    case "broken":
      return answer(400, "the body broke off");
    case "no_gzip":
      return answer(400, "the body is no gzip");
  }
}

function encodingOf(request: Received): string {
  const encoding = request.header("content-encoding")?.toLowerCase() ?? "identity";
  return encoding === "x-gzip" ? "gzip" : encoding;
}

function eventsIn(blocks: readonly EventBlock[]): number {
  return blocks.reduce((sum, { events }) => sum + events, 0);
}

/** The events of a body, or why there are none. */
function blocksOf(body: Buffer, request: Received, given: Options): readonly EventBlock[] | Response {
  const type = request.header("content-type")?.split(";")[0]?.trim().toLowerCase();
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
