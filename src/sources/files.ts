/**
 * Files at rest, in the order of time (`file-order.ts`); files that appear later are taken too. Re-readable:
 * a range is read again from the same bytes.
 */

import { existsSync } from "node:fs";
import { mkdir, rm, stat, utimes } from "node:fs/promises";
import path from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";
import { z } from "zod";
import { logger } from "../base/log.ts";
import type { Column } from "../duckdb/database.ts";
import type { Segment } from "../formats/segment.ts";
import { noFileError, noMatchError } from "../tail/missing.ts";
import { hasFieldLines } from "./field-lines.ts";
import { openFileOrder } from "./file-order.ts";
import { sampleFiles } from "./file-sample.ts";
import { openContents } from "./files/contents.ts";
import { refuseUnknownEncoding } from "./files/encoding.ts";
import { openFieldLeads } from "./files/field-leads.ts";
import { guessFormat } from "./files/guess.ts";
import { type FilesPosition, filesPosition, NOT_BEGUN, nameIn, progressOf } from "./files/position.ts";
import { printOf, refuseReplaced } from "./files/prints.ts";
import { type FileShare, writeSegment } from "./files/segment.ts";
import type { Header } from "./header.ts";
import type { Again, Position, Range, Source, SourceContext, SourceGuess, SourceKind } from "./source.ts";

const options = z.strictObject({
  path: z.string().describe("a file, a folder or a glob like `in/*.ndjson`, relative to the job file"),
  encoding: z
    .string()
    .optional()
    .describe(
      "what the text is written in, like `latin1` or `utf-16le`; found where it has a mark, else UTF-8",
    ),
});

type Options = z.output<typeof options>;

export const filesKind: SourceKind<Options> = {
  name: "files",
  summary: "files at rest, the oldest first; a PATH, or URL `file:GLOB`",
  options,
  isLive: false,
  waitsFor: "new files",
  fromUrl: (url) => (url.startsWith("file:") ? { path: url.slice("file:".length) } : undefined),
  guess: guessFiles,
  open: (given, context) => openFiles(given, context),
};

/** The first file that is not empty tells. */
async function guessFiles(
  { path: pattern, encoding }: Options,
  baseFolder: string,
): Promise<SourceGuess | undefined> {
  for (const file of await list(pattern, baseFolder)) {
    const guess = (await stat(file)).size > 0 ? await guessFormat(file, encoding) : undefined;
    if (guess !== undefined) return { ...guess, file: nameIn(baseFolder, file) };
  }
  return undefined;
}

/** What there is to read, in order. */
interface Listed {
  readonly file: string;
  /** Where it ends, whatever is added to it; undefined where it may grow. */
  readonly endsAt: number | undefined;
}

