/** One reader's way through a topic: where it is, and what comes next for it. */

import type { Cursor } from "./change-log.ts";
import type { LiveQueries } from "./live-queries.ts";
import type { KeyFilter, Part, Topic } from "./topic.ts";

/** Where a reader left off: the number counts within the instance that gave it. */
export interface ResumeFrom {
  readonly instance: string;
  readonly sequence: number;
}

export interface Reader {
  readonly topic: Topic;
  /** The next rows for it; undefined where there are none now. */
  next(): Part | undefined;
  /** May be called twice. */
  close(): void;
}

/** Undefined where there is no such query. */
export function openReader(
  live: LiveQueries,
  query: string,
  options: { readonly filter?: KeyFilter; readonly resume?: ResumeFrom | undefined } = {},
): Reader | undefined {
  const held = live.topic(query, options.filter ?? {});
  if (held === undefined) return undefined;
  const { topic, release } = held;
  const { resume } = options;
  let cursor: Cursor | undefined =
    resume?.instance === live.instance ? { sequence: resume.sequence, base: resume.sequence } : undefined;
  let isClosed = false;
  return {
    topic,
    next() {
      let part = topic.next(cursor);
      // Nothing for it: it has come further all the same, and an empty message would tell it nothing.
      while (part !== undefined) {
        cursor = part.cursor;
        if (part.isSnapshot || part.changes.length > 0 || part.omittedRows > 0) return part;
        part = topic.next(cursor);
      }
      return undefined;
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      release();
    },
  };
}
