/**
 * What flows through collecting: whole events that came from one place, one after another. Headers belong to
 * the block, so that millions of lines cost no object each; where a line needs headers of its own, it is a
 * block of its own.
 */

export interface EventBlock {
  /** Whole lines: the last byte is a line feed. What came without one got it. */
  readonly bytes: Uint8Array;
  /** Where each event ends in `bytes`, after its line feed; left out where each line is an event. */
  readonly ends?: Uint32Array | undefined;
  readonly events: number;
  /** What holds for every event: `file`, `host`, static ones, those of interceptors. */
  readonly headers: Readonly<Record<string, string>>;
}
