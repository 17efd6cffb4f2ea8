/**
 * What a new file is: what goes on with one that was read before, a file of its own, or one of which that
 * can't be said yet.
 *
 * - One that begins with what was read of a file that is gone or was truncated, and has its name, or one that
 *   rotation may give: its copy, gone on with where the original was left.
 * - One that so far equals the beginning of a file that is there may be a copy in the making: after a while,
 *   when nobody truncates the original, it is a file of its own, however much they are alike.
 * - One that is compressed is looked through first, where it may be made of what was read.
 */

import { closeSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { logger } from "../base/log.ts";
import { mayBecomeMore, SIGNATURE_BYTES, type Signature, signatureOf } from "../content/signatures.ts";
import { openCompressedFiles } from "./compressed-files.ts";
import type { LineEncoding } from "./encoding.ts";
import { bytesAt, fingerprintOf, MAX_HEAD_BYTES } from "./fingerprint.ts";
import type { Listed } from "./listing.ts";
import { familyOf } from "./names.ts";
import { type ByStem, isPrefixOf, relatives } from "./prefix.ts";
import { mayBeCopyOf, nearest, type RemovedFiles } from "./removed-files.ts";
import { skipToEnd } from "./start.ts";
import { continued, openReading, positionOf, type Tracked, trackedOf } from "./tracked.ts";

/** How long after its last change a file that equals another's beginning may be its copy in the making. */
const COPY_MS = 3000;
/** So long after its last change, a compressed file without its end will not get it any more. */
const BROKEN_MS = 60_000;

export interface NewFilesOptions {
  readonly clock: Clock;
  /** Where files are begun that are there on a first start. */
  readonly from: "start" | "end";
  /** What is there now is all: nothing is waited for. */
  readonly isBounded: boolean;
  readonly encoding: LineEncoding;
  /** Something that was looked through can be decided. */
  readonly notify: () => void;
}

export interface NewFiles {
  /** Before those of a look are decided. `isFirst`: those that are there begin where the options say. */
  begin(isFirst: boolean): void;
  /**
   * What a new file is; undefined where that can't be said yet, or it is none of ours. `live` are files that
   * are there. One that no glob matches is ours as a copy only.
   */
  decide(listed: Listed, live: ByStem, isListed: boolean): Tracked | undefined;
  /** Says once that nothing is read of it. */
  passOver(listed: Listed, why: string): void;
  /** It is read after all. */
  take(key: string): void;
  /** Of how many of this look it can't be said yet what they are. */
  undecided(): number;
  /** True while a compressed file of this family of logs is looked through. */
  isLookedThrough(family: string): boolean;
  /** Resolves to true when some of what is looked through can be decided now, to false where nothing is. */
  finish(): Promise<boolean>;
}

/** Why no lines are in a file that begins so; undefined where there may be some. */
function strangenessOf(signature: Signature, encoding: NewFilesOptions["encoding"]): string | undefined {
  switch (signature.is) {
    case "foreign":
      return encoding.isDeclared && signature.what.startsWith("text")
        ? undefined
        : `it is ${signature.what}; ${signature.remedy}`;
    case "parquet":
      return "it is a Parquet file, which does not grow; file: reads it";
    case "marked":
      return encoding.isDeclared ? undefined : `it is text in ${signature.encoding}: say so, with encoding`;
    default:
      return undefined;
  }
}

type DecideOpen = (
  listed: Listed,
  descriptor: number,
  live: ByStem,
  isListed: boolean,
) => Tracked | undefined;

/**
 * Originals of copies are taken out of `gone`. `holds` says whether what was read of a file is in it at this
 * moment; where it is not, there will be another look.
 */
export function openNewFiles(
  options: NewFilesOptions,
  gone: RemovedFiles,
  holds: (file: Tracked) => boolean,
): NewFiles {
  const { clock, isBounded } = options;
  const log = logger("tail");
  const packed = openCompressedFiles(options.notify);
  const passedOver = new Set<string>();
  const looking = new Set<string>();
  let undecided = 0;
  let isFirstLook = false;

  const passOver = (listed: Listed, why: string): void => {
    if (passedOver.has(listed.key)) return;
    passedOver.add(listed.key);
    log.warn(`"${listed.path}" is passed over: ${why}`);
  };

  const decide = (listed: Listed, live: ByStem, isListed: boolean): Tracked | undefined => {
    const descriptor = openReading(listed.path);
    if (descriptor === undefined) {
      passOver(listed, "it can't be opened");
      return undefined;
    }
    try {
      const first = bytesAt(descriptor, 0, SIGNATURE_BYTES);
      if (isFresh(listed) && mayBecomeMore(first)) return later();
      const signature = signatureOf(first);
      const strange = strangenessOf(signature, options.encoding);
      if (strange !== undefined) {
        if (isListed) passOver(listed, strange);
        return undefined;
      }
      passedOver.delete(listed.key);
      if (signature.is === "packed") return decidePacked(listed, descriptor, live, isListed);
      return decidePlain(listed, descriptor, live, isListed);
    } finally {
      closeSync(descriptor);
    }
  };

  const decidePlain: DecideOpen = (listed, descriptor, live, isListed) => {
    const file = trackedOf(listed, clock.monotonicMs());
    const original = gone.copiedTo(listed, descriptor);
    if (original !== undefined) return original.descriptor === undefined ? goOn(file, original) : later();
    if (!isListed) return undefined;
    if (isFirstLook && options.from === "end") {
      skipToEnd(file, descriptor);
      return file;
    }
    if (!isFresh(listed)) return file;
    const originals = relatives(listed, live).filter(mayBeCopied);
    if (originals.some((other) => isPrefixOf(listed, descriptor, other))) return later();
    // One that was truncated since it was listed has been compared with what is in it now.
    return originals.every(({ offset }) => offset === 0) || originals.every(holds) ? file : later();
  };

  /** A copy of it may have been made just now. */
  const isFresh = ({ changedAtMs }: Listed): boolean => clock.nowMs() - changedAtMs < COPY_MS;

  /**
   * Nobody copies and truncates what was renamed already. Of what nothing was read, all is read at once where
   * what is there now is all.
   */
  const mayBeCopied = ({ gzip, isRotated, sizeBytes, offset }: Tracked): boolean =>
    gzip === undefined && !isRotated && sizeBytes > 0 && (!isBounded || offset > 0);

  const decidePacked: DecideOpen = (listed, descriptor, live, isListed) => {
    const file = trackedOf(listed, clock.monotonicMs());
    const gzipHead = fingerprintOf(bytesAt(descriptor, 0, MAX_HEAD_BYTES));
    if (isListed && isFirstLook && options.from === "end") {
      file.gzip = { isWhole: true, head: gzipHead };
      return file;
    }
    const dead = gone.all.filter((other) => other.gzip === undefined && mayBeCopyOf(listed, other));
    if (dead.length === 0 && !isListed) return undefined;
    // It can be made of nothing that was read, and nobody writes to it: it need not be looked through.
    if (dead.length === 0 && !isFresh(listed)) {
      file.gzip = { isWhole: false, head: gzipHead };
      return file;
    }
    const isRead = ({ gzip, offset }: Tracked): boolean => gzip === undefined && offset > 0;
    const alive = isFresh(listed) ? relatives(listed, live).filter(isRead) : [];
    // What is gone and open is read to its end first.
    const isOpen = dead.some((other) => other.descriptor !== undefined);
    const found = isOpen ? undefined : packed.look(listed, dead, alive);
    if (found === undefined) {
      looking.add(familyOf(listed.path));
      return later();
    }
    if (!found.isWhole) {
      if (clock.nowMs() - listed.changedAtMs < BROKEN_MS && !isBounded) return later();
      passOver(listed, "its end is missing");
      return undefined;
    }
    const original = nearest(listed.path, dead.filter(found.holds));
    // Its original goes when it is whole.
    if (original === undefined && alive.some(found.holds)) return later();
    if (original === undefined && !isListed) return undefined;
    packed.forget(listed);
    if (original !== undefined) goOn(file, original);
    file.gzip = { isWhole: file.offset >= found.lengthBytes, head: gzipHead };
    return file;
  };

  const goOn = (file: Tracked, original: Tracked): Tracked => {
    gone.remove(original);
    const isRotated = file.path !== original.path;
    Object.assign(file, continued(positionOf(original)), { isRotated });
    return file;
  };

  const later = (): undefined => {
    undecided += 1;
    return undefined;
  };

  return {
    begin(isFirst) {
      undecided = 0;
      looking.clear();
      isFirstLook = isFirst;
    },
    decide,
    passOver,
    take: (key) => void passedOver.delete(key),
    undecided: () => undecided,
    isLookedThrough: (family) => looking.has(family),
    finish: () => packed.finish(),
  };
}
