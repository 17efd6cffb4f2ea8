/**
 * Files at rest, in the order of their names; files that appear later are taken too. Re-readable: a range is
 * read again from the same bytes.
 */

import { existsSync } from "node:fs";
import { mkdir, open, rm, stat } from "node:fs/promises";
import path from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";
import { z } from "zod";
import { StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import type { QuotedShape } from "../formats/quoted-feeds.ts";
import type { Piece, Segment } from "../formats/read-segment.ts";
import { sampleFiles } from "./file-sample.ts";
import { type Header, readHeader } from "./header.ts";
import { lastLineEnd, offsetAfterLines } from "./line-offsets.ts";
import { recordCut } from "./record-cut.ts";
import type { Limit, Position, Range, Source, SourceContext, SourceKind } from "./source.ts";

const options = z.strictObject({
  path: z.string().describe("a file, a folder or a glob like `in/*.ndjson`, relative to the job file"),
});

export const filesKind: SourceKind<z.infer<typeof options>> = {
  name: "files",
  summary: "files at rest, in the order of their names; URL `file:GLOB`",
  options,
  isLive: false,
  fromUrl: (url) => (url.startsWith("file:") ? { path: url.slice("file:".length) } : undefined),
  open: async ({ path: pattern }, context) => openFiles(pattern, context),
};

/**
 * Position: the bytes read of each file. Files below the job's folder are named from there, so that both can
 * be moved together; the first checkpoints named all of them from the root.
 */
interface FilesPosition {
  readonly files: Readonly<Record<string, number>>;
}

function nameIn(baseFolder: string, file: string): string {
  const name = path.relative(baseFolder, path.resolve(baseFolder, file));
  return name.startsWith("..") || path.isAbsolute(name) ? path.resolve(baseFolder, file) : name;
}

function filesOf(position: Position | undefined, baseFolder: string): FilesPosition["files"] {
  const { files } = (position ?? { files: {} }) as unknown as FilesPosition;
  return Object.fromEntries(Object.entries(files).map(([file, bytes]) => [nameIn(baseFolder, file), bytes]));
}

/** A file that has not grown for so long is at rest: its last line is whole, line feed or not. */
const REST_MS = 1000;

async function openFiles(pattern: string, context: SourceContext): Promise<Source> {
  const target = path.resolve(context.baseFolder, pattern);
  if (!isDynamicPattern(pattern) && !existsSync(target))
    throw new StreamkitError("input", `There is no file "${pattern}" (looked in ${context.baseFolder})`);
  await mkdir(context.segmentFolder, { recursive: true });
  const { baseFolder } = context;
  let committed = filesOf(context.committed, baseFolder);
  let everything = context.takesWhatIsThere ? await list(pattern, baseFolder) : undefined;
  let hasMore = false;

  const nextPiece = async (
    file: string,
    from: number,
    limit: Limit,
    header: Header | undefined,
  ): Promise<number> => {
    const { size, mtimeMs } = await stat(file);
    if (size < from)
      throw new StreamkitError(
        "input",
        `"${file}" has ${size} bytes, but ${from} were read before: files at rest don't shrink`,
      );
    if (size === from) return from;
    const isAtRest = everything !== undefined || context.clock.nowMs() - mtimeMs > REST_MS;
    const end = isAtRest ? size : (lastLineEnd(file, from, size) ?? from);
    const cut =
      end - from <= limit.maxBytes
        ? end
        : (lastLineEnd(file, from, from + limit.maxBytes) ?? offsetAfterLines(file, from, end, 1));
    const to = offsetAfterLines(file, from, cut, limit.maxLines);
    if (header === undefined || (isAtRest && to === size)) return to;
    const records = { from: from === 0 ? header.sizeBytes : from, to, size: end, isEnd: isAtRest };
    return Math.max(from, recordCut(file, records, shapeOf(header, context)));
  };

  return {
    async plan(limit, previous) {
      const before = previous === undefined ? committed : filesOf(previous.to, baseFolder);
      const after: Record<string, number> = { ...before };
      let bytesLeft = limit.maxBytes;
      let header: Header | undefined;
      hasMore = false;
      for (const file of everything ?? (await list(pattern, baseFolder))) {
        const name = nameIn(baseFolder, file);
        const from = before[name] ?? 0;
        let own: Header | undefined;
        if (context.hasHeader && from < (await stat(file)).size) {
          own = await readHeader(file, context.delimiter);
          if (header !== undefined && !isAlike(own, header)) hasMore = true;
          header ??= own;
        }
        if (!hasMore) after[name] = await nextPiece(file, from, { ...limit, maxBytes: bytesLeft }, own);
        bytesLeft -= (after[name] ?? from) - from;
        const isRated = limit.maxLines !== Number.POSITIVE_INFINITY && bytesLeft < limit.maxBytes;
        hasMore ||= isRated || bytesLeft <= 0 || (await stat(file)).size > (after[name] ?? 0);
        if (hasMore) break;
      }
      if (bytesLeft === limit.maxBytes) {
        if (everything !== undefined && !hasMore) everything = [];
        return undefined;
      }
      return { from: { files: before }, to: { files: after } };
    },
    read: (range) => readPieces(range, context),
    sample: async () =>
      sampleFiles(
        everything ?? (await list(pattern, baseFolder)),
        context.hasHeader ? (file) => readHeader(file, context.delimiter) : undefined,
      ),
    async commit(range) {
      committed = filesOf(range.to, baseFolder);
      await rm(segmentFile(range, context), { force: true });
    },
    isEnded: () => everything !== undefined && everything.length === 0,
    hasBacklog: () => hasMore || everything !== undefined,
    async close() {
      await rm(context.segmentFolder, { recursive: true, force: true });
    },
  };
}

async function list(pattern: string, baseFolder: string): Promise<string[]> {
  const target = path.resolve(baseFolder, pattern);
  if (!isDynamicPattern(pattern) && existsSync(target)) {
    if (!(await stat(target)).isDirectory()) return [target];
    return (await glob("*", { cwd: target, absolute: true })).toSorted();
  }
  return (await glob(pattern, { cwd: baseFolder, absolute: true })).toSorted();
}

/** Named by all bytes read until its end: two ranges may be read at the same time. */
function segmentFile({ to }: Range, context: SourceContext): string {
  const bytes = Object.values((to as unknown as FilesPosition).files).reduce((sum, size) => sum + size, 0);
  return `${context.segmentFolder}/${bytes}.segment`;
}

async function readPieces(range: Range, context: SourceContext): Promise<Segment> {
  const before = filesOf(range.from, context.baseFolder);
  const after = filesOf(range.to, context.baseFolder);
  const target = segmentFile(range, context);
  const pieces: Piece[] = [];
  let sizeBytes = 0;
  let header: Header | undefined;
  await rm(target, { force: true });
  for (const name of Object.keys(after).toSorted()) {
    const from = before[name] ?? 0;
    const to = after[name] ?? from;
    if (to === from) continue;
    const file = path.resolve(context.baseFolder, name);
    const own = context.hasHeader ? await readHeader(file, context.delimiter) : undefined;
    header ??= own;
    const start = from === 0 ? (own?.sizeBytes ?? 0) : from;
    pieces.push({
      origin: path.relative(context.baseFolder, file),
      originOffset: start,
      segmentOffset: sizeBytes,
    });
    sizeBytes += await appendPiece(file, start, to, target);
    failpoint("files-piece-copied");
  }
  return {
    path: target,
    sizeBytes,
    pieces,
    header: header?.names,
    delimiter: header?.delimiter,
    spansLines: context.hasHeader,
  };
}

/** Whether files with these headers may be read as one. */
function isAlike(one: Header, other: Header): boolean {
  return one.names.join("\0") === other.names.join("\0") && one.delimiter === other.delimiter;
}

function shapeOf({ names, delimiter }: Header, context: SourceContext): QuotedShape {
  return { delimiter: delimiter ?? context.delimiter ?? ",", columnCount: names.length };
}

const COPY_BYTES = 1_048_576;
const LINE_FEED = 10;

/** Appends `[start, end)` of `file`, and a line feed if it ends without one. Returns the bytes appended. */
async function appendPiece(file: string, start: number, end: number, target: string): Promise<number> {
  const input = await open(file, "r");
  const output = await open(target, "a");
  try {
    const buffer = Buffer.allocUnsafe(COPY_BYTES);
    let last = LINE_FEED;
    for (let offset = start; offset < end; ) {
      const { bytesRead } = await input.read(buffer, 0, Math.min(COPY_BYTES, end - offset), offset);
      if (bytesRead === 0)
        throw new StreamkitError("input", `"${file}" became shorter than ${end} bytes while it was read`);
      await output.write(buffer, 0, bytesRead);
      last = buffer[bytesRead - 1] ?? LINE_FEED;
      offset += bytesRead;
    }
    if (last === LINE_FEED) return end - start;
    await output.write("\n");
    return end - start + 1;
  } finally {
    await input.close();
    await output.close();
  }
}
