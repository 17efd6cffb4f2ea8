/** New compressed files: looked through once in the background, before it is said what they are. */

import { type Inspection, inspectPacked, type Mark } from "./gzip.ts";
import type { Listed } from "./listing.ts";
import { descriptorOf, type Tracked, trackedOf } from "./tracked.ts";

export interface CompressedFiles {
  /**
   * What is in the file as it is now; undefined as long as that is looked for. Contents that are over are
   * compared as far as they were read; those that are read meanwhile, as far as they were at some time.
   */
  look(listed: Listed, over: readonly Tracked[], live: readonly Tracked[]): Content | undefined;
  /** Waits for what is under way. Without it, there is nothing to wait for. */
  finish(): Promise<boolean>;
  forget(listed: Listed): void;
}

interface Content extends Omit<Inspection, "agrees"> {
  /** Whether it begins with what was read of the file. */
  holds(file: Tracked): boolean;
}

interface Found {
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  readonly marks: ReadonlyMap<Tracked, Mark>;
  content: Content | undefined;
}

/** `notify` is called when something was found. One file is read at a time. */
export function openCompressedFiles(notify: () => void): CompressedFiles {
  const found = new Map<string, Found>();
  let underWay: Promise<void> | undefined;
  return {
    look(listed, over, live) {
      const known = found.get(listed.key);
      const { sizeBytes, modifiedAtMs } = listed;
      const isSame = known?.sizeBytes === sizeBytes && known.modifiedAtMs === modifiedAtMs;
      if (
        isSame &&
        over.every((file) => isMarkOf(known.marks.get(file), file)) &&
        live.every((file) => known.marks.has(file))
      )
        return known.content;
      if (underWay !== undefined) return undefined;
      const descriptor = descriptorOf(trackedOf(listed, 0));
      if (descriptor === undefined) return undefined;
      const marks = new Map([...over, ...live].map((file) => [file, markOf(file)]));
      const entry: Found = { sizeBytes, modifiedAtMs, marks, content: undefined };
      found.set(listed.key, entry);
      underWay = inspectPacked(descriptor, [...marks.values()]).then(({ agrees, ...rest }) => {
        const agreeing = new Set([...marks].flatMap(([file, mark]) => (agrees.has(mark) ? [file] : [])));
        entry.content = { ...rest, holds: (file) => agreeing.has(file) };
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

function markOf({ head, offset, tail }: Tracked): Mark {
  return { head, offset, tail };
}

function isMarkOf(mark: Mark | undefined, { head, offset, tail }: Tracked): boolean {
  return mark?.head.hash === head.hash && mark.offset === offset && mark.tail.hash === tail.hash;
}
