/** How the stream is, in words: live, silent, stopped, or out of reach. */

import type { BatchReport, FeedStatus } from "../src/server/protocol.ts";
import { durationText, timeText } from "./format.ts";
import { lastInputMs, usualPauseMs } from "./streaming.ts";

export interface Condition {
  readonly kind: "live" | "silent" | "ended" | "failed" | "lost";
  /** Two or three words. */
  readonly text: string;
  /** What a person should know of it beside that. */
  readonly notice: string | undefined;
}

export interface Facts {
  readonly phase: "connecting" | "live" | "reconnecting";
  readonly feed: FeedStatus;
  readonly reports: readonly BatchReport[];
  /** The wall clock where the hub is; undefined before it has told. */
  readonly nowMs: number | undefined;
  /** When the server was last heard, by the same clock. */
  readonly heardAtMs: number | undefined;
}

/** A stream that comes in pieces is not silent between them. */
const LEAST_SILENCE_MS = 10_000;
const USUAL_PAUSES = 3;
/** A connection that is lost and found again at once is nothing to tell. */
const LEAST_ABSENCE_MS = 3_000;

export function conditionOf(facts: Facts): Condition {
  const { phase, feed, nowMs, heardAtMs } = facts;
  const stopped = feed.ended ? stoppedOf(feed.reason) : undefined;
  if (phase === "connecting") return { kind: "lost", text: "Connecting…", notice: undefined };
  if (phase === "reconnecting") {
    const absentMs = nowMs === undefined || heardAtMs === undefined ? 0 : nowMs - heardAtMs;
    if (stopped?.notice !== undefined)
      return { ...stopped, notice: `${stopped.notice}. Its server has ended too` };
    if (heardAtMs === undefined || absentMs < LEAST_ABSENCE_MS)
      return { kind: "lost", text: "Reconnecting…", notice: undefined };
    return {
      kind: "lost",
      text: "Reconnecting…",
      notice:
        `The server has not answered for ${durationText(wholeSeconds(absentMs))}: ` +
        "it has ended, or can't be reached. " +
        `What is shown is from ${timeText(heardAtMs)} UTC`,
    };
  }
  return stopped ?? silenceOf(facts) ?? { kind: "live", text: "Live", notice: undefined };
}

function stoppedOf(reason: string | undefined): Condition {
  const failure = /^failed: (.*)$/s.exec(reason ?? "")?.[1];
  if (failure !== undefined) return { kind: "failed", text: "Failed", notice: `Stopped: ${failure}` };
  if (reason === undefined) return { kind: "ended", text: "Stream ended", notice: undefined };
  const why = reason.replace(/^stopped by /, "");
  return {
    kind: "ended",
    text: reason === why ? "Stream ended" : "Stopped",
    notice: `Stopped: ${why}`,
  };
}

function silenceOf({ reports, nowMs }: Facts): Condition | undefined {
  const last = lastInputMs(reports);
  if (last === undefined || nowMs === undefined) return undefined;
  const silentMs = nowMs - last;
  if (silentMs < Math.max(LEAST_SILENCE_MS, USUAL_PAUSES * usualPauseMs(reports))) return undefined;
  return { kind: "silent", text: `No data for ${durationText(wholeSeconds(silentMs))}`, notice: undefined };
}

/** What changes every second is read in seconds. */
function wholeSeconds(durationMs: number): number {
  return Math.floor(durationMs / 1000) * 1000;
}
