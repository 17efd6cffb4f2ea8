/**
 * Small files of a table's partitions become few. Who asks `query` or a metastore sees each row once at any
 * moment; who only lists folders sees rows twice for the moment in which the old files are removed. Each step
 * may be the last one before a crash: the next run goes on from there, or undoes what nobody has seen.
 *
 * Not for a table of several machines at once: `lock` keeps out others of the same table.
 */

import { rm } from "node:fs/promises";
import nodePath from "node:path";
import type { Clock } from "../../base/clock.ts";
import { sync } from "../../base/durable.ts";
import { StreamkitError } from "../../base/error.ts";
import { failpoint } from "../../base/failpoint.ts";
import type { Holder } from "../../base/process-mark.ts";
import type { Database } from "../../duckdb/database.ts";
import type { PartitionStatistics } from "../metastore/metastore.ts";
import { joinPath, parentOf, type Store, type StoredFile } from "../store.ts";
import { finalWriters } from "../table-owners.ts";
import { chooseFiles, type PartitionChoice } from "./choice.ts";
import { noteCompacted } from "./compacted-batches.ts";
import { lockTable, type TableLock } from "./lock.ts";
import {
  hiddenFolder,
  hiddenPath,
  hiddenRoot,
  type Manifest,
  readManifests,
  removeManifest,
  writeManifest,
} from "./manifest.ts";
import { copyInStore, mergeFiles } from "./merge.ts";
import { canMirror, mirrorFiles, type SentReaders } from "./readers.ts";
import { sweepStaged } from "./sweep.ts";
import { isVisible } from "./table-files.ts";

export interface CompactOptions {
  readonly store: Store;
  /** The table's, in the store. */
  readonly folder: string;
  readonly database: Database;
  readonly workingFolder: string;
  readonly clock: Clock;
  readonly owner: Holder;
  readonly readers: SentReaders | undefined;
  readonly targetBytes: number;
  /** Partitions in which something was written since are left alone. */
  readonly idleMs: number;
  /** How long readers may take: files that nobody finds any more are removed so much later. */
  readonly delayMs: number;
  /** False to leave what can't be done yet to the next run. */
  readonly waits: boolean;
  /** Told what is done now. */
  readonly tell?: (words: string) => void;
  readonly stop: AbortSignal;
}

export interface CompactReport {
  /** Of this run. */
  readonly partitions: number;
  readonly filesBefore: number;
  readonly filesAfter: number;
  readonly rows: number;
  /** Compactions that the next run has to go on with. */
  readonly unfinished: number;
  /** Partitions that would have been compacted, and why they weren't. */
  readonly skipped: readonly { readonly partition: string; readonly reason: string }[];
}

const MAX_SLEEP_MS = 1_000;

