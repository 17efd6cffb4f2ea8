/**
 * What a new file is: what goes on with one that was read before, a file of its own, or one of which that
 * can't be said yet.
 *
 * - One that begins with what was read of a file that is gone or was truncated, and has a name that rotation
 *   may give: its copy, gone on with where the original was left.
 * - One that so far equals the beginning of a file that is there may be a copy in the making: after a while,
 *   when nobody truncates the original, it is a file of its own, however much they are alike.
 * - One that is compressed is looked through first, where it may be made of what was read.
 */

import { closeSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { logger } from "../base/log.ts";
import { bytesAt, fingerprintOf, MAX_HEAD_BYTES } from "./fingerprint.ts";
import { GZIP_MAGIC, isGzip } from "./gzip.ts";
import { type Homeless, mayBeCopyOf, nearest } from "./homeless.ts";
import type { Listed } from "./listing.ts";
import { familyOf } from "./names.ts";
import { isMarkOf, openPacked } from "./packed.ts";
import { type ByStem, isPrefixOf, relatives } from "./prefix.ts";
import { skipToEnd } from "./start.ts";
import { continued, openReading, positionOf, type Tracked, trackedOf } from "./tracked.ts";

/** How long after its last change a file that equals another's beginning may be its copy in the making. */
const COPY_MS = 3000;
/** So long after its last change, a compressed file without its end will not get it any more. */
const BROKEN_MS = 60_000;

/** Compressed by something else than gzip: no lines are in it. */
const OTHER_COMPRESSED = /\.(?:bz2|xz|zst|lz4|zip|Z)$/;

export interface NewcomerOptions {
  readonly clock: Clock;
  /** Where files are begun that are there on a first start. */
  readonly from: "start" | "end";
  /** What is there now is all: nothing is waited for. */
  readonly takesWhatIsThere: boolean;
  /** Something that was looked through can be decided. */
  readonly notify: () => void;
}

export interface Newcomers {
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

/** Originals of copies are taken out of `gone`. */
export function openNewcomers(options: NewcomerOptions, gone: Homeless): Newcomers {
  const { clock, takesWhatIsThere } = options;
  const log = logger("tail");
  const packed = openPacked(options.notify);
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
    if (OTHER_COMPRESSED.test(listed.path)) {
      passOver(listed, "of compressed files, only gzip's are read");
      return undefined;
    }
    const descriptor = openReading(listed.path);
    if (descriptor === undefined) {
      passOver(listed, "it can't be opened");
      return undefined;
    }
    try {
      passedOver.delete(listed.key);
      const first = bytesAt(descriptor, 0, GZIP_MAGIC.length);
      if (first.length < GZIP_MAGIC.length && isGzip(first)) return later();
      if (isGzip(first)) return decidePacked(listed, descriptor, live, isListed);
      return decidePlain(listed, descriptor, live, isListed);
    } finally {
      closeSync(descriptor);
    }
  };

  const decidePlain = (
    listed: Listed,
    descriptor: number,
    live: ByStem,
    isListed: boolean,
  ): Tracked | undefined => {
    const file = trackedOf(listed, clock.monotonicMs());
    const original = gone.copiedTo(listed, descriptor);
    if (original !== undefined) return original.descriptor === undefined ? goOn(file, original) : later();
    if (!isListed) return undefined;
    if (isFirstLook && options.from === "end") {
      skipToEnd(file, descriptor);
      return file;
    }
    const isFresh = !takesWhatIsThere && clock.nowMs() - listed.changedAtMs < COPY_MS;
    if (isFresh && relatives(listed, live).some((other) => mayBeOriginal(other, listed, descriptor)))
      return later();
    return file;
  };

  /** Nobody copies and truncates what was renamed already. */
  const mayBeOriginal = (file: Tracked, listed: Listed, descriptor: number): boolean =>
    file.gzip === undefined && !file.isRotated && file.sizeBytes > 0 && isPrefixOf(listed, descriptor, file);

  const decidePacked = (
    listed: Listed,
    descriptor: number,
    live: ByStem,
    isListed: boolean,
  ): Tracked | undefined => {
    const file = trackedOf(listed, clock.monotonicMs());
    const gzipHead = fingerprintOf(bytesAt(descriptor, 0, MAX_HEAD_BYTES));
    if (isListed && isFirstLook && options.from === "end") {
      file.gzip = { isWhole: true, head: gzipHead };
      return file;
    }
    const alive = (): readonly Tracked[] =>
      relatives(listed, live).filter(({ gzip, offset }) => gzip === undefined && offset > 0);
    const dead = (): readonly Tracked[] =>
      gone.all.filter((other) => other.gzip === undefined && mayBeCopyOf(listed, other));
    const ageMs = clock.nowMs() - listed.changedAtMs;
    if (dead().length === 0 && !isListed) return undefined;
    // It can be made of nothing that was read, and nobody writes to it: it need not be looked through.
    if (dead().length === 0 && ageMs >= COPY_MS) {
      file.gzip = { isWhole: false, head: gzipHead };
      return file;
    }
    // What is gone and open is read to its end first.
    const isOpen = dead().some((other) => other.descriptor !== undefined);
    const found = isOpen ? undefined : packed.look(listed, [...dead(), ...alive()], dead());
    if (found === undefined) {
      looking.add(familyOf(listed.path));
      return later();
    }
    if (!found.isWhole) {
      if (ageMs < BROKEN_MS && !takesWhatIsThere) return later();
      passOver(listed, "its end is missing");
      return undefined;
    }
    const agreeing = (files: readonly Tracked[]): readonly Tracked[] =>
      files.filter((other) => [...found.agrees].some((mark) => isMarkOf(mark, other)));
    const original = nearest(listed.path, agreeing(dead()));
    const isFresh = !takesWhatIsThere && ageMs < COPY_MS;
    if (original === undefined && isFresh && agreeing(alive()).length > 0) return later();
    if (original === undefined && !isListed) return undefined;
    packed.forget(listed);
    if (original !== undefined) goOn(file, original);
    file.gzip = { isWhole: file.offset >= found.lengthBytes, head: gzipHead };
    return file;
  };

  const goOn = (file: Tracked, original: Tracked): Tracked => {
    gone.remove(original);
    Object.assign(file, continued(positionOf(original)), { isRotated: true });
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
