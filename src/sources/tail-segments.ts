/**
 * The segments of a tailed source. Files may be truncated as soon as they were read, so what a batch reads is
 * copied before the batch is planned, with the positions behind it: each segment has a file of JSON beside
 * it, which is there only when the segment is whole. After a crash, segments that follow the commit are taken
 * as they are, whether their batch was planned or not. A commit names the segment behind which it stands, and
 * not all files again: there may be ten thousand.
 */

import {
  closeSync,
  existsSync,
  fdatasync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { sync } from "../base/durable.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import type { Piece } from "../formats/segment.ts";
import type { FilePosition } from "../tail/position.ts";

/** What stands beside a segment. */
export interface TailSegment {
  /** How far each file is read behind it. */
  readonly files: readonly FilePosition[];
  readonly sizeBytes: number;
  readonly pieces: readonly Piece[];
  readonly header: readonly string[] | undefined;
  readonly delimiter?: string | undefined;
  readonly hasAttributes: boolean;
}

export interface TailSegments {
  /** Those that were made after the commit, in order. */
  readonly found: readonly TailSegment[];
  /** How far each file was read at the commit, or on the first start; undefined where neither was. */
  readonly files: readonly FilePosition[] | undefined;
  pathOf(segment: number): string;
  begin(segment: number): SegmentWriter;
  /** The segment's batch is committed: only the positions behind it stay. */
  commit(segment: number): Promise<void>;
  /** Where files were begun on the first start, as long as nothing is committed. */
  keepStart(files: readonly FilePosition[]): Promise<void>;
}

export interface SegmentWriter {
  write(bytes: Uint8Array, attributes: Uint8Array | undefined): void;
  sizeBytes(): number;
  /** Resolves when it is sure to be there after a crash. */
  end(segment: TailSegment): Promise<void>;
  /** Without an end, it has never been. Also after an end that failed. */
  abandon(): void;
}

export function openTailSegments(folder: string, first: number, isDurable: boolean): TailSegments {
  const pathOf = (segment: number): string =>
    path.join(folder, `${String(segment).padStart(NAME_DIGITS, "0")}.segment`);
  const besideOf = (segment: number): string => `${pathOf(segment)}.json`;
  const startFile = path.join(folder, "start.json");

  const keep = async (file: string, json: unknown): Promise<void> => {
    try {
      await writeFile(`${file}.new`, JSON.stringify(json));
      if (isDurable) await sync(`${file}.new`);
      await rename(`${file}.new`, file);
      if (isDurable) await sync(folder);
    } catch (error) {
      await rm(`${file}.new`, { force: true });
      throw unwritten(file, error);
    }
  };

  const besideIfThere = (segment: number): TailSegment | undefined =>
    existsSync(besideOf(segment))
      ? (JSON.parse(readFileSync(besideOf(segment), "utf8")) as TailSegment)
      : undefined;

  const found: TailSegment[] = [];
  for (let next = besideIfThere(first); next !== undefined; next = besideIfThere(first + found.length))
    found.push(next);
  const committed = first === 0 ? undefined : besideIfThere(first - 1);
  if (first > 0 && committed === undefined)
    throw new StreamkitError(
      "io",
      `"${besideOf(first - 1)}" is gone: it says how far the checkpoint has read each file`,
      { component: "tail" },
    );

  return {
    found,
    pathOf,
    begin: (segment) => openWriter(pathOf(segment), isDurable, (made) => keep(besideOf(segment), made)),
    files: committed?.files ?? startIfThere(startFile),
    async commit(segment) {
      const kept = path.basename(besideOf(segment));
      for (const name of readdirSync(folder)) {
        const isDone = Number.parseInt(name, 10) <= segment && name !== kept;
        if (isDone || name === path.basename(startFile)) await rm(path.join(folder, name), { force: true });
      }
    },
    keepStart: (files) => keep(startFile, files),
  };
}

function startIfThere(file: string): readonly FilePosition[] | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as readonly FilePosition[]) : undefined;
}

const NAME_DIGITS = 10;

function openWriter(
  file: string,
  isDurable: boolean,
  keepBeside: (segment: TailSegment) => Promise<void>,
): SegmentWriter {
  const attributesFile = `${file}.attributes`;
  const descriptor = openNew(file);
  let attributesDescriptor: number | undefined;
  let size = 0;
  const close = (): void => {
    closeSync(descriptor);
    if (attributesDescriptor !== undefined) closeSync(attributesDescriptor);
  };
  /** A disk that is full has room again for what else is to be written at the end. */
  const remove = (): void => {
    for (const each of [file, attributesFile]) rmSync(each, { force: true });
  };
  return {
    write(bytes, attributes) {
      try {
        writeFully(descriptor, bytes);
        if (attributes !== undefined) {
          attributesDescriptor ??= openNew(attributesFile);
          writeFully(attributesDescriptor, attributes);
        }
      } catch (error) {
        throw unwritten(file, error);
      }
      size += bytes.length;
      failpoint("tail-copied");
    },
    sizeBytes: () => size,
    async end(segment) {
      try {
        if (isDurable) await synced(descriptor);
        if (isDurable && attributesDescriptor !== undefined) await synced(attributesDescriptor);
      } catch (error) {
        throw unwritten(file, error);
      }
      failpoint("tail-segment-written");
      await keepBeside(segment);
      close();
      failpoint("tail-segment-kept");
    },
    abandon() {
      close();
      remove();
    },
  };
}

/** Throws code `io`. */
function openNew(file: string): number {
  try {
    return openSync(file, "w");
  } catch (error) {
    throw unwritten(file, error);
  }
}

/** Beside the batch that is executed meanwhile. */
const synced = promisify(fdatasync);

function writeFully(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done, bytes.length - done);
}

/** What was read is not lost by it: no position behind it is kept anywhere. */
function unwritten(file: string, cause: unknown): StreamkitError {
  if (cause instanceof StreamkitError) return cause;
  return new StreamkitError(
    "io",
    `The segment "${file}" can't be written: ${messageOf(cause)}. Nothing is lost: the next start reads on`,
    { component: "tail", cause },
  );
}