export async function compactTable(options: CompactOptions): Promise<CompactReport> {
  const { store, folder, clock, delayMs, stop } = options;
  await using lock = await lockTable(store, folder, options.owner, clock);
  // Of whoever has the lock: another one's is not to be touched.
  await using _workingFolder = {
    [Symbol.asyncDispose]: () => rm(options.workingFolder, { recursive: true, force: true }),
  };
  let underWay = await readManifests(store, folder);
  await undoUnseen(options, underWay);
  refuseWithoutReaders(options, underWay);
  const skipped: { partition: string; reason: string }[] = [];
  const planned: Planned[] = [];
  const listed = await visibleFiles(options);
  const isFinalWriter = await finalWriters(store, folder);
  await sweepStaged(options, isFinalWriter);
  for (const choice of choicesOf(options, listed, underWay, isFinalWriter)) {
    if (stop.aborted) break;
    const reason = await reasonToSkip(options, choice);
    if (reason !== undefined) skipped.push({ partition: choice.partition, reason });
    else planned.push(plannedFiles(options, choice, planned.length));
  }
  await note(options, listed, underWay, { planned, isFinalWriter });
  const begun: Manifest[] = [];
  for (const [index, plan] of planned.entries()) {
    if (stop.aborted) break;
    options.tell?.(`partition ${index + 1} of ${planned.length}`);
    const manifest = await begin(options, lock, plan, listed);
    if (manifest !== undefined) begun.push(manifest);
    else skipped.push({ partition: plan.partition, reason: "its files changed meanwhile" });
  }
  underWay = [...underWay, ...begun];
  for (;;) {
    const next: Manifest[] = [];
    for (const manifest of underWay) {
      await lock.keep();
      const advanced = await advance(options, manifest);
      if (advanced !== undefined) next.push(advanced);
    }
    underWay = next;
    if (underWay.length === 0 || !options.waits || stop.aborted) break;
    const dueMs = Math.min(...underWay.map(({ sinceMs }) => sinceMs + delayMs)) - clock.nowMs();
    options.tell?.(`waiting until readers have finished: ${Math.ceil(Math.max(0, dueMs) / 1000)} s`);
    await clock.sleep(Math.max(0, Math.min(dueMs, MAX_SLEEP_MS)), stop);
  }
  return {
    partitions: begun.length,
    filesBefore: sum(begun.map(({ old }) => old.length)),
    filesAfter: sum(begun.map((manifest) => manifest.new.length)),
    rows: sum(begun.map(({ rows }) => rows)),
    unfinished: underWay.length,
    skipped,
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** New files of which no manifest tells: nobody has seen them. */
async function undoUnseen(
  { store, folder, workingFolder }: CompactOptions,
  known: readonly Manifest[],
): Promise<void> {
  await rm(workingFolder, { recursive: true, force: true });
  await store.remove(joinPath(folder, "_streamkit/compacting"));
  const ids = new Set(known.map(({ id }) => id));
  const root = hiddenRoot(folder, "");
  for (const id of await store.folders(root)) if (!ids.has(id)) await store.remove(joinPath(root, id));
}

function refuseWithoutReaders({ readers, store, folder }: CompactOptions, known: readonly Manifest[]): void {
  if (readers !== undefined || !known.some(({ movesReaders }) => movesReaders)) return;
  throw new StreamkitError(
    "usage",
    `A compaction of ${joinPath(store.url, folder)} has begun with a metastore: go on with it by --metastore`,
  );
}

async function visibleFiles({ store, folder }: CompactOptions): Promise<StoredFile[]> {
  return (await store.list(folder)).filter((file) => isVisible(folder, file));
}

function choicesOf(
  options: CompactOptions,
  listed: readonly StoredFile[],
  known: readonly Manifest[],
  isFinalWriter: (writer: string) => boolean,
): PartitionChoice[] {
  return chooseFiles(options.folder, listed, {
    targetBytes: options.targetBytes,
    idleSinceMs: options.clock.nowMs() - options.idleMs,
    busy: new Set(known.map(({ partition }) => partition)),
    isFinalWriter,
  });
}

async function reasonToSkip(
  { readers, store }: CompactOptions,
  { partition, others }: PartitionChoice,
): Promise<string | undefined> {
  if (readers === undefined || partition === "") return undefined;
  if ((await readers.placeOf(partition)) === "other") return "the metastore has it in another folder";
  return others.length === 0 || canMirror(store)
    ? undefined
    : "some of its files stay, and can't be given a second name there";
}

interface Planned extends PartitionChoice {
  readonly id: string;
  /** Of the new files, one a group. */
  readonly names: readonly string[];
}

function plannedFiles({ clock, owner }: CompactOptions, choice: PartitionChoice, index: number): Planned {
  const id = `${clock.nowMs()}-${owner.pid}-${index}`;
  return { ...choice, id, names: choice.groups.map((_, number) => `compacted-${id}-${number}.parquet`) };
}

/** Remembers whose batches will be in which file. */
async function note(
  { store, folder }: CompactOptions,
  listed: readonly StoredFile[],
  known: readonly Manifest[],
  {
    planned,
    isFinalWriter,
  }: { readonly planned: readonly Planned[]; readonly isFinalWriter: (writer: string) => boolean },
): Promise<void> {
  const merges = planned.flatMap(({ partition, names, groups }) =>
    groups.map((group, index) => ({
      file: joinPath(partition, names[index] ?? ""),
      of: group.map((name) => joinPath(partition, name)),
    })),
  );
  const there = [
    ...listed.map(({ path }) => path.slice(folder.length + 1)),
    ...known.flatMap((manifest) => manifest.new.map((name) => joinPath(manifest.partition, name))),
  ];
  await noteCompacted(store, folder, merges, new Set(there), isFinalWriter);
  failpoint("compact-noted");
}

/**
 * The new files are made, and those who know of the manifest see them from then on. Undefined where the old
 * ones are not what they were: a job began anew, and has removed or replaced them.
 */
async function begin(
  options: CompactOptions,
  lock: TableLock,
  planned: Planned,
  listed: readonly StoredFile[],
): Promise<Manifest | undefined> {
  const { store, folder, readers, workingFolder, clock } = options;
  const { partition, groups, id, names } = planned;
  const sinceMs = clock.nowMs();
  const of = { id, partition };
  let rows = 0;
  const files = [];
  for (const [number, group] of groups.entries()) {
    await lock.keep();
    const from = nodePath.join(workingFolder, `${id}-${number}.staged`);
    const paths = group.map((name) => joinPath(folder, partition, name));
    rows += await mergeFiles(options, paths, from);
    files.push({ from, to: hiddenPath(folder, of, names[number] ?? "") });
  }
  await store.put(files, { staging: stagingOf(options), isDurable: true });
  failpoint("compact-written");
  await lock.keep();
  if (!(await areAsListed(options, planned, listed))) {
    await store.remove(hiddenRoot(folder, id));
    return undefined;
  }
  const movesReaders =
    readers !== undefined && partition !== "" && (await readers.placeOf(partition)) === "own";
  const manifest: Manifest = {
    version: 1,
    ...of,
    state: "deciding",
    sinceMs,
    old: groups.flat(),
    new: names,
    rows,
    movesReaders,
  };
  await writeManifest(store, folder, manifest);
  failpoint("compact-decided");
  return manifest;
}

async function areAsListed(
  { store, folder }: CompactOptions,
  { partition, groups }: Planned,
  listed: readonly StoredFile[],
): Promise<boolean> {
  const own = joinPath(folder, partition);
  const stateOf = ({ path, sizeBytes, modifiedAtMs }: StoredFile): string =>
    `${sizeBytes} ${modifiedAtMs} ${path}`;
  const now = new Set((await store.list(own)).map(stateOf));
  const taken = new Set(groups.flat().map((name) => joinPath(own, name)));
  return listed.filter(({ path }) => taken.has(path)).every((file) => now.has(stateOf(file)));
}

function stagingOf({ folder }: CompactOptions): string {
  return joinPath(folder, "_streamkit/compacting");
}

/** As far as it can go now; undefined where nothing is left to do. */
async function advance(options: CompactOptions, manifest: Manifest): Promise<Manifest | undefined> {
  const isDue = options.clock.nowMs() >= manifest.sinceMs + options.delayMs;
  switch (manifest.state) {
    case "deciding":
      return decide(options, manifest);
    case "waiting":
      if (!isDue) {
        await mirrorOthers(options, manifest);
        return manifest;
      }
      return place(options, manifest);
    case "retiring":
      return isDue ? retire(options, manifest) : manifest;
  }
}

async function decide(options: CompactOptions, manifest: Manifest): Promise<Manifest> {
  if (manifest.movesReaders) {
    const { readers, folder } = options;
    await mirrorOthers(options, manifest);
    const place = hiddenFolder(folder, manifest).slice(folder.length + 1);
    await readers?.send(manifest.partition, place);
    // What was written in between.
    await mirrorOthers(options, manifest);
    failpoint("compact-switched");
  }
  return enter(options, manifest, "waiting");
}

async function enter(
  { store, folder, clock }: CompactOptions,
  manifest: Manifest,
  state: Manifest["state"],
): Promise<Manifest> {
  const next = { ...manifest, state, sinceMs: clock.nowMs() };
  await writeManifest(store, folder, next);
  return next;
}

/** The new files take the place of the old ones in the partition's own folder. */
async function place(options: CompactOptions, manifest: Manifest): Promise<Manifest | undefined> {
  const { store, folder, readers } = options;
  const { partition } = manifest;
  const at = (name: string): string => joinPath(folder, partition, name);
  const there = new Set((await visibleFiles(options)).map(({ path }) => path));
  // The partition was dropped meanwhile: it stays so.
  if (![...manifest.old, ...manifest.new].some((name) => there.has(at(name))))
    return retire(options, manifest);
  const isFirst = !manifest.new.some((name) => there.has(at(name)));
  for (const name of manifest.new) {
    if (!there.has(at(name)))
      await copyInStore(options, hiddenPath(folder, manifest, name), at(name), stagingOf(options));
    failpoint("compact-placed");
  }
  if (isFirst && (await isDropped(options, manifest))) {
    for (const name of manifest.new) await store.remove(at(name));
    return retire(options, manifest);
  }
  for (const name of manifest.old) {
    await store.remove(at(name));
    failpoint("compact-removed");
  }
  if (store.localFolder !== undefined) await sync(nodePath.join(store.localFolder, folder, partition));
  if (manifest.movesReaders) {
    await readers?.send(partition, partition, await filesIn(options, partition));
    failpoint("compact-returned");
  }
  const next = await enter(options, manifest, "retiring");
  failpoint("compact-retired");
  return next;
}

/**
 * Whether somebody has removed the partition while its new files were put there: they don't bring it back.
 */
async function isDropped(options: CompactOptions, { partition, old }: Manifest): Promise<boolean> {
  const own = joinPath(options.folder, partition);
  const there = new Set((await options.store.list(own)).map(({ path }) => path));
  return !old.some((name) => there.has(joinPath(own, name)));
}

async function filesIn(options: CompactOptions, partition: string): Promise<PartitionStatistics> {
  const folder = joinPath(options.folder, partition);
  const files = (await visibleFiles(options)).filter(({ path }) => parentOf(path) === folder);
  return { files: files.length, bytes: sum(files.map(({ sizeBytes }) => sizeBytes)) };
}

async function retire({ store, folder }: CompactOptions, manifest: Manifest): Promise<undefined> {
  await store.remove(hiddenRoot(folder, manifest.id));
  await store.remove(joinPath(folder, "_streamkit/compacting"));
  failpoint("compact-cleared");
  await removeManifest(store, folder, manifest);
  return undefined;
}

/** Files that stay, and new ones: also for those who are sent to the new files' first place. */
async function mirrorOthers(options: CompactOptions, manifest: Manifest): Promise<void> {
  const { store, folder } = options;
  if (!manifest.movesReaders || store.localFolder === undefined) return;
  const own = joinPath(folder, manifest.partition);
  const replaced = new Set([...manifest.old, ...manifest.new]);
  const others = (await visibleFiles(options))
    .filter(({ path }) => parentOf(path) === own)
    .map(({ path }) => path.slice(own.length + 1))
    .filter((name) => !replaced.has(name));
  const secondName = (name: string): string => nodePath.basename(hiddenPath("", manifest, name));
  await mirrorFiles(
    nodePath.join(store.localFolder, own),
    others,
    nodePath.join(store.localFolder, hiddenFolder(folder, manifest)),
    { secondName, keep: manifest.new.map(secondName) },
  );
}
