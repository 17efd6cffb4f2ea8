/** When events come: at a steady rate by the clock, or as fast as they are taken. */

import type { Clock } from "../base/clock.ts";
import { BLOCK_EVENTS, type Block, type Generator } from "./generator.ts";
import type { SimulateSettings } from "./options.ts";

/** Paced blocks are at least so far apart: small enough to look live, large enough to cost nothing. */
const TICK_MS = 10;
/** At full speed, how long signals and timers may have to wait for their turn. */
const MAX_TURN_MS = 20;
const MAX_SLEEP_MS = 60_000;

type Limits = Pick<SimulateSettings, "rate" | "maxEvents" | "historyEvents" | "maxDurationMs">;

/**
 * Yields blocks at `rate` until `maxEvents` were drawn in all (those skipped before count) or `stop` aborts.
 * Event k after the history is due k/rate after the first pull, so that no delay adds up: a slow reader gets
 * what it missed, in blocks of bounded size. The last block holds the lines held back, except after a stop:
 * then `generator.end()` has them.
 */
export async function* paceEvents(
  generator: Generator,
  limits: Limits,
  given: { clock: Clock; stop: AbortSignal },
): AsyncGenerator<Block, void, void> {
  yield* limits.rate > 0 ? steadily(generator, limits, given) : atFullSpeed(generator, limits, given);
  if (!given.stop.aborted) yield generator.end();
}

async function* steadily(
  generator: Generator,
  { rate, maxEvents, historyEvents }: Limits,
  { clock, stop }: { clock: Clock; stop: AbortSignal },
): AsyncGenerator<Block, void, void> {
  const startedMs = clock.monotonicMs();
  const first = Math.max(generator.position, historyEvents);
  const takeTurn = turns(clock, stop);
  while (!stop.aborted && generator.position < maxEvents) {
    const elapsedMs = clock.monotonicMs() - startedMs;
    const due = first + Math.floor((elapsedMs * rate) / 1000) + 1;
    const events = Math.min(due, maxEvents) - generator.position;
    if (events > 0) yield generator.next(Math.min(events, BLOCK_EVENTS));
    if (events > BLOCK_EVENTS) await takeTurn();
    else {
      const nextDueMs = ((generator.position - first) * 1000) / rate;
      const waitMs = nextDueMs - (clock.monotonicMs() - startedMs);
      await clock.sleep(Math.min(MAX_SLEEP_MS, Math.max(TICK_MS, waitMs)), stop);
    }
  }
}

async function* atFullSpeed(
  generator: Generator,
  { maxEvents, maxDurationMs }: Limits,
  { clock, stop }: { clock: Clock; stop: AbortSignal },
): AsyncGenerator<Block, void, void> {
  const startedMs = clock.monotonicMs();
  const takeTurn = turns(clock, stop);
  while (!stop.aborted && generator.position < maxEvents) {
    if (clock.monotonicMs() - startedMs >= maxDurationMs) return;
    yield generator.next(Math.min(BLOCK_EVENTS, maxEvents - generator.position));
    await takeTurn();
  }
}

/** Lets signals and timers have their turn, which a loop that never waits would keep from them. */
function turns(clock: Clock, stop: AbortSignal): () => Promise<void> {
  let lastMs = clock.monotonicMs();
  return async () => {
    if (clock.monotonicMs() - lastMs < MAX_TURN_MS) return;
    await clock.sleep(0, stop);
    lastMs = clock.monotonicMs();
  };
}