/** `given`: what there is to read, where somebody has looked already. */
async function openFiles(
  options: Options,
  context: SourceContext,
  given?: readonly Listed[],
): Promise<Source> {
  const { path: pattern, encoding } = options;
  const { baseFolder } = context;
  refuseUnknownEncoding(encoding);
  const target = path.resolve(baseFolder, pattern);
  if (!existsSync(target) && !isDynamicPattern(pattern)) throw noFileError(pattern, baseFolder);
  const segmentFolder = context.segmentFolder;
  await rm(path.join(segmentFolder, "parts"), { recursive: true, force: true });
  await mkdir(segmentFolder, { recursive: true });
  let committed = filesPosition(context.committed, baseFolder);
  const order = openFileOrder(context);
  const listed = async (): Promise<readonly string[]> => order.sorted(await list(pattern, baseFolder));
  const first = given?.map(({ file }) => file) ?? (await listed());
  const whole = given ?? (context.isBounded ? await asTheyAre(first) : undefined);
  const endsAt = new Map(whole?.map((each) => [each.file, each.endsAt]));
  let everything = whole === undefined ? undefined : first;
  if (everything?.length === 0 && context.committed === undefined && context.allowsEmpty !== true)
    throw noMatchError(pattern, baseFolder);
  let hasMore = false;
  let columns: readonly Column[] | undefined = context.columns;
  const isAtRest = everything !== undefined;
  const contents = openContents(context, {
    encoding,
    isAtRest,
    columns: () => columns,
    endsAt: (file) => endsAt.get(file),
  });
  const remarks = new Map<string, readonly string[]>();
  const refuseOther = (file: string, position: FilesPosition): Promise<void> => {
    const name = nameIn(baseFolder, file);
    return refuseReplaced({ file, name }, progressOf(position, name), position.prints?.[name]);
  };
  try {
    for (const file of first) await refuseOther(file, committed);
    await contents.refuseForeign(first, (file) => progressOf(committed, nameIn(baseFolder, file)));
  } catch (error) {
    await contents.close();
    throw error;
  }
  const leads = hasFieldLines(context.format) ? openFieldLeads(encoding) : undefined;

  const read = async (planned: Range): Promise<Segment> => {
    const before = filesPosition(planned.from, baseFolder);
    const after = filesPosition(planned.to, baseFolder);
    const shares: FileShare[] = [];
    let header: Header | undefined;
    const names = namesRead(before, after);
    for (const name of after.pieces?.filter((piece) => names.includes(piece)) ?? names.toSorted()) {
      const file = path.resolve(baseFolder, name);
      const from = progressOf(before, name);
      const to = progressOf(after, name);
      const own = context.hasHeader ? await contents.header(file, from) : undefined;
      header ??= own;
      const headerHoleBytes = from.offset === 0 ? (own?.holeBytes ?? 0) : 0;
      const origin = path.relative(baseFolder, file);
      const range = await contents.range(file, from, to);
      const lead = await leads?.before(file, range);
      shares.push({ path: file, origin, headerHoleBytes, range, lead });
    }
    const written = await writeSegment(shares, segmentFile(after, segmentFolder));
    const [dating] = shares;
    if (context.format.isDatedByFile === true && dating !== undefined) {
      const { mtime } = await stat(dating.path);
      await utimes(written.path, mtime, mtime);
    }
    remarks.set(keyOf(after), written.remarks);
    return {
      ...written,
      header: header?.names,
      delimiter: header?.delimiter,
      spansLines: context.hasHeader,
    };
  };

  const againOf = (all: readonly Listed[]): Again => ({
    open: () => {
      const folder = `${segmentFolder}/again`;
      return openFiles(options, { ...context, committed: { ...committed }, segmentFolder: folder }, all);
    },
    includes(reached, position) {
      const until = filesPosition(reached, baseFolder);
      return Object.entries(filesPosition(position, baseFolder).files).every(
        ([name, at]) => progressOf(until, name).offset >= at,
      );
    },
  });

  return {
    async plan(limit, previous) {
      const before = previous === undefined ? committed : filesPosition(previous.to, baseFolder);
      const files = { ...before.files };
      const notes = { ...before.contents };
      const prints = { ...before.prints };
      const pieces: string[] = [];
      let bytesLeft = limit.maxBytes;
      let header: Header | undefined;
      hasMore = false;
      for (const file of everything ?? (await listed())) {
        const name = nameIn(baseFolder, file);
        const from = progressOf(before, name);
        if (from !== NOT_BEGUN && !(await contents.hasSameSize(file, from))) await refuseOther(file, before);
        if (context.hasHeader && (await contents.mayHaveMore(file, from))) {
          const own = await contents.header(file, from);
          if (header !== undefined && own !== undefined && !isAlike(own, header)) hasMore = true;
          header ??= own;
        }
        if (hasMore) break;
        const step = await contents.next(file, from, { ...limit, maxBytes: bytesLeft });
        files[name] = step.to.offset;
        if (step.to.note !== undefined) notes[name] = step.to.note;
        if (step.bytes > 0) prints[name] = await printOf(file, step.to);
        bytesLeft -= step.bytes;
        if (step.bytes > 0 || step.hasLetters) pieces.push(name);
        const isRated = limit.maxLines !== Number.POSITIVE_INFINITY && bytesLeft < limit.maxBytes;
        // A file tells the year of its lines: a segment has lines of one.
        const isWhole = context.format.isDatedByFile === true && pieces.length > 0;
        hasMore = isRated || isWhole || bytesLeft <= 0 || step.hasMore;
        if (hasMore) break;
      }
      if (pieces.length === 0) {
        if (everything !== undefined && !hasMore) everything = [];
        return undefined;
      }
      const contentNotes = Object.keys(notes).length === 0 ? {} : { contents: notes };
      return { from: withoutPieces(before), to: { files, pieces, ...contentNotes, prints } };
    },
    again: whole === undefined ? undefined : againOf(whole),
    read,
    async columns() {
      if (context.format.name !== "parquet") return undefined;
      columns = await contents.columns(await listed());
      return columns.length === 0 ? undefined : columns;
    },
    async sample() {
      if (context.format.name === "parquet") return undefined;
      const header = (file: string) => contents.header(file, NOT_BEGUN);
      const found = await sampleFiles(everything ?? (await listed()), {
        header: context.hasHeader ? header : undefined,
        spots: contents.spots,
      });
      // Where what is there is all, nothing is nothing for good.
      return found ?? (everything === undefined ? undefined : { parts: [], isWhole: true });
    },
    async commit(range) {
      committed = filesPosition(range.to, baseFolder);
      for (const remark of remarks.get(keyOf(committed)) ?? []) logger("files").warn(remark);
      remarks.delete(keyOf(committed));
      for (const name of namesRead(filesPosition(range.from, baseFolder), committed))
        await contents.forget(path.resolve(baseFolder, name), progressOf(committed, name));
      await rm(segmentFile(committed, segmentFolder), { force: true });
    },
    isEnded: () => everything !== undefined && everything.length === 0,
    hasBacklog: () => hasMore || everything !== undefined,
    async close() {
      await contents.close();
      await rm(segmentFolder, { recursive: true, force: true });
    },
  };
}

