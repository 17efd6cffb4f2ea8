/**
 * The order in which files are read: that of time, oldest first.
 *
 * - Where each file of a log tells its first event time, by that time.
 * - Else by what rotation made of the name, as `tail` knows it: `app.log.2.gz`, `app.log.1`, `app.log`;
 *   `app-20260105.log`, `app.log`.
 * - Else by name, numbers by their value: `part-2`, `part-10`.
 *
 * Different logs of one glob are merged by the first times of their files; where one tells none, they come
 * one after the other, by name. A range notes the order of its files, so a new order never changes a batch
 * that is repeated.
 */

import { createReadStream } from "node:fs";
import { openLayers } from "../content/layers.ts";
import { byNaturalName, byRotation, familyOf, numberedLogOf } from "../tail/names.ts";
import { FIRST_BYTES, firstTimeMs } from "./first-time.ts";
import type { SourceContext } from "./source.ts";

export interface FileOrder {
  /** Files by their paths, the oldest first. */
  sorted(files: readonly string[]): Promise<readonly string[]>;
}

/** A file and when its first event was; undefined where it tells no time. */
interface Dated {
  readonly file: string;
  readonly timeMs: number | undefined;
}

type Reading = Pick<SourceContext, "format" | "hasHeader" | "delimiter" | "timeColumn">;

export function openFileOrder(reading: Reading): FileOrder {
  /** Null: it has a line, and tells no time. A file's first line does not change. */
  const known = new Map<string, number | null>();
  let last: { readonly files: readonly string[]; readonly inOrder: readonly string[] } | undefined;

  const dated = async (file: string): Promise<Dated> => {
    let timeMs = known.get(file);
    if (timeMs === undefined) {
      const head = await headOf(file, reading.format.name === "json");
      timeMs = firstTimeMs(head, reading) ?? (head.includes(LINE_FEED) ? null : undefined);
      if (timeMs !== undefined) known.set(file, timeMs);
    }
    return { file, timeMs: timeMs ?? undefined };
  };

  return {
    async sorted(files) {
      if (files.length < 2) return files;
      const isSame =
        files.length === last?.files.length && files.every((file, at) => file === last?.files[at]);
      if (isSame && last !== undefined) return last.inOrder;
      const all: Dated[] = [];
      for (const file of files) all.push(await dated(file));
      const inOrder = merged(families(all)).map(({ file }) => file);
      // One that is empty may tell its time later.
      last = files.every((file) => known.has(file)) ? { files, inOrder } : undefined;
      return inOrder;
    },
  };
}

const LINE_FEED = 10;

/** Logs with their files in order, by name. */
function families(files: readonly Dated[]): readonly (readonly Dated[])[] {
  const all = new Set(files.map(({ file }) => file));
  const byName = new Map<string, { readonly members: Dated[]; isRotated: boolean }>();
  for (const each of files) {
    const family = familyOf(each.file);
    const numbered = all.has(family) ? undefined : numberedLogOf(each.file);
    const name = numbered ?? family;
    const found = byName.get(name) ?? { members: [], isRotated: false };
    byName.set(name, found);
    found.members.push(each);
    found.isRotated ||= all.has(family) || numbered !== undefined;
  }
  return [...byName]
    .toSorted(([a], [b]) => byNaturalName(a, b))
    .map(([, { members, isRotated }]) => {
      const compare = isRotated ? byRotation : byNaturalName;
      const inOrder = members.toSorted((a, b) => compare(a.file, b.file));
      return inOrder.every(({ timeMs }) => timeMs !== undefined) ? inOrder.toSorted(byTime) : inOrder;
    });
}

function byTime(a: Dated, b: Dated): number {
  return (a.timeMs ?? 0) - (b.timeMs ?? 0);
}

/** Each log stays in its order: a file without a time goes with the one before it, or else with the next. */
function merged(logs: readonly (readonly Dated[])[]): readonly Dated[] {
  const keyed = logs.map((log) => {
    let lastMs = log.find(({ timeMs }) => timeMs !== undefined)?.timeMs;
    return log.map((each) => {
      // A log whose names and times contradict each other is read in the order of its names.
      if (each.timeMs !== undefined && lastMs !== undefined) lastMs = Math.max(lastMs, each.timeMs);
      return { ...each, timeMs: lastMs };
    });
  });
  const all = keyed.flat();
  return all.every(({ timeMs }) => timeMs !== undefined) ? all.toSorted(byTime) : all;
}

/** The first bytes of what is in a file, however it is packed. */
async function headOf(file: string, isJson: boolean): Promise<Buffer> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  try {
    const { content, inner, close } = await openLayers(createReadStream(file, { end: FIRST_BYTES }), {
      isJson,
    });
    try {
      for await (const chunk of inner.is === "text" ? content : []) {
        parts.push(chunk);
        sizeBytes += chunk.length;
        if (sizeBytes >= FIRST_BYTES) break;
      }
    } finally {
      await close();
    }
  } catch {
    // What can't be read is told by whoever reads it.
    return Buffer.of();
  }
  return Buffer.concat(parts);
}
