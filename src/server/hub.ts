/**
 * The live hub: takes what batches did, keeps a bounded picture of it, and tells every page. It knows
 * nothing of HTTP; a connection is three functions to it.
 */

import { randomUUID } from "node:crypto";
import { writeExactJson } from "../base/exact-json.ts";
import type { BatchProgress, QueryOutput } from "../engine/batch-progress.ts";
import { cutCell, shownColumns, sizeOfRow } from "./cut.ts";
import type { JobGraph } from "./job-graph.ts";
import { openProblems, type Problems } from "./problems.ts";
import type {
  Delta,
  FeedKind,
  FeedStatus,
  ResumePoint,
  ServerMessage,
  TableDelta,
  Values,
} from "./protocol.ts";
import {
  applyDelta,
  emptyState,
  type LiveState,
  rowNamer,
  STATE_BOUNDS,
  type StateBounds,
  snapshotOf,
} from "./state.ts";

export interface HubBounds extends StateBounds {
  /** Deltas kept for pages that come back, by number and by characters of JSON. */
  readonly maxRingDeltas: number;
  readonly maxRingChars: number;
  /** What may wait in one connection beyond its snapshot, before the connection is cut. */
  readonly maxBufferedBytes: number;
  /** What may wait in all connections together, before those with the most are cut. */
  readonly maxBufferedBytesInAll: number;
  readonly maxSubscribers: number;
}

const HUB_BOUNDS: HubBounds = {
  ...STATE_BOUNDS,
  maxRingDeltas: 600,
  maxRingChars: 8 * 2 ** 20,
  maxBufferedBytes: 8 * 2 ** 20,
  maxBufferedBytesInAll: 32 * 2 ** 20,
  maxSubscribers: 256,
};

/** One connection, as the hub sees it. */
interface Subscriber {
  send(text: string): void;
  /** What was sent and has not left yet. */
  bufferedBytes(): number;
  /** Ends the connection at once and drops what waits in it. */
  cut(): void;
}

export interface HubOptions {
  /** Default `engine`. */
  readonly feed?: FeedKind;
  readonly bounds?: Partial<HubBounds>;
  /** Names this hub among all that ever ran; default a fresh one. */
  readonly instance?: string;
}

export interface Hub {
  readonly instance: string;
  /** Of the last delta; 0 before the first. */
  readonly sequence: number;
  readonly state: Readonly<LiveState>;
  readonly subscribers: number;
  /** Dead letters and late rows of the batches that were published. */
  readonly problems: Pick<Problems, "letters" | "late">;
  /** Undefined where nobody has described the job. */
  readonly graph: JobGraph | undefined;
  /** Takes the queries of a job that starts, so that they are known before their first rows. */
  describe(
    job: string,
    queries: readonly Omit<QueryOutput, "changes" | "omittedRows">[],
    graph?: JobGraph,
  ): void;
  /** Takes one batch. Returns at once; never waits for a page. */
  publish(outcome: BatchProgress): void;
  /** Says that the feed ended or that lines of it were broken. */
  setFeed(status: Partial<Omit<FeedStatus, "kind">>): void;
  /** Gives every further delta, within the process. Returns the function that ends it. */
  listen(listener: (delta: Delta) => void): () => void;
  /**
   * Sends what `resume` lacks, then every further delta. Returns the function that ends it, which may be
   * called twice, or undefined when there are too many already.
   */
  subscribe(subscriber: Subscriber, resume?: ResumePoint): (() => void) | undefined;
  /** The message a page with nothing is sent. */
  snapshotText(): string;
  /** Tells every page that the line is up, and the time. */
  heartbeat(nowMs: number): void;
  /** Whether all that was sent has left the process. */
  isFlushed(): boolean;
  /** Cuts every connection. They may come back. */
  cutAll(): void;
}

