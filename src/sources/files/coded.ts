/**
 * Files whose content has to be unpacked or decoded first. What a batch takes of them is written to a part of
 * the segment when it is planned, as only then it is known where its last line ends; the stream stays open
 * for the next batch. A part that is gone, after a crash, is made again from the start of the file.
 */

import { mkdir, open as openFile, rm } from "node:fs/promises";
import path from "node:path";
import { type LayerOptions, type Layers, openLayers } from "../../content/layers.ts";
import type { QuotedShape } from "../../formats/quoted-feeds.ts";
import { type Header, headerOf, MAX_HEADER_BYTES } from "../header.ts";
import type { Limit } from "../source.ts";
import { type ContentStream, contentStream } from "./content-stream.ts";
import { type Part, writePart } from "./part.ts";
import { endedAtRecord } from "./part-records.ts";

export interface CodedFiles {
  /** What it takes to come to the content. Opens the file for a moment. */
  layersOf(file: string): Promise<Pick<Layers, "how" | "inner">>;
  /** The column names in the content's first line; undefined where there is nothing in it. */
  header(file: CodedFile, delimiter: string | undefined): Promise<Header | undefined>;
  /** The next part of the content. `shape`: of records that may be of several lines. */
  next(file: CodedFile, from: number, limit: Limit, shape?: QuotedShape): Promise<Part>;
  /** A run of whole lines behind an offset, of about so many bytes; none where there is nothing. */
  spots(file: CodedFile, start: number, bytes: number): Promise<readonly Uint8Array[]>;
  /** The part between two offsets: the one that was made, or one that is made again. */
  part(file: CodedFile, from: number, to: number): Promise<Part>;
  /** Parts up to there are not needed any more. */
  forget(file: CodedFile, to: number): Promise<void>;
  close(): Promise<void>;
}

export interface CodedFile {
  readonly path: string;
  /** Where its lines come from, as dead letters name it. */
  readonly origin: string;
}

const CHUNK_BYTES = 262_144;
const LINE_FEED = 10;
/** So many files stay open in their middle. */
const MAX_OPEN = 8;

export function openCodedFiles(folder: string, options: LayerOptions): CodedFiles {
  const open = new Map<string, ContentStream>();
  const made = new Map<string, Part[]>();
  let parts = 0;

  const streamAt = async (file: CodedFile, from: number): Promise<ContentStream> => {
    const found = open.get(file.path);
    open.delete(file.path);
    if (found?.offset() === from) return found;
    await found?.close();
    const stream = contentStream(await openLayers(chunksOf(file.path), options));
    await stream.skip(from);
    return stream;
  };
  const keep = async (file: CodedFile, stream: ContentStream): Promise<void> => {
    open.set(file.path, stream);
    const [oldest] = open;
    if (open.size <= MAX_OPEN || oldest === undefined) return;
    open.delete(oldest[0]);
    await oldest[1].close();
  };
  const make = async (
    file: CodedFile,
    from: number,
    limit: Limit,
    { until, shape }: { readonly until?: number; readonly shape?: QuotedShape | undefined } = {},
  ): Promise<Part> => {
    await mkdir(folder, { recursive: true });
    const stream = await streamAt(file, from);
    parts += 1;
    const request = { origin: file.origin, limit, until };
    const lines = await writePart(stream, path.join(folder, `${parts}.part`), request);
    const part = shape === undefined ? lines : await endedAtRecord(lines, stream, shape);
    await (part.isLast ? stream.close() : keep(file, stream));
    made.set(file.path, [...(made.get(file.path) ?? []), part]);
    return part;
  };
  const known = (file: CodedFile, fits: (part: Part) => boolean): Part | undefined =>
    made.get(file.path)?.find(fits);

  return {
    async layersOf(file) {
      const { how, inner, close } = await openLayers(chunksOf(file), options);
      await close();
      return { how, inner };
    },
    async header(file, delimiter) {
      const stream = contentStream(await openLayers(chunksOf(file.path), options));
      try {
        return await headerIn(stream, delimiter, file.origin);
      } finally {
        await stream.close();
      }
    },
    async spots(file, start, bytes) {
      const stream = contentStream(await openLayers(chunksOf(file.path), options));
      try {
        await stream.skip(start);
        const chunks: Buffer[] = [];
        for (let count = 0; count < bytes; ) {
          const chunk = await stream.pull();
          if (chunk === undefined) break;
          chunks.push(chunk);
          count += chunk.length;
        }
        const all = Buffer.concat(chunks);
        if (all.length === 0) return [];
        const isWhole = all.length < bytes;
        return [isWhole ? all : all.subarray(0, all.lastIndexOf(LINE_FEED) + 1)];
      } finally {
        await stream.close();
      }
    },
    async next(file, from, limit, shape) {
      // The same again: the first batch is planned once more when its columns are known.
      const fits = (part: Part): boolean =>
        part.from === from &&
        part.to > from &&
        part.to - from <= limit.maxBytes &&
        limit.maxLines === Number.POSITIVE_INFINITY;
      return known(file, fits) ?? make(file, from, limit, { shape });
    },
    async part(file, from, to) {
      const limit = { maxBytes: Number.POSITIVE_INFINITY, maxLines: Number.POSITIVE_INFINITY };
      return (
        known(file, (part) => part.from === from && part.to === to) ?? make(file, from, limit, { until: to })
      );
    },
    async forget(file, to) {
      const left = (made.get(file.path) ?? []).filter((part) => part.to > to);
      for (const part of made.get(file.path) ?? [])
        if (!left.includes(part)) await rm(part.path, { force: true });
      if (left.length > 0) made.set(file.path, left);
      else made.delete(file.path);
    },
    async close() {
      for (const stream of open.values()) await stream.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** NULs before it count as bytes of the line: they are the hole that a truncation left. */
async function headerIn(
  stream: ContentStream,
  delimiter: string | undefined,
  origin: string,
): Promise<Header | undefined> {
  let first: Buffer = Buffer.alloc(0);
  let holeBytes = 0;
  for (;;) {
    const bytes = await stream.pull();
    if (bytes === undefined) break;
    const text = first.length > 0 ? 0 : bytes.findIndex((byte) => byte !== 0);
    holeBytes += text < 0 ? bytes.length : text;
    if (text >= 0) first = Buffer.concat([first, bytes.subarray(text)]);
    if (first.includes(LINE_FEED) || first.length > MAX_HEADER_BYTES) break;
  }
  if (first.length === 0) return undefined;
  const header = headerOf(first, delimiter, origin);
  return { ...header, sizeBytes: holeBytes + header.sizeBytes, holeBytes };
}

/** The file's bytes as they are. */
async function* chunksOf(file: string): AsyncGenerator<Buffer, void> {
  const input = await openFile(file, "r");
  try {
    for (;;) {
      // Of its own: what is read ahead stays.
      const { buffer, bytesRead } = await input.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await input.close();
  }
}
