/** The batch loop: when a batch starts, what it may read, and when all is done. */

import type { Clock } from "../base/clock.ts";
import { failpoint } from "../base/failpoint.ts";
import type { ActivePartitions, BatchPlan } from "../checkpoint/checkpoint.ts";
import { LANES, type Ranges } from "../ingest/read-ahead.ts";
import { isTimedByClock } from "../ingest/source-reader.ts";
import type { Range } from "../sources/source.ts";
import { isProcessingTime } from "../sql/processing-time.ts";
import type { BatchProgress } from "./batch-progress.ts";
import type { BatchRunner } from "./batch-runner.ts";
import type { BoundedInput } from "./bounded-input.ts";
import type { PreparedJob } from "./prepare.ts";

export interface LoopOptions {
  readonly clock: Clock;
  /** Time between batch starts; 0 = as soon as there is input. */
  readonly batchMs: number;
  /** Whether the end of all sources closes every window (not with `--available-now`). */
  readonly closesAtEnd: boolean;
  /** Set where what is there now is the whole input, of which nothing is late. */
  readonly bounded: BoundedInput | undefined;
  /** What a batch takes of a source at most. */
  readonly maxSegmentBytes: number;
  readonly stop: AbortSignal;
  readonly waitForNews: (timeoutMs: number) => Promise<void>;
  readonly observe: (outcome: BatchProgress) => void;
  /** Told each time that the sources were asked, whether one of them had something. */
  readonly asked?: ((hadInput: boolean) => void) | undefined;
}

/** How often sources that can't call us are looked at. */
const POLL_MS = 25;
/** How often a batch without input moves the watermark of sources whose time is the clock's, at most. */
const TICK_MS = 1000;

/** Runs until the sources end or `stop` aborts; the batch under way is always finished and committed. */
export async function runLoop(
  prepared: PreparedJob,
  runner: BatchRunner,
  options: LoopOptions,
): Promise<void> {
  const { clock, batchMs, bounded, stop } = options;
  const { readers, checkpoint } = prepared;
  const intake = openInputPlanner(prepared, options);
  let dueMs = clock.monotonicMs();
  const upcoming: Ranges[] = [];

  const execute = async (plan: BatchPlan, planAhead?: () => Promise<readonly Ranges[]>): Promise<void> => {
    const hasInput = Object.keys(plan.ranges).length > 0;
    const delayMs = hasInput ? Math.max(0, clock.monotonicMs() - dueMs) : 0;
    options.observe(await runner.run(plan, delayMs, planAhead));
    failpoint("batch-ended");
  };

  if (checkpoint.pendingPlan !== undefined) await execute(checkpoint.pendingPlan);
  while (!stop.aborted) {
    const ranges = await intake.plan(upcoming.shift() ?? {});
    const planned = [ranges, ...upcoming];
    const silence = {
      idle: bounded?.ended(planned) ?? intake.idle(),
      holding: intake.holding(planned),
      ...(bounded === undefined ? {} : { toCome: await bounded.toCome(ranges) }),
    };
    const hasInput = Object.keys(ranges).length > 0;
    options.asked?.(hasInput);
    const isOver = !hasInput && readers.every(({ source }) => source.isEnded());
    const endsInput = isOver && options.closesAtEnd;
    const startedMs = clock.monotonicMs();
    const isDue =
      runner.movesWatermark(silence) ||
      (!isOver && (isTickDue(prepared, runner, options) || runner.isSinkDue()));
    if (hasInput || (endsInput && !runner.hasEnded()) || isDue) {
      await execute(runner.plan({ ranges, ...silence, endsInput }), async () => {
        await intake.planAhead(ranges, upcoming);
        return upcoming;
      });
      dueMs = startedMs + batchMs;
    }
    if (isOver) return;
    if (upcoming.length > 0) continue;
    // Whoever had nothing to give is not asked again before the event loop has had its turn.
    if (!hasInput) await options.waitForNews(POLL_MS);
    await waitForTurn(prepared, options, hasInput ? dueMs : Math.max(dueMs, startedMs + POLL_MS));
    // Waiting for input is no delay.
    if (!hasInput) dueMs = Math.max(dueMs, clock.monotonicMs());
  }
}

/** What the sources have for a batch. */
interface InputPlanner {
  /** The ranges of the batch at hand: those that were planned ahead, and what other sources have now. */
  plan(ahead: Ranges): Promise<Ranges>;
  /** Adds what the batches after that will read, of sources that have more than one batch takes. */
  planAhead(ranges: Ranges, upcoming: Ranges[]): Promise<void>;
  /** Sources that have given nothing for their idle time. */
  idle(): readonly string[];
  /** Of sources in partitions: those that the watermark waits for. `planned`: what will be read. */
  holding(planned: readonly Ranges[]): ActivePartitions;
}

