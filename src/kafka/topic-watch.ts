/**
 * Watches the topic that is written. One that is gone, or that takes nothing though the broker answers, is
 * told within seconds and waited for so long at most; a broker that is away is waited for, and not counted.
 */

import type { Clock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import { durationText } from "../base/units.ts";
import type { KafkaMetadata } from "../runtime/kafka.ts";
import { type Connected, called, type Producer } from "./client.ts";
import { faultOf, isUnknownTopic } from "./errors.ts";

export interface TopicWatch {
  /** A batch is being written; until `ended` it counts how long nothing is taken. */
  begun(): void;
  ended(): void;
  /** Records were taken: not counted any more once the batch has failed. */
  progress(): void;
  failed(): void;
  /** How long a failing batch is tried, in words. */
  readonly limit: string;
  /** Rejects with code `io` once a batch has waited for too long. */
  readonly hopeless: Promise<never>;
  close(): void;
}

interface WatchOptions {
  readonly clock: Clock;
  readonly topic: string;
  /** How long a batch is tried. */
  readonly limitMs: number;
  /** Who can be asked now. */
  readonly connected: () => Connected<Producer> | undefined;
}

const ASK_EVERY_MS = 1000;
const ASK_TIMEOUT_MS = 2000;
const TELL_AFTER_MS = 4000;
/** A broker that has just started may not know its topics for a moment. */
const GONE_AFTER_MS = 10_000;

/** What a broker says of a topic. */
type Found = "no answer" | "gone" | { readonly lacks: string | undefined };

export function watchTopic({ clock, topic, limitMs, connected }: WatchOptions): TopicWatch {
  const closing = new AbortController();
  const hopeless = Promise.withResolvers<never>();
  hopeless.promise.catch(() => undefined);
  const limit = durationText(limitMs);
  /** Since when the batch under way waits for the topic; undefined where there is none. */
  let waitsSinceMs: number | undefined;
  let hasFailed = false;
  let isTold = false;
  let goneSinceMs: number | undefined;
  let askedAtMs = clock.monotonicMs();

  const give = (message: string): void =>
    hopeless.reject(new StreamkitError("io", message, { component: "kafka" }));
  const judge = (found: Found, nowMs: number): void => {
    if (found === "no answer") {
      // Nobody can say whether it would be taken.
      if (waitsSinceMs !== undefined) waitsSinceMs = Math.min(nowMs, waitsSinceMs + (nowMs - askedAtMs));
      goneSinceMs = goneSinceMs === undefined ? undefined : nowMs;
      return;
    }
    if (found === "gone") {
      if (goneSinceMs === undefined)
        logger("kafka").warn(
          `The topic "${topic}" is gone from Kafka: ` +
            `waiting ${durationText(GONE_AFTER_MS)} for it to come back`,
        );
      goneSinceMs ??= nowMs;
      if (waitsSinceMs !== undefined && nowMs - goneSinceMs >= GONE_AFTER_MS)
        give(
          `The topic "${topic}" is gone from Kafka, and the batch under way can't be written: make the ` +
            "topic again, and start the job again",
        );
      return;
    }
    if (goneSinceMs !== undefined) logger("kafka").info(`The topic "${topic}" is back`);
    goneSinceMs = undefined;
    if (waitsSinceMs === undefined) return;
    const waitedMs = nowMs - waitsSinceMs;
    const why = found.lacks === undefined ? "" : `: ${found.lacks}`;
    if (waitedMs >= limitMs)
      give(
        `The topic "${topic}" has taken nothing of a batch for ${limit} (retry_for)${why}. The next start ` +
          "writes the batch again",
      );
    else if (waitedMs >= TELL_AFTER_MS && !isTold && !hasFailed) {
      isTold = true;
      logger("kafka").warn(`The topic "${topic}" takes nothing${why}. Trying for ${limit} (retry_for)`);
    }
  };
  const watch = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(ASK_EVERY_MS, closing.signal);
      if (closing.signal.aborted) return;
      const found = await asked(connected(), topic);
      const nowMs = clock.monotonicMs();
      if (!closing.signal.aborted) judge(found, nowMs);
      askedAtMs = nowMs;
    }
  };
  watch().catch((error: unknown) => hopeless.reject(error as Error));
  return {
    limit,
    hopeless: hopeless.promise,
    begun() {
      waitsSinceMs = clock.monotonicMs();
      hasFailed = false;
      isTold = false;
    },
    ended() {
      waitsSinceMs = undefined;
    },
    progress() {
      if (waitsSinceMs !== undefined && !hasFailed) waitsSinceMs = clock.monotonicMs();
    },
    failed() {
      hasFailed = true;
    },
    close: () => closing.abort(),
  };
}

async function asked(connected: Connected<Producer> | undefined, topic: string): Promise<Found> {
  if (connected === undefined) return "no answer";
  const { client } = connected;
  try {
    const { topics } = await called<KafkaMetadata>((done) =>
      client.getMetadata({ topic, timeout: ASK_TIMEOUT_MS }, done),
    );
    const partitions = topics.find(({ name }) => name === topic)?.partitions ?? [];
    if (partitions.length === 0) return "gone";
    const headless = partitions.find(({ leader }) => leader < 0);
    return {
      lacks: headless === undefined ? undefined : `its partition ${headless.id} has no leader`,
    };
  } catch (error) {
    return isUnknownTopic(faultOf(error)) ? "gone" : "no answer";
  }
}
