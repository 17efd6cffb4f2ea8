/** A clock whose time goes on when a test says so. */

import type { Clock } from "../../src/base/clock.ts";

/** Sleepers wake when its time has come. */
export function steppedClock(): Clock & { advance(durationMs: number): Promise<void> } {
  let nowMs = 0;
  let sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (durationMs, signal) =>
      new Promise((resolve) => {
        sleepers.push({ atMs: nowMs + durationMs, wake: resolve });
        signal?.addEventListener("abort", () => resolve());
      }),
    async advance(durationMs) {
      for (const endMs = nowMs + durationMs; nowMs < endMs; ) {
        nowMs = Math.min(endMs, ...sleepers.map(({ atMs }) => atMs));
        const due = sleepers.filter(({ atMs }) => atMs <= nowMs);
        sleepers = sleepers.filter(({ atMs }) => atMs > nowMs);
        for (const { wake } of due) wake();
        for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
      }
    },
  };
}