function openInputPlanner(
  prepared: PreparedJob,
  { clock, maxSegmentBytes }: Pick<LoopOptions, "clock" | "maxSegmentBytes">,
): InputPlanner {
  const { readers, job } = prepared;
  const allowances = new Map(readers.map(({ name }) => [name, allowanceOf(prepared, name, clock)]));
  const spokeAtMs = new Map(readers.map(({ name }) => [name, clock.monotonicMs()]));
  const unlimited = { maxBytes: maxSegmentBytes, maxLines: Number.POSITIVE_INFINITY };
  /** Whether nothing has come for the source's idle time; `key` names the source, or a partition of it. */
  const isSilent = (key: string, name: string): boolean => {
    const nowMs = clock.monotonicMs();
    const spoke = spokeAtMs.get(key) ?? nowMs;
    spokeAtMs.set(key, spoke);
    return nowMs - spoke > (job.config.sources[name]?.idle ?? 0);
  };
  return {
    async plan(ahead) {
      const ranges: Record<string, Range> = {};
      for (const { name, source } of readers) {
        const maxLines = allowances.get(name)?.() ?? Number.POSITIVE_INFINITY;
        const range =
          ahead[name] ?? (maxLines < 1 ? undefined : await source.plan({ ...unlimited, maxLines }));
        if (range === undefined) continue;
        ranges[name] = range;
        spokeAtMs.set(name, clock.monotonicMs());
      }
      return ranges;
    },
    async planAhead(ranges, upcoming) {
      while (upcoming.length < LANES) {
        const last = upcoming.at(-1) ?? ranges;
        const next: Record<string, Range> = {};
        for (const { name, source } of readers) {
          const range = last[name];
          if (range === undefined || allowances.get(name) !== undefined || !source.hasBacklog()) continue;
          const following = await source.plan(unlimited, range);
          if (following !== undefined) next[name] = following;
        }
        if (Object.keys(next).length === 0) return;
        upcoming.push(next);
      }
    },
    idle() {
      return readers.map(({ name }) => name).filter((name) => isSilent(name, name));
    },
    holding(planned) {
      const held = readers.flatMap(({ name, source: { partitions } }) => {
        if (partitions === undefined) return [];
        const read = new Set(planned.flatMap((ranges) => (ranges[name] ? partitions.of(ranges[name]) : [])));
        const holds = partitions.states().filter(({ name: partition, progress }) => {
          const key = `${name}/${partition}`;
          if (read.has(partition) || progress === "behind") spokeAtMs.set(key, clock.monotonicMs());
          return read.has(partition) || (progress !== "silent" && !isSilent(key, name));
        });
        return [[name, holds.map(({ name: partition }) => partition)] as const];
      });
      return Object.fromEntries(held);
    },
  };
}

/** Until the next batch is due, or there is more to read than one batch takes, or nothing more at all. */
async function waitForTurn(prepared: PreparedJob, options: LoopOptions, untilMs: number): Promise<void> {
  const { readers } = prepared;
  while (!options.stop.aborted) {
    const leftMs = untilMs - options.clock.monotonicMs();
    if (leftMs <= 0 || readers.some(({ source }) => source.hasBacklog())) return;
    if (readers.every(({ source }) => source.isEnded())) return;
    await options.waitForNews(Math.min(leftMs, POLL_MS * 4));
    if (options.batchMs === 0) return;
  }
}

/** Time by the clock goes on without input: windows over it must close. */
function isTickDue({ shapes }: PreparedJob, runner: BatchRunner, { batchMs }: LoopOptions): boolean {
  const goesByClock =
    shapes.some(isTimedByClock) || runner.groups.some((names) => names.some(isProcessingTime));
  if (runner.lastBatch() === 0 || runner.hasEnded() || !goesByClock) return false;
  return runner.sinceLastPlanMs() >= Math.max(batchMs, TICK_MS);
}

/**
 * How many lines a source may give now: its rate, counted from the last time it was asked, for a second at
 * most.
 */
function allowanceOf(prepared: PreparedJob, name: string, clock: Clock): (() => number) | undefined {
  const rate = prepared.job.config.sources[name]?.rate;
  if (rate === undefined) return undefined;
  let lastMs = clock.monotonicMs();
  return () => {
    const nowMs = clock.monotonicMs();
    const lines = Math.floor((rate * Math.min(1000, nowMs - lastMs)) / 1000);
    if (lines >= 1) lastMs = nowMs;
    return lines;
  };
}
