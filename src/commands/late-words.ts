/** Warnings while rows come late: windows just stop coming for who does not know of it. */

import type { Clock } from "../base/clock.ts";
import { logger } from "../base/log.ts";
import { openTally } from "../base/tally.ts";
import { counted, durationText } from "../base/units.ts";
import type { BatchProgress, LateRows } from "../engine/batch-progress.ts";

export interface LateWords {
  /** Every batch, with late rows or without. */
  see(outcome: Pick<BatchProgress, "late">): void;
  /** Says nothing any more. */
  close(): void;
}

/** `warn` is given one line at a time. */
export function openLateWords(
  clock: Clock,
  warn: (line: string) => void = (line) => logger("process").warn(line),
): LateWords {
  const tally = openTally<LateRows>({
    clock,
    together: (a, b) => ({
      ...(behindMs(a) > behindMs(b) ? a : b),
      rows: a.rows + b.rows,
    }),
    tell: (late, total) => warn(total === undefined ? firstWords(late) : tallyWords(late)),
  });
  return {
    see({ late = [] }) {
      // Where no query goes by time, nobody leaves them out.
      for (const each of late) if (each.leftOutOf.length > 0) tally.add(each.source, each);
      tally.tick();
    },
    close: () => tally.close(),
  };
}

function behindMs({ watermarkMs, earliestMs }: LateRows): number {
  return watermarkMs - earliestMs;
}

function firstWords(late: LateRows): string {
  const { source, rows, watermarkMs, delayMs, leftOutOf } = late;
  const verb = leftOutOf.length === 1 ? "leaves" : "leave";
  const much = `${counted(rows, "row comes", "rows come")} late, ${upTo(rows)}${spanText(behindMs(late))}`;
  if (late.isOfEnd === true)
    return (
      `${source}: ${much} before ${timeText(watermarkMs)}: up to there the end of the input, when it ended ` +
      `before, has closed ${listed(leftOutOf)}. A job that is to go on leaves windows open when it is ` +
      "stopped by a signal, or run with --available-now"
    );
  const behind = `${upTo(rows)}${spanText(behindMs(late))} behind the watermark`;
  return (
    `${source}: ${counted(rows, "row comes", "rows come")} late, ${behind} ` +
    `(${timeText(watermarkMs)}), so ${listed(leftOutOf)} ${verb} ` +
    `${rows === 1 ? "it" : "them"} out. "watermark: ${neededText(behindMs(late) + delayMs)}" (now ` +
    `${delayMs === 0 ? "0s" : durationText(delayMs)}) takes such rows; where a clock was fast, ` +
    '"max_ahead:" keeps its times from moving the watermark'
  );
}

/** Rounded up, so that it is short. */
function neededText(valueMs: number): string {
  const stepMs = valueMs > 3_600_000 ? 3_600_000 : valueMs > 60_000 ? 60_000 : 1000;
  return durationText(Math.ceil(valueMs / stepMs) * stepMs);
}

function tallyWords(late: LateRows): string {
  const { source, rows, watermarkMs, isOfEnd } = late;
  const bound = isOfEnd === true ? "before what an end closed" : "behind the watermark";
  return (
    `${source}: ${counted(rows, "more row has", "more rows have")} come late, ${upTo(rows)}` +
    `${spanText(behindMs(late))} ${bound} (${timeText(watermarkMs)})`
  );
}

function upTo(rows: number): string {
  return rows === 1 ? "" : "up to ";
}

const MAX_NAMES = 3;

function listed(queries: readonly string[]): string {
  const shown = queries.slice(0, MAX_NAMES).map((name) => `"${name}"`);
  const more = queries.length - shown.length;
  const all = more > 0 ? [...shown, `${more} other ${more === 1 ? "query" : "queries"}`] : shown;
  const kind = queries.length === 1 ? "query" : "queries";
  return `the ${kind} ${all.length === 1 ? all[0] : `${all.slice(0, -1).join(", ")} and ${all.at(-1)}`}`;
}

function timeText(valueMs: number): string {
  const date = new Date(valueMs);
  return Number.isNaN(date.getTime()) ? `${valueMs} ms` : date.toISOString();
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

/** `3h 20m`: the two largest units; less than a second in milliseconds. */
function spanText(valueMs: number): string {
  const first = UNITS.findIndex(([, unitMs]) => valueMs >= unitMs);
  if (first < 0) return `${Math.max(1, Math.round(valueMs))}ms`;
  let leftMs = valueMs;
  const parts = UNITS.slice(first, first + 2).map(([unit, unitMs]) => {
    const count = Math.floor(leftMs / unitMs);
    leftMs -= count * unitMs;
    return count === 0 ? "" : `${count.toLocaleString("en-US")}${unit}`;
  });
  return parts.filter((part) => part !== "").join(" ");
}
