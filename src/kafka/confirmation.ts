/**
 * Whose records were fetched. A topic that is deleted and made anew has the name of the one before, and
 * librdkafka reads on in it at the old offsets. An identity never comes back: where a topic still has its own
 * after a fetch, what was fetched is of that topic.
 */

import type { Connected, Consumer } from "./client.ts";
import { isInDoubt, type Partition } from "./partition.ts";
import { topicIds } from "./topics.ts";

export interface Confirmation {
  /**
   * Asks for what is in doubt, one question at a time; `confirmed` is called where something may be taken,
   * `failed` where reading can't go on.
   */
  ask(confirmed: () => void, failed: (error: unknown) => void): void;
  /** Resolves when nothing is asked any more. */
  ended(): Promise<void>;
}

interface ConfirmationOptions {
  readonly partitions: () => readonly Partition[];
  /** Another number whenever fetching was begun anew: what was asked before is void. */
  readonly assignments: () => number;
  /** A broker does not know the topic. */
  readonly isMissing: (topic: string) => void;
  /** A topic has another identity. */
  readonly isAnew: () => Promise<void>;
}

export function openConfirmation(
  connected: Connected<Consumer>,
  { partitions, assignments, isMissing, isAnew }: ConfirmationOptions,
): Confirmation {
  let asking: Promise<void> | undefined;
  const confirm = async (confirmed: () => void): Promise<void> => {
    const asked = partitions().filter(isInDoubt);
    const before = assignments();
    const fetched = asked.map((partition) => ({ partition, until: partition.buffered.lastOffset + 1 }));
    const topics = [...new Set(asked.map(({ topic }) => topic))];
    const ids = await connected.unlessAway(topicIds(connected, topics));
    if (ids === undefined || assignments() !== before) return;
    let hasConfirmed = false;
    for (const { partition, until } of fetched) {
      if (ids.get(partition.topic) !== partition.topicId) continue;
      partition.confirmedUntil = Math.max(partition.confirmedUntil, until);
      hasConfirmed = true;
    }
    if (hasConfirmed) confirmed();
    for (const topic of topics) if (!ids.has(topic)) isMissing(topic);
    if (asked.some(({ topic, topicId }) => ids.has(topic) && ids.get(topic) !== topicId)) await isAnew();
  };
  return {
    ask(confirmed, failed) {
      if (asking !== undefined || !partitions().some(isInDoubt)) return;
      asking = confirm(confirmed)
        .catch(failed)
        .finally(() => {
          asking = undefined;
        });
    },
    async ended() {
      await asking;
    },
  };
}
