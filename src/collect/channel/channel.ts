/**
 * Channels: what stands between reading and a receiver that is slow or away. One side puts blocks, the other
 * takes them in the same order, delivers them and commits. A channel has a bound; when it is full, `put`
 * waits.
 */

import type { EventBlock } from "../../tail/block.ts";
import type { EventWriter } from "../event-writer.ts";

/** What outputs want to be told after a restart: how long their files were, say. Plain JSON. */
export type DeliveryState = Readonly<Record<string, unknown>>;

/** Blocks that follow each other. Their bytes are valid until the next `take`. */
interface Batch {
  readonly blocks: readonly EventBlock[];
  readonly sizeBytes: number;
  /** The place behind the last block, for `commit`. */
  readonly end: Place;
}

/** A place in a channel, its own affair. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
}

export interface Channel extends EventWriter {
  /** Where taking begins. */
  readonly start: Place;
  /** Of the last commit; undefined where there is none. */
  readonly committed: DeliveryState | undefined;
  /** How long a commit may wait where nothing more is there to take. */
  readonly idleCommitMs: number;
  /**
   * The next blocks, of about `maxBytes` in all and one at least; none where all that was left is damaged.
   * Waits for some; undefined when the channel is drained, when `stop` aborts, and while `isAwaited`. One
   * caller at a time.
   */
  take(maxBytes: number, stop?: AbortSignal): Promise<Batch | undefined>;
  /** True where `take` would not wait. */
  hasMore(): boolean;
  /** True where somebody waits for a commit of what was delivered. */
  isAwaited(): boolean;
  /** Nothing is there to take and nothing will come. */
  isDrained(): boolean;
  /** Everything before the place is with its receiver, but might not survive a crash there. */
  release(end: Place): void;
  /** Everything before the place is delivered: it is not given again, and its room is free. */
  commit(end: Place, state: DeliveryState | undefined): Promise<void>;
  /** Bytes that were put and not committed. */
  waitingBytes(): number;
  /** Nothing will be put any more: lets `take` come to its end. */
  end(): void;
  /** Frees what is held. A `put` that waits is rejected with code `stopped`. */
  close(): Promise<void>;
}
