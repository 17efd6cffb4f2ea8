/** Feeds the soaked job: POSTs that are repeated until they are answered, and a log that is rotated. */

import { appendFileSync, existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { lineOf } from "./job.ts";

const LOG_LIFE_MS = 15_000;
const KEPT_LOGS = 4;
const RETRY_MS = 50;

export interface Feed {
  readonly sent: Map<number, number>;
  /** Resolves when all that was begun has been taken. */
  stop(): Promise<void>;
}

/** So many events a second, some of them each `tickMs`. */
export function startFeed(folder: string, port: number, eventsASecond: number, tickMs: number): Feed {
  const sent = new Map<number, number>();
  let next = 1;
  const stopping = new AbortController();
  const { signal } = stopping;
  const perTick = Math.max(1, Math.round((eventsASecond * tickMs) / 1000 / 2));

  const lines = (): readonly { number: number; line: string }[] =>
    Array.from({ length: perTick }, () => {
      const number = next++;
      sent.set(number, 1);
      return { number, line: lineOf(number, Date.now()) };
    });
  const post = async (events: readonly { number: number; line: string }[]): Promise<void> => {
    const body = events.map(({ line }) => `${line}\n`).join("");
    for (let attempt = 0; ; attempt += 1) {
      try {
        const { ok } = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body });
        if (ok) return;
      } catch {
        // Killed: it may have taken them.
        for (const { number } of events) sent.set(number, (sent.get(number) ?? 0) + 1);
      }
      await Bun.sleep(RETRY_MS);
    }
  };
  const rotate = (): void => {
    const named = (number: number) => join(folder, number === 0 ? "log/app.log" : `log/app.log.${number}`);
    for (let number = KEPT_LOGS; number >= 0; number -= 1)
      if (existsSync(named(number))) renameSync(named(number), named(number + 1));
  };
  const posting = (async () => {
    while (!signal.aborted) {
      await post(lines());
      await Bun.sleep(tickMs);
    }
  })();
  const logging = (async () => {
    for (let tick = 1; !signal.aborted; tick += 1) {
      const text = lines().map(({ line }) => `${line}\n`);
      appendFileSync(join(folder, "log/app.log"), text.join(""));
      if (tick % Math.round(LOG_LIFE_MS / tickMs) === 0) rotate();
      await Bun.sleep(tickMs);
    }
  })();
  return {
    sent,
    async stop() {
      stopping.abort();
      await Promise.all([posting, logging]);
    },
  };
}