/** In a bounded run a file ends where it ended when that began. */
async function asTheyAre(files: readonly string[]): Promise<readonly Listed[]> {
  return Promise.all(files.map(async (file) => ({ file, endsAt: (await stat(file)).size })));
}

function withoutPieces({ pieces: _pieces, ...position }: FilesPosition): Position {
  return position;
}

/** The files of which something lies between the positions. */
function namesRead(before: FilesPosition, after: FilesPosition): readonly string[] {
  return Object.keys(after.files).filter((name) => {
    const [from, to] = [progressOf(before, name), progressOf(after, name)];
    return from.offset !== to.offset || from.note?.endedAtBytes !== to.note?.endedAtBytes;
  });
}

async function list(pattern: string, baseFolder: string): Promise<string[]> {
  const target = path.resolve(baseFolder, pattern);
  if (existsSync(target)) {
    if (!(await stat(target)).isDirectory()) return [target];
    return glob("*", { cwd: target, absolute: true });
  }
  return glob(pattern, { cwd: baseFolder, absolute: true });
}

/** Of all that is read until there: two ranges may be read at the same time. */
function keyOf({ files, contents = {} }: FilesPosition): string {
  const read = Object.values(files).reduce((sum, count) => sum + count, 0);
  const ended = Object.values(contents).filter(({ endedAtBytes }) => endedAtBytes !== undefined).length;
  return ended === 0 ? String(read) : `${read}-${ended}`;
}

function segmentFile(position: FilesPosition, segmentFolder: string): string {
  return `${segmentFolder}/${keyOf(position)}.segment`;
}

/** Whether files with these headers may be read as one. */
function isAlike(one: Header, other: Header): boolean {
  return one.names.join("\0") === other.names.join("\0") && one.delimiter === other.delimiter;
}
