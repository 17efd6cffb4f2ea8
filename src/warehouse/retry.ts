/** Faults of a network that pass: a request is made again, with growing pauses, for about ten seconds. */

import type { Clock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";

export interface RetryOptions {
  readonly clock: Clock;
  /** `HDFS (HOST:PORT)`: who may fail. */
  readonly whom: string;
  /** Names the part of the house in errors. */
  readonly component: string;
  /** Whether the same request may succeed later. */
  readonly mayPass: (error: unknown) => boolean;
  /** How many servers are asked in turn, each without a pause before the next; 1 if left out. */
  readonly servers?: number;
  /** Called before the next attempt. */
  readonly turn?: () => void;
}

export type Retry = <T>(what: string, attempt: () => Promise<T>) => Promise<T>;

const MAX_ATTEMPTS = 9;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 3000;

/** Throws what can't pass as it is, and code `io`, retryable, when it has failed too often. */
export function retrying({ clock, whom, component, mayPass, servers = 1, turn }: RetryOptions): Retry {
  return async (what, attempt) => {
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (!mayPass(error)) throw error;
        if (attempts === MAX_ATTEMPTS)
          throw new StreamkitError("io", `${whom} failed to ${what}: ${messageOf(error)}`, {
            component,
            retryable: true,
            cause: error,
          });
        turn?.();
        if (attempts % servers === 0)
          await clock.sleep(Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempts - 1)));
      }
    }
  };
}
