/**
 * Which file is which. Each look goes through what is there and says of every file whether it is one that was
 * read before, under whatever name, or a new one.
 *
 * - The same device and inode, and the bytes that were read are still in it: the same file, renamed or not.
 * - Other bytes in it, or fewer than were read: it was truncated, or its inode is another file's now. What
 *   was read of the old content is kept: a copy of it, or what gzip made of it, is gone on with.
 * - A new file that begins with what was read of a file that is gone or was truncated, and has a name that
 *   rotation may give: its copy, gone on with where the original was left.
 * - A new file that so far equals the beginning of a file that is there may be a copy in the making: after a
 *   while, when nobody truncates the original, it is a file of its own, however much they are alike.
 */

import { closeSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { logger } from "../base/log.ts";
import { bytesAt, fingerprintOf, MAX_HEAD_BYTES } from "./fingerprint.ts";
import { GZIP_MAGIC, isGzip } from "./gzip.ts";
import { mayBeCopyOf, nearest, openHomeless } from "./homeless.ts";
import { type Globs, type Listed, openLooks } from "./listing.ts";
import { byRotation, familyOf, stemOf } from "./names.ts";
import { isMarkOf, openPacked } from "./packed.ts";
import type { FilePosition } from "./position.ts";
import { type ByStem, byStem, isPrefixOf, relatives } from "./prefix.ts";
import { openSearch } from "./siblings.ts";
import { skipToEnd } from "./start.ts";
import {
  continued,
  descriptorOf,
  hasSameContent,
  isAnotherBirth,
  openReading,
  positionOf,
  refresh,
  release,
  restored,
  type Tracked,
  trackedOf,
} from "./tracked.ts";
import { chain } from "./turns.ts";

export interface TrackerOptions {
  readonly globs: Globs;
  readonly clock: Clock;
  /** Of what was followed before; undefined on a first start. */
  readonly positions: readonly FilePosition[] | undefined;
  /** Where files are begun that are there on a first start. */
  readonly from: "start" | "end";
  /** What is there now is all: nothing is waited for. */
  readonly takesWhatIsThere: boolean;
  /** What we write ourselves: following it would never end. */
  readonly isOwn?: ((listed: Listed) => boolean) | undefined;
  /** There may be something to look at. */
  readonly notify: () => void;
}

export interface Tracker {
  /** Looks at everything that is there. */
  look(): Promise<void>;
  /** Files that may hold something to read: those that are there, and those that are gone but open. */
  files(): Iterable<Tracked>;
  /** The content is another one than what was read; the next look says what became of that. */
  changed(file: Tracked): void;
  /** True while it is not said yet of every file what it is. */
  isUndecided(): boolean;
  /** Whether a file at this path was there, and it can't be said yet what it is: it may be empty. */
  isWaitedFor(path: string): boolean;
  positions(): FilePosition[];
  close(): void;
}

/** How long after its last change a file that equals another's beginning may be its copy in the making. */
const COPY_MS = 3000;

/** Compressed by something else than gzip: no lines are in it. */
const OTHER_COMPRESSED = /\.(?:bz2|xz|zst|lz4|zip|Z)$/;

export function openTracker(options: TrackerOptions): Tracker {
  const { globs, clock, takesWhatIsThere } = options;
  const log = logger("tail");
  const here = new Map<string, Tracked>();
  const gone = openHomeless();
  const packed = openPacked(options.notify);
  const look = openLooks();
  const passedOver = new Set<string>();
  /** For copies that no glob matches. */
  const search = openSearch();
  /** Families of logs of which a compressed file is looked through, and files that wait for that. */
  const looking = new Set<string>();
  const held = new Set<Tracked>();
  const waitedFor = new Set<string>();
  let undecided = 0;
  let isFirstLook = options.positions === undefined;
  /** Contents went since the listing was made. */
  let hasLost = false;

  const isForeign = (listed: Listed): boolean => options.isOwn?.(listed) !== true;

  const addGone = (file: Tracked): void => {
    gone.add(file);
    if (file.offset > 0) search.add(file.path, clock.monotonicMs() + SEARCH_MS);
  };

  for (const position of options.positions ?? []) {
    const file = restored(position, clock.monotonicMs());
    if (position.goneAtMs !== undefined) addGone(file);
    else here.set(file.key, file);
  }

  /** Its content went: what is under its number now is a new file. */
  const loseContent = (file: Tracked, wasInPlace: boolean): void => {
    here.delete(file.key);
    release(file);
    file.goneAtMs = clock.nowMs();
    file.wasReplaced = wasInPlace;
    file.heldBytes = 0;
    addGone(file);
    hasLost = true;
  };

  /** A file that is followed was found again. */
  const meet = (file: Tracked, listed: Listed): void => {
    const { sizeBytes, modifiedAtMs } = listed;
    const isShorter = file.gzip === undefined && sizeBytes < file.offset;
    if (isShorter || isAnotherBirth(file.born, listed.born)) {
      loseContent(file, listed.path === file.path);
      return;
    }
    const hasChanged = sizeBytes !== file.sizeBytes || modifiedAtMs !== file.modifiedAtMs;
    if (hasChanged) file.changedAtMs = clock.monotonicMs();
    if (hasChanged) file.isVerified = false;
    file.sizeBytes = sizeBytes;
    file.modifiedAtMs = modifiedAtMs;
    file.born ??= listed.born;
    const isUnknown = file.tailBytes === undefined || file.isUnreadable;
    if ((isUnknown || (hasChanged && file.gzip !== undefined)) && !verify(file, listed)) return;
    if (file.isUnreadable) passOver(listed, "it can't be opened");
    else passedOver.delete(file.key);
    if (listed.path === file.path) return;
    file.path = listed.path;
    file.isRotated = true;
  };

  /** Compares the bytes with what is known of them. False where they are others. */
  const verify = (file: Tracked, listed: Pick<Listed, "path"> = file): boolean => {
    const wasOpen = file.descriptor !== undefined;
    const descriptor = descriptorOf(file, listed.path);
    if (descriptor === undefined) return true;
    const isSame = hasSameContent(file, descriptor);
    if (!wasOpen) release(file);
    if (!isSame) loseContent(file, listed.path === file.path);
    return isSame;
  };

  const leave = (file: Tracked): void => {
    refresh(file);
    here.delete(file.key);
    file.goneAtMs = clock.nowMs();
    file.isRotated = true;
    addGone(file);
  };

  /** What was not found by now is lost, if there was more to read. */
  const giveUp = (): void => {
    const isGivenUp = search.end(clock.monotonicMs());
    if (isGivenUp === undefined) return;
    for (const { path, gzip, offset, sizeBytes, descriptor } of gone.all)
      if (gzip === undefined && descriptor === undefined && sizeBytes > offset && isGivenUp(path))
        log.warn(
          `"${path}" is gone with ${sizeBytes - offset} bytes that were not read: ` +
            "neither it nor a copy of it was found",
        );
  };

  /** Where files went that are not where they were: into a name that no glob matches, or away. */
  const searchMissing = (missing: readonly Tracked[]): void => {
    if (missing.length === 0) return;
    const around = openSearch();
    for (const file of missing) around.add(file.path, Number.POSITIVE_INFINITY);
    const found = new Map(around.found(look).map((other) => [other.key, other]));
    for (const file of missing) {
      const sibling = found.get(file.key);
      if (sibling === undefined) leave(file);
      else meet(file, sibling);
    }
  };

  const passOver = (listed: Listed, why: string): void => {
    if (passedOver.has(listed.key)) return;
    passedOver.add(listed.key);
    log.warn(`"${listed.path}" is passed over: ${why}`);
  };

  /**
   * What a new file is; undefined where that can't be said yet, or it is none of ours. One that no glob
   * matches is ours as a copy only.
   */
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

  /** New files come after older ones of their log; also those that are still looked through. */
  const takeTurns = (added: readonly Tracked[]): void => {
    const all = [...held, ...added];
    held.clear();
    for (const file of all) {
      file.isHeld = looking.has(familyOf(file.path));
      if (file.isHeld) held.add(file);
    }
    const free = all.filter(({ isHeld }) => !isHeld);
    if (free.length > 0) chain(free, [...here.values(), ...gone.all]);
  };

  const lookOnce = async (): Promise<boolean> => {
    const listed = (await globs.list()).flatMap((name) => look(name) ?? []).filter(isForeign);
    hasLost = false;
    waitedFor.clear();
    const seen = new Set<string>();
    const strangers: Listed[] = [];
    for (const found of listed) {
      const key = found.key;
      if (seen.has(key)) continue;
      seen.add(key);
      const file = here.get(key);
      if (file !== undefined) meet(file, found);
      // What an empty file will be is not known: it is met again when something is in it.
      if (here.has(key)) continue;
      waitedFor.add(found.path);
      if (found.sizeBytes > 0) strangers.push(found);
    }
    const unseen = [...here.values()].filter((file) => !seen.has(file.key));
    const missing = unseen.filter((file) => {
      const found = look(file.path);
      if (found === undefined || found.key !== file.key) return true;
      meet(file, found);
      return false;
    });
    searchMissing(missing);
    giveUp();
    for (const other of search.found(look))
      if (!seen.has(other.key) && !here.has(other.key) && other.sizeBytes > 0) strangers.push(other);
    // Whose bytes are others by now is known before it is said what new files are.
    if (strangers.length > 0) for (const file of here.values()) if (!file.isVerified) verify(file);
    // A copy is made before the original is truncated, but maybe after the listing.
    if (hasLost) return false;
    const added: Tracked[] = [];
    undecided = 0;
    looking.clear();
    const live = byStem(strangers.length === 0 ? [] : here.values());
    for (const stranger of strangers.toSorted(byAge)) {
      const file = gone.returned(stranger) ?? decide(stranger, live, seen.has(stranger.key));
      if (file === undefined) continue;
      here.set(file.key, file);
      waitedFor.delete(file.path);
      added.push(file);
      addTo(live, file);
    }
    takeTurns(added);
    gone.expire(clock.nowMs());
    return true;
  };

  return {
    async look() {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) if (await lookOnce()) break;
      if (takesWhatIsThere) while (await packed.finish()) await lookOnce();
      isFirstLook = false;
    },
    *files() {
      yield* here.values();
      for (const file of gone.all) if (file.descriptor !== undefined) yield file;
    },
    changed(file) {
      if (file.goneAtMs === undefined) loseContent(file, true);
    },
    isWaitedFor: (path) => waitedFor.has(path),
    isUndecided: () => undecided > 0 || hasLost,
    positions: () => [...here.values(), ...gone.all].map(positionOf),
    close() {
      for (const file of [...here.values(), ...gone.all]) release(file);
    },
  };
}

/** A file that is truncated again and again is looked at in the end all the same. */
const MAX_TRIES = 10;
/** So long after its last change, a compressed file without its end will not get it any more. */
const BROKEN_MS = 60_000;

/** How long a copy is looked for that no glob matches. */
const SEARCH_MS = 60_000;

function byAge(a: Listed, b: Listed): number {
  return a.modifiedAtMs - b.modifiedAtMs || byRotation(a.path, b.path);
}

function addTo(live: ByStem, file: Tracked): void {
  const others = (live as Map<string, Tracked[]>).get(stemOf(file.path));
  if (others === undefined) (live as Map<string, Tracked[]>).set(stemOf(file.path), [file]);
  else others.push(file);
}
