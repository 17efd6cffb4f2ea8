/**
 * The page's end of the live connection: one state, kept equal to the hub's, and signals that say when to
 * look at it again. Deltas are applied as they come, also in a hidden tab; showing them waits until somebody
 * looks.
 */

import { computed, signal } from "@preact/signals";
import { readExactJson } from "../src/base/exact-json.ts";
import { HEARTBEAT_MS, livePath, type ServerMessage } from "../src/server/protocol.ts";
import { createReplica } from "../src/server/replica.ts";
import type { LiveState } from "../src/server/state.ts";
import { createCandleStore } from "./candle-store.ts";

export type Phase = "connecting" | "live" | "reconnecting";

const SECOND_MS = 1000;
/** Faster than this nobody reads. */
const MIN_SHOW_INTERVAL_MS = 100;
const MIN_RETRY_MS = 250;
const MAX_RETRY_MS = 8_000;
/**
 * The server speaks at least every heartbeat; a line silent for longer is dead, whatever the browser thinks.
 */
const MAX_SILENCE_MS = 3 * HEARTBEAT_MS;

export const phase = signal<Phase>("connecting");
/** Rises when there is something new to show: whoever reads the state reads this first. */
export const revision = signal(0);
/**
 * Rises when the state was replaced as a whole, so that what was derived from older deltas may have a hole.
 */
export const epoch = signal(0);

/** The time where the hub is, in steps of a second; undefined before it has told. */
export const now = signal<number | undefined>(undefined);
/** When the last word came from the server, by its own clock. */
export const heardAt = signal<number | undefined>(undefined);
/** The time that figures are of: out of reach nobody knows how it goes on. */
export const knownNow = computed(() => (phase.value === "live" ? now.value : heardAt.value));

const replica = createReplica("engine");
/** The candles of the live state; they change with it. */
export const candleStore = createCandleStore();
/** What the page's own clock lacks to be the hub's. */
let clockOffsetMs: number | undefined;
let socket: WebSocket | undefined;
let failures = 0;
let heardAtMs = 0;
let shownAtMs = 0;
let showTimer: number | undefined;
let retryTimer: number | undefined;

/** Tells how long ago it was made. */
export function stopwatch(): () => number {
  const startedMs = performance.now();
  return () => performance.now() - startedMs;
}

/** The state; it is changed in place. */
export function liveState(): LiveState {
  return replica.state;
}

/** The sequence number that the state is at. */
export function liveSequence(): number {
  return replica.resume?.sequence ?? 0;
}

/** Connects, and stays connected for as long as the page lives. Called once. */
export function connect(): void {
  open();
  window.setInterval(checkSilence, HEARTBEAT_MS);
  window.setInterval(tick, SECOND_MS);
  window.addEventListener("online", retryNow);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    retryNow();
    scheduleShow();
  });
}

function open(): void {
  window.clearTimeout(retryTimer);
  retryTimer = undefined;
  heardAtMs = performance.now();
  const url = new URL(livePath(replica.resume), location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const opened = new WebSocket(url);
  socket = opened;
  opened.addEventListener("message", (event) => {
    if (socket === opened) hear(String(event.data));
  });
  opened.addEventListener("close", () => {
    if (socket === opened) retryLater();
  });
}

function hear(text: string): void {
  heardAtMs = performance.now();
  const message = readExactJson(text) as ServerMessage;
  if (message.type === "alive") clockOffsetMs = message.nowMs - heardAtMs;
  if (clockOffsetMs !== undefined) heardAt.value = heardAtMs + clockOffsetMs;
  switch (replica.hear(message)) {
    case "alive":
      return tick();
    case "replaced":
      candleStore.replace(replica.state);
      epoch.value += 1;
      return becomeLive();
    case "resumed":
      return becomeLive();
    case "changed":
      if (message.type === "delta" && message.delta.kind === "batch")
        for (const table of message.delta.tables) candleStore.apply(table, replica.state);
      return scheduleShow();
    case "gap":
      socket?.close();
      return retryLater();
  }
}

/** Silence shows on the page as it goes on, also when nothing comes at all. */
function tick(): void {
  if (clockOffsetMs !== undefined && !document.hidden) now.value = performance.now() + clockOffsetMs;
}

function becomeLive(): void {
  failures = 0;
  phase.value = "live";
  scheduleShow();
}

function retryLater(): void {
  socket = undefined;
  if (phase.value !== "connecting") phase.value = "reconnecting";
  const backoffMs = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** failures);
  failures = Math.min(failures + 1, 16);
  window.clearTimeout(retryTimer);
  retryTimer = window.setTimeout(open, backoffMs * spread());
}

/** Between a half and one, so that many pages do not come back in the same moment. */
function spread(): number {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return 0.5 + random / 2 ** 33;
}

function retryNow(): void {
  if (retryTimer !== undefined) open();
}

function checkSilence(): void {
  if (socket === undefined || performance.now() - heardAtMs < MAX_SILENCE_MS) return;
  socket.close();
  retryLater();
}

function scheduleShow(): void {
  if (showTimer !== undefined || document.hidden) return;
  const waitMs = Math.max(0, shownAtMs + MIN_SHOW_INTERVAL_MS - performance.now());
  showTimer = window.setTimeout(() => {
    showTimer = undefined;
    shownAtMs = performance.now();
    revision.value += 1;
  }, waitMs);
}
