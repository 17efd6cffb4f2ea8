/** Syncs what was put at least so often, for inputs that tell nobody when something is safe. */

import type { Clock } from "../../base/clock.ts";
import type { EventWriter } from "../event-writer.ts";

const FLUSH_MS = 1000;

export interface FlushTimer {
  /** Something was put: it is flushed within the next second. */
  due(): void;
}

/** Runs until `stop`. A flush that fails is told to `fail`. */
export function startFlushTimer(
  intake: Pick<EventWriter, "flush">,
  { clock, stop, fail }: { clock: Clock; stop: AbortSignal; fail: (error: Error) => void },
): FlushTimer {
  let isDue = false;
  void flushNowAndThen();
  async function flushNowAndThen(): Promise<void> {
    while (!stop.aborted) {
      await clock.sleep(FLUSH_MS, stop);
      if (!isDue) continue;
      // What is put while it flushes is for the next time.
      isDue = false;
      await intake.flush().catch(fail);
    }
  }
  return {
    due() {
      isDue = true;
    },
  };
}
