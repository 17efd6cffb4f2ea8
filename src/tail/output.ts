/** Where blocks of events go: a file, a topic, a channel on disk. */

import type { EventBlock } from "./block.ts";

export interface EventOutput {
  /** Takes the events, in order; the block's bytes may be used again when it resolves. */
  write(block: EventBlock): Promise<void>;
  /** Resolves when all that was written is safe where it went: only then may it be forgotten here. */
  settle(): Promise<void>;
  /** After a last `settle`, if that matters. */
  close(): Promise<void>;
}
