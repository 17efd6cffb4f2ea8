/**
 * Where collected blocks are put: a channel, or what stands before channels (interceptors, a selector). All
 * of them look the same to a source.
 */

import type { EventBlock } from "../tail/block.ts";

export interface EventWriter {
  /**
   * Takes a block, and waits while there is no room. Blocks keep the order in which they were put. The bytes
   * are the caller's again when it resolves. Rejects where they can never be taken.
   */
  put(block: EventBlock): Promise<void>;
  /**
   * Resolves when all that was put before is safe from a crash: on disk, or, without a disk, with its
   * receiver.
   */
  flush(): Promise<void>;
  /** False where `put` would wait: time to push back. */
  hasRoom(): boolean;
}