export function openHub(options: HubOptions = {}): Hub {
  const bounds: HubBounds = { ...HUB_BOUNDS, ...options.bounds };
  const instance = options.instance ?? randomUUID();
  const state = emptyState(options.feed ?? "engine");
  const ring: string[] = [];
  const allowedBytes = new Map<Subscriber, number>();
  const listeners = new Set<(delta: Delta) => void>();
  const problems = openProblems();
  let graph: JobGraph | undefined;
  let ringChars = 0;
  let sequence = 0;
  let snapshot = { sequence: -1, text: "" };

  function announce(delta: Delta): void {
    sequence += 1;
    applyDelta(state, delta, bounds);
    const text = textOf({ type: "delta", sequence, delta });
    ring.push(text);
    ringChars += text.length;
    while (ring.length > bounds.maxRingDeltas || ringChars > bounds.maxRingChars) {
      ringChars -= ring.shift()?.length ?? 0;
    }
    sendToAll(text);
    for (const listener of listeners) listener(delta);
  }

  function sendToAll(text: string): void {
    for (const [subscriber, allowed] of allowedBytes) {
      if (subscriber.bufferedBytes() <= allowed) subscriber.send(text);
      else drop(subscriber);
    }
    makeRoom(0);
  }

  /** Pages that read have little waiting: they stay. */
  function makeRoom(moreBytes: number): void {
    const waiting = Array.from(allowedBytes.keys(), (subscriber) => ({
      subscriber,
      bytes: subscriber.bufferedBytes(),
    }));
    let bytes = waiting.reduce((sum, one) => sum + one.bytes, moreBytes);
    if (bytes <= bounds.maxBufferedBytesInAll) return;
    for (const one of waiting.toSorted((a, b) => b.bytes - a.bytes)) {
      if (bytes <= bounds.maxBufferedBytesInAll) return;
      drop(one.subscriber);
      bytes -= one.bytes;
    }
  }

  function drop(subscriber: Subscriber): void {
    allowedBytes.delete(subscriber);
    subscriber.cut();
  }

  function snapshotText(): string {
    if (snapshot.sequence !== sequence) {
      snapshot = {
        sequence,
        text: textOf({ type: "snapshot", instance, sequence, state: snapshotOf(state) }),
      };
    }
    return snapshot.text;
  }

  /** Undefined where the ring does not reach back to it, or the page knew another hub. */
  function deltasAfter(resume: ResumePoint | undefined): string[] | undefined {
    if (resume?.instance !== instance) return undefined;
    const missing = sequence - resume.sequence;
    return missing < 0 || missing > ring.length ? undefined : ring.slice(ring.length - missing);
  }

  return {
    instance,
    state,
    get sequence() {
      return sequence;
    },
    get subscribers() {
      return allowedBytes.size;
    },
    problems,
    get graph() {
      return graph;
    },
    describe(job, queries, described) {
      graph = described ?? graph;
      const tables = queries.map((query) => tableDelta({ ...query, changes: [], omittedRows: 0 }, bounds));
      announce({ kind: "tables", job, tables });
    },
    publish(outcome) {
      // A job that was stopped goes on in the same journal.
      const { reason: _, ...feed } = state.feed;
      if (feed.ended) announce({ kind: "feed", feed: { ...feed, ended: false } });
      problems.add(outcome);
      const tables = outcome.outputs.map((output) => tableDelta(output, bounds));
      announce({ kind: "batch", job: outcome.job, report: outcome.report, tables });
    },
    setFeed(status) {
      const feed = { ...state.feed, ...status };
      const isNews =
        feed.ended !== state.feed.ended ||
        feed.reason !== state.feed.reason ||
        feed.brokenLines !== state.feed.brokenLines;
      if (isNews) announce({ kind: "feed", feed });
    },
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    subscribe(subscriber, resume) {
      if (allowedBytes.size >= bounds.maxSubscribers) return undefined;
      const missing = deltasAfter(resume);
      const first =
        missing === undefined || resume === undefined
          ? [snapshotText()]
          : [textOf({ type: "resumed", instance, sequence: resume.sequence }), ...missing];
      const firstBytes = first.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
      makeRoom(firstBytes);
      for (const text of first) subscriber.send(text);
      allowedBytes.set(subscriber, bounds.maxBufferedBytes + firstBytes);
      return () => void allowedBytes.delete(subscriber);
    },
    snapshotText,
    heartbeat: (nowMs) => sendToAll(aliveText(nowMs)),
    isFlushed: () => [...allowedBytes.keys()].every((subscriber) => subscriber.bufferedBytes() === 0),
    cutAll() {
      for (const subscriber of allowedBytes.keys()) drop(subscriber);
    },
  };
}

/** The message of a heartbeat. */
export function aliveText(nowMs: number): string {
  return textOf({ type: "alive", nowMs });
}

function textOf(message: ServerMessage): string {
  return writeExactJson(message);
}

/**
 * Rows as values, and no more of them than can be seen after this batch: the last of each key, or the last
 * few.
 */
function tableDelta(output: QueryOutput, bounds: StateBounds): TableDelta {
  const { query, mode, key } = output;
  const columns = shownColumns(output, bounds);
  const names = columns.map((column) => column.name);
  const nameOf = rowNamer({ mode, key, columns });
  let kept: { values: Values; isDeleted: boolean }[] = output.changes.map((change) => ({
    values: names.map((name) => cutCell(change.row[name] ?? null, bounds)),
    isDeleted: change.op === "delete",
  }));
  if (nameOf !== undefined) {
    const last = new Map<string, (typeof kept)[number]>();
    for (const change of kept) {
      const name = nameOf(change.values);
      last.delete(name);
      last.set(name, change);
    }
    kept = [...last.values()];
  }
  const maxRows = nameOf === undefined ? bounds.maxAppendRows : bounds.maxKeyedRows;
  let cutRows = Math.max(0, kept.length - maxRows);
  kept = kept.slice(cutRows);
  let chars = 0;
  const tooEarly = kept.findLastIndex(({ values }) => {
    chars += sizeOfRow(values);
    return chars > bounds.maxChars;
  });
  cutRows += tooEarly + 1;
  kept = kept.slice(tooEarly + 1);
  return {
    query,
    mode,
    key,
    columns,
    rows: kept.map((change) => change.values),
    deleted: kept.flatMap((change, index) => (change.isDeleted ? [index] : [])),
    omittedRows: output.omittedRows + cutRows,
  };
}
