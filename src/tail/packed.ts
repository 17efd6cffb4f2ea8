/** New compressed files: looked through once in the background, before it is said what they are. */

import { type Inspection, inspectGzip, type Mark } from "./gzip.ts";
import type { Listed } from "./listing.ts";
import { keyOf } from "./tracked.ts";

export interface Packed {
  /** What is in the file as it is now; undefined as long as that is looked for. */
  look(listed: Listed, marks: () => readonly Mark[]): Inspection | undefined;
  /** Waits for what is under way. Without it, there is nothing to wait for. */
  finish(): Promise<boolean>;
  forget(listed: Listed): void;
}

interface Found {
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  inspection: Inspection | undefined;
}

/** `notify` is called when something was found. One file is read at a time. */
export function openPacked(notify: () => void): Packed {
  const found = new Map<string, Found>();
  let underWay: Promise<void> | undefined;
  return {
    look(listed, marks) {
      const known = found.get(keyOf(listed));
      const { path, sizeBytes, modifiedAtMs } = listed;
      if (known?.sizeBytes === sizeBytes && known.modifiedAtMs === modifiedAtMs) return known.inspection;
      if (underWay !== undefined) return undefined;
      const entry: Found = { sizeBytes, modifiedAtMs, inspection: undefined };
      found.set(keyOf(listed), entry);
      underWay = inspectGzip(path, marks()).then((inspection) => {
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
    forget: (listed) => void found.delete(keyOf(listed)),
  };
}
