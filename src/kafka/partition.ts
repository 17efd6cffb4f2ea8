/** One partition as it is read, and what may stand in its way. */

import { StreamkitError } from "../base/error.ts";
import { counted } from "../base/units.ts";
import type { TopicPartition } from "./lane.ts";
import type { Edges } from "./topics.ts";

export interface Partition extends TopicPartition {
  /** `TOPIC/PARTITION`. */
  readonly name: string;
  /** What tells its topic from another one of the same name; undefined where the broker does not say. */
  readonly topicId: string | undefined;
  /** The offset of the next record to take. */
  next: number;
  /** What waits in the lane. */
  buffered: Waiting;
  /** What waits before this offset is known to be of the topic with that identity, and may be taken. */
  confirmedUntil: number;
  /** Where the partition ended when we got there; undefined until we have. */
  endOffset: number | undefined;
  /** Where what is there now ends, if that is all that is wanted. */
  readonly stopAt: number | undefined;
  isPaused: boolean;
}

export interface Waiting {
  readonly records: number;
  readonly bytes: number;
  readonly lastOffset: number;
}

export const NOTHING_WAITS: Waiting = { records: 0, bytes: 0, lastOffset: -1 };

/** Something waits of which it is not known yet whose it is. */
export function isInDoubt({ topicId, buffered, confirmedUntil }: Partition): boolean {
  return topicId !== undefined && buffered.records > 0 && buffered.lastOffset >= confirmedUntil;
}

/** The offset before which records may be taken. */
export function takenUntil({ topicId, confirmedUntil, stopAt }: Partition): number {
  const known = topicId === undefined ? Number.POSITIVE_INFINITY : confirmedUntil;
  return Math.min(known, stopAt ?? Number.POSITIVE_INFINITY);
}

/** All that is wanted was taken. */
export function isOver({ next, stopAt }: Partition): boolean {
  return stopAt !== undefined && next >= stopAt;
}

/** All that is wanted was taken, or waits in the lane. */
export function hasArrived(partition: Partition): boolean {
  const { stopAt, buffered, endOffset } = partition;
  if (stopAt === undefined) return false;
  return isOver(partition) || buffered.lastOffset + 1 >= stopAt || (endOffset ?? 0) >= stopAt;
}

/** All that is there was taken, as far as we know. */
export function isAtEnd({ next, buffered, endOffset }: Partition): boolean {
  return buffered.records === 0 && endOffset !== undefined && endOffset <= next;
}

/** What becomes of a source whose records are gone. */
export type OnGap = "fail" | "skip";

export interface Gap {
  /** In words: what is not there any more. */
  readonly lost: string;
  /** Where reading can go on. */
  readonly resumeAt: number;
}

/**
 * The gap between the next offset to read and what the broker has; undefined where there is none. `isAnew`:
 * the topic is another one under the old name.
 */
export function gapOf(name: string, next: number, { low, high }: Edges, isAnew = false): Gap | undefined {
  const found = low === high ? "it is empty now" : `it has ${low} to ${high - 1} now`;
  if (isAnew)
    return {
      lost: `${name} was deleted and made anew after it had been read up to offset ${next}: ${found}`,
      resumeAt: low,
    };
  if (next < low) {
    const records = counted(low - next, "record");
    return { lost: `${records} of ${name} from offset ${next} on are gone: ${found}`, resumeAt: low };
  }
  if (next > high)
    return {
      lost: `${name} was read up to offset ${next}, but was cut or made anew: ${found}`,
      resumeAt: low,
    };
  return undefined;
}

/** Code `input`: with the choices. */
export function gapError({ lost, resumeAt }: Gap): StreamkitError {
  return new StreamkitError(
    "input",
    `${lost}. Either on_gap: skip in the source goes on at offset ${resumeAt} without them, ` +
      "or a new checkpoint begins anew with what is there",
    { component: "kafka" },
  );
}

/** Code `input`: with the choices. */
export function goneError(topic: string): StreamkitError {
  return new StreamkitError(
    "input",
    `The topic "${topic}" is gone from Kafka. Either make it again and start anew with another checkpoint, ` +
      "or take it out of the source, or let on_gap: skip go on without it",
    { component: "kafka" },
  );
}
