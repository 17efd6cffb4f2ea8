/** The one source of time. Everything that asks for the time is given a `Clock`; tests give a manual one. */

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number;
  /** Milliseconds of a clock that never goes back, with fractions: for durations. */
  monotonicMs(): number;
  /** Resolves after `durationMs`, or at once when `signal` aborts. Never rejects. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (durationMs, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      // What is due already is no mistake, which Node would warn of.
      const timer = setTimeout(finish, Math.max(0, durationMs));
      signal?.addEventListener("abort", finish);
    }),
};
