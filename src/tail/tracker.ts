/**
 * Which file is which. Each look goes through what is there and says of every file whether it is one that was
 * read before, under whatever name, or a new one.
 *
 * - The same device and inode, and the bytes that were read are still in it: the same file, renamed or not.
 * - Other bytes in it, or fewer than were read: it was truncated, or its inode is another file's now. What
 *   was read of the old content is kept: a copy of it, or what gzip made of it, is gone on with.
 * - What a new file is, newcomers.ts says.
 */

import type { Clock } from "../base/clock.ts";
import { logger } from "../base/log.ts";
import type { LineEncoding } from "./encoding.ts";
import { type Globs, type Listed, openLooks } from "./listing.ts";
import { byRotation, familyOf, stemOf } from "./names.ts";
import { openNewFiles } from "./new-files.ts";
import type { FilePosition } from "./position.ts";
import { type ByStem, byStem } from "./prefix.ts";
import { openRemovedFiles } from "./removed-files.ts";
import { openSearch } from "./siblings.ts";
import {
  descriptorOf,
  hasSameContent,
  isAnotherBirth,
  positionOf,
  refresh,
  release,
  restored,
  type Tracked,
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
  readonly isBounded: boolean;
  /** What the files are written in. */
  readonly encoding: LineEncoding;
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

export function openTracker(options: TrackerOptions): Tracker {
  const { globs, clock, isBounded } = options;
  const log = logger("tail");
  const here = new Map<string, Tracked>();
  const gone = openRemovedFiles();
  const newcomers = openNewFiles(options, gone, (file) => holds(file));
  const look = openLooks();
  /** For copies that no glob matches. */
  const search = openSearch();
  /** Files that wait until a compressed one of their log is looked through. */
  const held = new Set<Tracked>();
  const waitedFor = new Set<string>();
  let isFirstLook = options.positions === undefined;
  /** Of those whose positions were kept: nothing was read of them, so they have not had their turn. */
  let unbegun: readonly Tracked[] = [];
  /** Contents went, or files were moved, since the listing was made. */
  let isListingOld = false;

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
  unbegun = [...here.values()].filter(({ offset, gzip }) => offset === 0 && gzip === undefined);

  /** Its content went: what is under its number now is a new file. */
  const loseContent = (file: Tracked, wasInPlace: boolean): void => {
    here.delete(file.key);
    release(file);
    file.goneAtMs = clock.nowMs();
    file.wasReplaced = wasInPlace;
    file.heldBytes = 0;
    addGone(file);
    isListingOld = true;
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
    if (file.isUnreadable) newcomers.passOver(listed, "it can't be opened");
    else newcomers.take(file.key);
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

  /** Whether what was read of it is in it at this moment. Where that can't be seen, the listing is old. */
  const holds = (file: Tracked): boolean => {
    file.isVerified = false;
    if (!verify(file)) return false;
    if (file.isVerified || file.isUnreadable) return true;
    isListingOld = true;
    return false;
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

  /** New files come after older ones of their log; also those that are still looked through. */
  const takeTurns = (added: readonly Tracked[]): void => {
    const all = [...held, ...added];
    held.clear();
    for (const file of all) {
      file.isHeld = newcomers.isLookedThrough(familyOf(file.path));
      if (file.isHeld) held.add(file);
    }
    const free = all.filter(({ isHeld }) => !isHeld);
    if (free.length > 0) chain(free, [...here.values(), ...gone.all]);
  };

  const lookOnce = async (): Promise<boolean> => {
    const listed = (await globs.list()).flatMap((name) => look(name) ?? []).filter(isForeign);
    isListingOld = false;
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
    if (isListingOld) return false;
    const added = unbegun.filter((file) => here.get(file.key) === file);
    unbegun = [];
    newcomers.begin(isFirstLook);
    const live = byStem(strangers.length === 0 ? [] : here.values());
    for (const stranger of strangers.toSorted(byAge)) {
      const file = gone.returned(stranger) ?? newcomers.decide(stranger, live, seen.has(stranger.key));
      if (file === undefined) continue;
      here.set(file.key, file);
      waitedFor.delete(file.path);
      added.push(file);
      addTo(live, file);
    }
    takeTurns(added);
    gone.expire(clock.nowMs());
    return !isListingOld;
  };

  return {
    async look() {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) if (await lookOnce()) break;
      if (isBounded) while (await newcomers.finish()) await lookOnce();
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
    isUndecided: () => newcomers.undecided() > 0 || isListingOld,
    positions: () => [...here.values(), ...gone.all].map(positionOf),
    close() {
      for (const file of [...here.values(), ...gone.all]) release(file);
    },
  };
}

/** A file that is truncated again and again is looked at in the end all the same. */
const MAX_TRIES = 10;

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
