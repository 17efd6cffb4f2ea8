/**
 * The simulated stream as bytes, block by block, without any input or output of its own. With a seed and a
 * start the bytes depend on nothing else: neither on the size of the blocks nor on when they are asked for.
 */

import type { Clock } from "../base/clock.ts";
import { accessLog } from "./access-log.ts";
import type { EventKind } from "./event-kind.ts";
import { createDisturber, type Disturber, type Fault } from "./faults.ts";
import type { SimulateSettings } from "./options.ts";
import { quotes } from "./quotes.ts";
import { createRandom } from "./random.ts";
import { trades } from "./trades.ts";

export interface Block {
  /** Whole lines, each with its line feed. The caller's own. */
  readonly bytes: Uint8Array;
  /** Events drawn, whether they are in this block or are held back. */
  readonly events: number;
  readonly lines: number;
  readonly faults: readonly Fault[];
}

export interface Generator {
  /** Events drawn so far, those skipped too. */
  readonly position: number;
  /**
   * The first line of the stream with its line feed, where its format has one. Counts as line 0 in faults.
   */
  header(): string | undefined;
  /**
   * Draws `events` events (≥ 0, a few thousand at best: a block is built in memory) and returns the lines
   * due.
   */
  next(events: number): Block;
  /** Goes on as if `next(events)` had been called: to resume after a crash. */
  skip(events: number): void;
  /**
   * The end of the stream: the lines still held back. Nothing more may be drawn; a second call returns
   * nothing.
   */
  end(): Block;
}

const EVENT_STREAM = 0;
const FAULT_STREAM = 1;
/** Bounds the memory of late lines at high rates. */
const MAX_DELAY_EVENTS = 65_536;
/** Block size that is fast without being late. */
export const BLOCK_EVENTS = 8192;

/** `seed` is for settings that name none. */
export function createGenerator(
  settings: SimulateSettings,
  given: { clock: Clock; seed: number },
): Generator {
  const seed = settings.seed ?? given.seed;
  const kind = eventKind(settings, seed);
  const header = kind.header === undefined ? undefined : `${kind.header}\n`;
  const disturber = disturberOf(settings, seed, header);
  const planTimes = eventTimes(settings, given.clock);
  let position = 0;

  const block = (events: number, lines: readonly string[], faults: readonly Fault[]): Block => ({
    bytes: Buffer.from(lines.length === 0 ? "" : `${lines.join("\n")}\n`, "latin1"),
    events,
    lines: lines.length,
    faults,
  });
  const timeAt = ({ originMs, first, stepMs }: BlockTimes, index: number): number =>
    originMs + (first + index) * stepMs;
  const next = (events: number): Block => {
    const times = planTimes(position, events);
    position += events;
    if (disturber === undefined) {
      const lines = Array.from<string>({ length: events });
      for (let index = 0; index < events; index++) {
        kind.draw(timeAt(times, index));
        lines[index] = kind.line();
      }
      return block(events, lines, []);
    }
    const lines: string[] = [];
    const faults: Fault[] = [];
    for (let index = 0; index < events; index++) {
      kind.draw(timeAt(times, index));
      disturber.push(kind.line(), lines, faults);
    }
    return block(events, lines, faults);
  };

  return {
    get position() {
      return position;
    },
    header: () => header,
    next,
    skip(events) {
      if (disturber === undefined) {
        const times = planTimes(position, events);
        for (let index = 0; index < events; index++)
          kind.draw(times.originMs + (times.first + index) * times.stepMs);
        position += events;
      } else {
        for (let left = events; left > 0; left -= BLOCK_EVENTS) next(Math.min(left, BLOCK_EVENTS));
      }
    },
    end() {
      const lines: string[] = [];
      const faults: Fault[] = [];
      disturber?.flush(lines, faults);
      return block(0, lines, faults);
    },
  };
}

function eventKind(settings: SimulateSettings, seed: number): EventKind {
  const random = createRandom(seed, EVENT_STREAM);
  const format = settings.format === "csv" ? "csv" : "ndjson";
  const makers: Readonly<Record<SimulateSettings["kind"], () => EventKind>> = {
    quotes: () => quotes(settings.symbols, format, random),
    trades: () => trades(settings.symbols, format, random),
    "access-log": () => accessLog(seed, random),
  };
  return makers[settings.kind]();
}

function disturberOf(
  settings: SimulateSettings,
  seed: number,
  header: string | undefined,
): Disturber | undefined {
  const { late, duplicates, bad, lateByMs, rate } = settings;
  if (late + duplicates + bad === 0) return undefined;
  const stepMs = settings.stepMs ?? (rate > 0 ? 1000 / rate : 1);
  const maxDelayEvents = Math.min(MAX_DELAY_EVENTS, Math.max(1, Math.floor(lateByMs / stepMs)));
  const start = header === undefined ? { line: 0, offset: 0 } : { line: 1, offset: header.length };
  return createDisturber(
    { late, duplicates, bad },
    maxDelayEvents,
    settings.format,
    start,
    createRandom(seed, FAULT_STREAM),
  );
}

/** The event times of a block: event k happens at `originMs + (first + k) * stepMs`. */
interface BlockTimes {
  readonly originMs: number;
  readonly first: number;
  readonly stepMs: number;
}

/**
 * Either a start and steps, or the wall clock: a block's events are spread over the time since the last
 * block.
 */
function eventTimes(settings: SimulateSettings, clock: Clock): (first: number, events: number) => BlockTimes {
  const { stepMs } = settings;
  if (stepMs !== undefined) {
    const originMs = settings.startMs ?? clock.nowMs();
    return (first) => ({ originMs, first, stepMs });
  }
  let lastMs = Number.NEGATIVE_INFINITY;
  return (_first, events) => {
    const nowMs = Math.max(lastMs, clock.nowMs());
    const originMs = lastMs === Number.NEGATIVE_INFINITY ? nowMs : lastMs;
    lastMs = nowMs;
    return { originMs, first: 1, stepMs: (nowMs - originMs) / Math.max(1, events) };
  };
}
