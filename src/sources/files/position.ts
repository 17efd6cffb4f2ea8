/**
 * How far files were read: a number for each, in what its content is counted in. Of a plain file these are
 * its bytes; of one that is packed or decoded, bytes of the text that is in it; of a Parquet file, rows.
 */

import path from "node:path";
import type { Position } from "../source.ts";

/**
 * Files below the job's folder are named from there, so that both can be moved together; the first
 * checkpoints named all of them from the root.
 */
export interface FilesPosition {
  readonly files: Readonly<Record<string, number>>;
  /** Those that the range reads, in their order; left out by older versions, which read them by name. */
  readonly pieces?: readonly string[];
  /** Those whose number counts something else than their bytes. */
  readonly contents?: Readonly<Record<string, ContentNote>>;
  /** What the bytes that were read are known by (`prints.ts`); left out by older versions. */
  readonly prints?: Readonly<Record<string, string>>;
}

interface ContentNote {
  /** What has to be done to come to the content, like `gzip` or `zstd utf-16le`. */
  readonly how: string;
  /** The file's own size when its content was read to its end. */
  readonly endedAtBytes?: number;
}

/** One file's share of a position. */
export interface Progress {
  readonly offset: number;
  /** Undefined for a plain file, and for one of which nothing was read. */
  readonly note: ContentNote | undefined;
}

export const NOT_BEGUN: Progress = { offset: 0, note: undefined };

export function nameIn(baseFolder: string, file: string): string {
  const name = path.relative(baseFolder, path.resolve(baseFolder, file));
  return name.startsWith("..") || path.isAbsolute(name) ? path.resolve(baseFolder, file) : name;
}

export function filesPosition(position: Position | undefined, baseFolder: string): FilesPosition {
  const { files, contents, pieces, prints } = (position ?? { files: {} }) as unknown as FilesPosition;
  const named = <T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
    Object.fromEntries(Object.entries(record).map(([file, value]) => [nameIn(baseFolder, file), value]));
  return {
    files: named(files),
    ...(pieces === undefined ? {} : { pieces: pieces.map((file) => nameIn(baseFolder, file)) }),
    ...(contents === undefined ? {} : { contents: named(contents) }),
    ...(prints === undefined ? {} : { prints: named(prints) }),
  };
}

export function progressOf({ files, contents }: FilesPosition, name: string): Progress {
  const offset = files[name];
  return offset === undefined ? NOT_BEGUN : { offset, note: contents?.[name] };
}
