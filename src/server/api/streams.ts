/**
 * A query's rows as an answer that goes on: NDJSON for scripts, server-sent events for pages. The reader's
 * pull asks for the next part, so that a slow one is given the latest rows and holds one part at most.
 */

import type { Clock } from "../../base/clock.ts";
import type { Change } from "../changes/change-log.ts";
import type { LiveQueries } from "../changes/live-queries.ts";
import type { Reader } from "../changes/reader.ts";
import type { Part } from "../changes/topic.ts";
import { HEARTBEAT_MS } from "../protocol.ts";

export interface StreamStyle {
  readonly contentType: string;
  /** Said first. */
  readonly head: string;
  /** Said where nothing else is, so that a silent connection is known to be up. */
  readonly heartbeat: string;
  readonly textOf: (part: Part, isFirst: boolean) => string;
  /** Said last, when the stream of the job has ended. */
  readonly end: string;
}

export interface Streams {
  readonly connections: number;
  /** Undefined where there are too many already. The reader is closed with the stream. */
  open(reader: Reader, style: StreamStyle, gone: AbortSignal): ReadableStream<Uint8Array> | undefined;
  close(): void;
}

const MAX_STREAMS = 1024;

export function openStreams(live: LiveQueries, clock: Clock, maxStreams = MAX_STREAMS): Streams {
  const open = new Set<AbortController>();
  return {
    get connections() {
      return open.size;
    },
    open(reader, style, gone) {
      if (open.size >= maxStreams) return undefined;
      const ended = new AbortController();
      open.add(ended);
      const encoder = new TextEncoder();
      let isFirst = true;
      const finish = (): void => {
        open.delete(ended);
        reader.close();
        ended.abort();
      };
      gone.addEventListener("abort", finish, { once: true });
      if (gone.aborted) finish();
      return new ReadableStream<Uint8Array>(
        {
          start(controller) {
            controller.enqueue(encoder.encode(style.head));
          },
          async pull(controller) {
            const part = await nextPart(reader, live, clock, ended.signal);
            if (part === "over") {
              if (!gone.aborted) controller.enqueue(encoder.encode(style.end));
              controller.close();
              finish();
            } else if (part === "silent") controller.enqueue(encoder.encode(style.heartbeat));
            else {
              controller.enqueue(encoder.encode(style.textOf(part, isFirst)));
              isFirst = false;
            }
          },
          cancel: finish,
        },
        { highWaterMark: 1 },
      );
    },
    close() {
      for (const ended of open) ended.abort();
    },
  };
}

/** Waits for it, a heartbeat long. */
async function nextPart(
  reader: Reader,
  live: LiveQueries,
  clock: Clock,
  ended: AbortSignal,
): Promise<Part | "silent" | "over"> {
  const bell = new AbortController();
  const stopListening = live.listen(() => bell.abort());
  try {
    if (ended.aborted) return "over";
    const part = reader.next();
    if (part !== undefined) return part;
    if (live.hub.state.feed.ended) return "over";
    await clock.sleep(HEARTBEAT_MS, AbortSignal.any([bell.signal, ended]));
    if (ended.aborted) return "over";
    return reader.next() ?? (live.hub.state.feed.ended ? "over" : "silent");
  } finally {
    stopListening();
  }
}

/**
 * Lines as a file sink writes them. A line that is no row has a single name that begins with `_`: rows that
 * were left out, and that everything begins anew.
 */
export const NDJSON: Omit<StreamStyle, "textOf"> = {
  contentType: "application/x-ndjson; charset=utf-8",
  head: "",
  // A JSON parser ignores white space before a line's value.
  heartbeat: " ",
  end: "",
};

/** `resumes`: the reader has rows already, which may be void. */
export function ndjsonOf(mode: string, resumes: boolean): StreamStyle["textOf"] {
  return (part, isFirst) => {
    const lines = part.changes.map((change) => `${rowLine(change, mode)}\n`);
    if (part.omittedRows > 0) lines.unshift(`{"_omitted":${part.omittedRows}}\n`);
    if (part.isSnapshot && (resumes || !isFirst)) lines.unshift('{"_reset":true}\n');
    return lines.join("");
  };
}

function rowLine({ text, isDeleted, batch }: Change, mode: string): string {
  if (mode === "append") return text;
  return `${text.slice(0, -1)},"_op":"${isDeleted ? "delete" : "upsert"}","_batch":${batch}}`;
}

export function rowLines(changes: readonly Change[], mode: string): string {
  return changes.map((change) => `${rowLine(change, mode)}\n`).join("");
}

const RETRY_MS = 2000;

/** The messages of the WebSocket as events of the same names; an event's id is where to go on. */
export function eventsOf(instance: string): StreamStyle {
  return {
    contentType: "text/event-stream; charset=utf-8",
    head: `retry: ${RETRY_MS}\n\n`,
    heartbeat: ": alive\n\n",
    textOf: (part) =>
      `id: ${instance}/${part.cursor.sequence}\nevent: ${part.isSnapshot ? "snapshot" : "delta"}\n` +
      `data: ${part.text()}\n\n`,
    end: "event: ended\ndata: {}\n\n",
  };
}
