/** New compressed files: looked through once in the background, before it is said what they are. */

import { type Inspection, inspectGzip, type Mark } from "./gzip.ts";
import type { Listed } from "./listing.ts";
import { descriptorOf, trackedOf } from "./tracked.ts";

export interface Packed {
  /**
   * What is in the file as it is now, compared with the marks; undefined as long as that is looked for. It is
   * looked for again where it was not compared with one of `needed`.
   */
  look(listed: Listed, marks: readonly Mark[], needed: readonly Mark[]): Inspection | undefined;
  /** Waits for what is under way. Without it, there is nothing to wait for. */
  finish(): Promise<boolean>;
  forget(listed: Listed): void;
}

interface Found {
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  readonly marks: readonly Mark[];
  inspection: Inspection | undefined;
}

/** `notify` is called when something was found. One file is read at a time. */
export function openPacked(notify: () => void): Packed {
  const found = new Map<string, Found>();
  let underWay: Promise<void> | undefined;
  return {
    look(listed, marks, needed) {
      const known = found.get(listed.key);
      const { sizeBytes, modifiedAtMs } = listed;
      const isSame = known?.sizeBytes === sizeBytes && known.modifiedAtMs === modifiedAtMs;
      const isCompared = needed.every((mark) => known?.marks.some((other) => isMarkOf(other, mark)));
      if (isSame && isCompared) return known.inspection;
      if (underWay !== undefined) return undefined;
      const compared = marks.map(({ head, offset, tail }) => ({ head, offset, tail }));
      const descriptor = descriptorOf(trackedOf(listed, 0));
      if (descriptor === undefined) return undefined;
      const entry: Found = { sizeBytes, modifiedAtMs, marks: compared, inspection: undefined };
      found.set(listed.key, entry);
      underWay = inspectGzip(descriptor, compared).then((inspection) => {
        entry.inspection = inspection;
        underWay = undefined;
        notify();
      });
      return undefined;
    },
    async finish() {
      if (underWay === undefined) return false;
      await underWay;
      return true;
    },
    forget: (listed) => void found.delete(listed.key),
  };
}

/** Whether the mark is of what was read so far. */
export function isMarkOf(mark: Mark, { head, offset, tail }: Mark): boolean {
  return mark.head.hash === head.hash && mark.offset === offset && mark.tail.hash === tail.hash;
}
