/**
 * Topics that a broker says it does not know. One that has just started may say so of any topic for a moment,
 * so a topic counts as gone only when brokers have gone on answering without it for a while.
 */

import type { Clock } from "../base/clock.ts";
import { logger } from "../base/log.ts";
import type { Connected, Consumer } from "./client.ts";
import { topicNames } from "./topics.ts";

export interface MissingTopics {
  /** A broker does not know the topic. May be told again and again. */
  suspect(topic: string): void;
  /**
   * Asks, now and then, for those that are suspected. Each is told once, as back or as gone. Throws code `io`
   * where it may not ask.
   */
  settled(): Promise<{ readonly back: readonly string[]; readonly gone: readonly string[] }>;
}

const ASK_EVERY_MS = 1000;
const GONE_AFTER_MS = 10_000;
const NOTHING = { back: [], gone: [] };

export function missingTopics(connected: Connected<Consumer>, clock: Clock): MissingTopics {
  /** When it was first answered without the topic, since when nothing else was heard. */
  const missing = new Map<string, number | undefined>();
  let askAtMs = 0;
  return {
    suspect(topic) {
      if (missing.has(topic)) return;
      logger("kafka").warn(
        `Kafka at ${connected.brokers} does not know the topic "${topic}": ` +
          `waiting ${GONE_AFTER_MS / 1000} s for it to come back`,
      );
      missing.set(topic, undefined);
    },
    async settled() {
      if (missing.size === 0 || clock.monotonicMs() < askAtMs) return NOTHING;
      const there = await connected.unlessAway(topicNames(connected));
      const nowMs = clock.monotonicMs();
      askAtMs = nowMs + ASK_EVERY_MS;
      const [back, gone]: [string[], string[]] = [[], []];
      for (const [topic, sinceMs] of missing) {
        // Who does not answer does not say that a topic is gone.
        if (there === undefined) missing.set(topic, undefined);
        else if (there.has(topic)) back.push(topic);
        else if (sinceMs === undefined) missing.set(topic, nowMs);
        else if (nowMs - sinceMs >= GONE_AFTER_MS) gone.push(topic);
      }
      for (const topic of [...back, ...gone]) missing.delete(topic);
      for (const topic of back) logger("kafka").info(`The topic "${topic}" is back`);
      return { back, gone };
    },
  };
}
