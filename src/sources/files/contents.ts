/**
 * How the contents of files come into segments, whatever the files are: plain text, text that has to be
 * unpacked or decoded first, or rows.
 */

import { stat } from "node:fs/promises";
import path from "node:path";
import { StreamkitError } from "../../base/error.ts";
import type { Column } from "../../duckdb/database.ts";
import type { RowSlice } from "../../formats/format.ts";
import { refuseOtherType, unitedColumns } from "../../formats/parquet.ts";
import type { QuotedShape } from "../../formats/quoted-feeds.ts";
import { SPOTS, spotsOf } from "../../formats/sample.ts";
import type { SourceLetter } from "../../formats/segment.ts";
import { type Header, headerAt } from "../header.ts";
import type { Limit, SourceContext } from "../source.ts";
import { type CodedFile, openCodedFiles } from "./coded.ts";
import { openFileKinds, PARQUET, PASSED_OVER, type Refusal } from "./kinds.ts";
import type { Part } from "./part.ts";
import { nextPlain } from "./plain.ts";
import { NOT_BEGUN, nameIn, type Progress } from "./position.ts";
import { openRowFiles } from "./row-files.ts";

/** What a batch takes of a file. */
interface FileStep {
  readonly to: Progress;
  /** What that weighs; 0 where only the end was found. */
  readonly bytes: number;
  /** Whether there is more to take now. */
  readonly hasMore: boolean;
  /** Whether a batch is needed to tell what can't be read. */
  readonly hasLetters: boolean;
}

/** What a range reads of a file. */
export type FileRange =
  | { readonly is: "plain"; readonly start: number; readonly end: number }
  | { readonly is: "coded"; readonly part: Part }
  | { readonly is: "rows"; readonly slice: RowSlice; readonly bytes: number }
  | { readonly is: "letter"; readonly letter: SourceLetter };

export interface FileContents {
  /** Throws code `input` where one of them can't be read by this job. `begun` are let be. */
  refuseForeign(files: readonly string[], progressOf: (file: string) => Progress): Promise<void>;
  mayHaveMore(file: string, from: Progress): Promise<boolean>;
  /** Whether it is as long as when it was read so far. */
  hasSameSize(file: string, from: Progress): Promise<boolean>;
  /** The column names in the first line; undefined where there is no line yet. */
  header(file: string, from: Progress): Promise<Header | undefined>;
  next(file: string, from: Progress, limit: Limit): Promise<FileStep>;
  range(file: string, from: Progress, to: Progress): Promise<FileRange>;
  /** Runs of whole lines behind an offset, of so many bytes each: of packed files from there alone. */
  spots(file: string, start: number, spotBytes: number): Promise<readonly Uint8Array[]>;
  /** By name, the columns of these files, where they have their own. */
  columns(files: readonly string[]): Promise<readonly Column[]>;
  /** The file was read so far, and that is committed. */
  forget(file: string, to: Progress): Promise<void>;
  close(): Promise<void>;
}

export interface ContentOptions {
  readonly encoding: string | undefined;
  /** False where what is there now may still be written to. */
  readonly isAtRest: boolean;
  /** The columns of records, once they are known: a Parquet file must have them so. */
  readonly columns: () => readonly Column[] | undefined;
  /** Where a file ends, whatever is added to it; undefined where it may grow. */
  readonly endsAt: (file: string) => number | undefined;
}

/** A file that has not grown for so long is at rest: its last line is whole, line feed or not. */
const REST_MS = 1000;
/** So long after its last change, packed data without its end will not get it any more. */
const BROKEN_MS = 60_000;
const MAX_NAMED = 5;

export function openContents(context: SourceContext, options: ContentOptions): FileContents {
  const { baseFolder, clock, format } = context;
  const coded = openCodedFiles(path.join(context.segmentFolder, "parts"), {
    encoding: options.encoding,
    isJson: format.name === "json",
  });
  const rows = openRowFiles();
  const kinds = openFileKinds({ coded, format: format.name, encoding: options.encoding });
  const headers = new Map<string, Header>();
  /** Files whose end is missing, as they were when that was seen. */
  const waiting = new Map<string, string>();

  const named = (file: string): CodedFile => ({ path: file, origin: path.relative(baseFolder, file) });
  const statOf = async (file: string): Promise<{ size: number; mtimeMs: number }> => {
    const { size, mtimeMs } = await stat(file);
    return { size: Math.min(size, options.endsAt(file) ?? size), mtimeMs };
  };
  const restsFor = async (file: string): Promise<{ size: number; ageMs: number; version: string }> => {
    const { size, mtimeMs } = await statOf(file);
    const ageMs = options.isAtRest ? Number.POSITIVE_INFINITY : clock.nowMs() - mtimeMs;
    return { size, ageMs, version: `${size} ${mtimeMs}` };
  };

  const header = async (file: string, from: Progress): Promise<Header | undefined> => {
    const known = headers.get(file);
    if (known !== undefined) return known;
    const kind = await kinds.kindOf(file, from);
    if (kind.is === "refused") return undefined;
    const found = await (kind.is === "coded"
      ? coded.header(named(file), context.delimiter)
      : headerAt(file, context.delimiter));
    if (found !== undefined) headers.set(file, found);
    return found;
  };
  const headerBytes = async (file: string, from: Progress): Promise<number> =>
    context.hasHeader ? ((await header(file, from))?.sizeBytes ?? 0) : 0;

  const nothing = (from: Progress): FileStep => ({ to: from, bytes: 0, hasMore: false, hasLetters: false });

  const nextCoded = async (file: string, how: string, from: Progress, limit: Limit): Promise<FileStep> => {
    const { size, ageMs, version } = await restsFor(file);
    if (ageMs <= REST_MS || (waiting.get(file) === version && ageMs <= BROKEN_MS)) return nothing(from);
    const start = Math.max(from.offset, await headerBytes(file, from));
    const own = context.hasHeader ? await header(file, from) : undefined;
    const part = await coded.next(named(file), start, limit, own && recordShape(own, context));
    const isWaitedFor = part.fault?.is === "cut off" && ageMs <= BROKEN_MS;
    if (isWaitedFor) waiting.set(file, version);
    else waiting.delete(file);
    const isOver = part.isLast && !isWaitedFor;
    return {
      to: { offset: part.to, note: { how, ...(isOver ? { endedAtBytes: size } : {}) } },
      bytes: part.to - from.offset,
      hasMore: !part.isLast,
      hasLetters: isOver && part.letters.length > 0,
    };
  };

  const refuseOtherTypes = async (file: string): Promise<void> => {
    const own = { ...named(file), columns: await rows.columnsOf(named(file)) };
    for (const column of options.columns() ?? []) refuseOtherType(own, column);
  };

  const nextRows = async (file: string, from: Progress, limit: Limit): Promise<FileStep> => {
    if ((await restsFor(file)).ageMs <= REST_MS) return nothing(from);
    const { to, bytes, isLast } = await rows.next(named(file), from.offset, limit);
    const { size } = await statOf(file);
    await refuseOtherTypes(file);
    return {
      to: { offset: to, note: { how: PARQUET, ...(isLast ? { endedAtBytes: size } : {}) } },
      bytes,
      hasMore: !isLast,
      hasLetters: false,
    };
  };

  return {
    async refuseForeign(files, progressOf) {
      const refusals: string[] = [];
      for (const file of files) {
        const kind = await kinds.kindOf(file, progressOf(file));
        if (kind.is === "parquet") await refuseOtherTypes(file);
        if (kind.is === "refused" && progressOf(file) === NOT_BEGUN)
          refusals.push(`"${nameIn(baseFolder, file)}" ${kind.reason}`);
      }
      if (refusals.length === 0) return;
      const more = refusals.length - MAX_NAMED;
      const lines = [...refusals.slice(0, MAX_NAMED), ...(more > 0 ? [`and ${more} more files`] : [])];
      throw new StreamkitError("input", lines.join("\n  "));
    },
    async mayHaveMore(file, { offset, note }) {
      const { size } = await statOf(file);
      return note === undefined ? size > offset : note.endedAtBytes !== size;
    },
    async hasSameSize(file, { offset, note }) {
      return (await stat(file)).size === (note === undefined ? offset : note.endedAtBytes);
    },
    header,
    async next(file, from, limit) {
      if (!(await this.mayHaveMore(file, from))) return nothing(from);
      const kind = await kinds.kindOf(file, from);
      switch (kind.is) {
        case "coded":
          return nextCoded(file, kind.how, from, limit);
        case "parquet":
          return nextRows(file, from, limit);
        case "refused": {
          const { size } = await statOf(file);
          const to = { offset: 0, note: { how: PASSED_OVER, endedAtBytes: size } };
          return { to, bytes: 0, hasMore: false, hasLetters: true };
        }
        default: {
          const { size, ageMs } = await restsFor(file);
          const isAtRest = ageMs > REST_MS;
          if (kind.is === "unclear" && !isAtRest) return nothing(from);
          const own = context.hasHeader ? await header(file, from) : undefined;
          const shape = own && recordShape(own, context);
          const start = Math.max(from.offset, own?.sizeBytes ?? 0);
          const { end, hasMore } = await nextPlain(file, from.offset, limit, {
            size,
            isAtRest,
            start,
            shape,
          });
          return {
            to: { offset: end, note: undefined },
            bytes: end - from.offset,
            hasMore,
            hasLetters: false,
          };
        }
      }
    },
    async range(file, from, to) {
      if (to.note === undefined) {
        const start = from.offset === 0 ? await headerBytes(file, from) : from.offset;
        return { is: "plain", start, end: to.offset };
      }
      if (to.note.how === PASSED_OVER) {
        const kind = await kinds.kindOf(file, NOT_BEGUN);
        const reason = `The file ${(kind as Partial<Refusal>).reason ?? "is none that is read"}`;
        return { is: "letter", letter: { origin: named(file).origin, offset: 0, line: "", reason } };
      }
      if (to.note.how === PARQUET) {
        const slice = await rows.slice(named(file), from.offset, to.offset);
        return { is: "rows", slice, bytes: await rows.bytesOf(named(file), from.offset, to.offset) };
      }
      const start = Math.max(from.offset, await headerBytes(file, from));
      const part = await coded.part(named(file), start, to.offset);
      // What was whole, or waited for, when the range was planned stays so.
      const isTold = to.note.endedAtBytes !== undefined;
      return { is: "coded", part: isTold ? part : { ...part, fault: undefined, letters: [] } };
    },
    async spots(file, start, spotBytes) {
      const { size } = await statOf(file);
      if (size === 0) return [];
      const kind = await kinds.kindOf(file, NOT_BEGUN);
      if (kind.is === "coded") return coded.spots(named(file), start, SPOTS * spotBytes);
      if (kind.is !== "plain" && kind.is !== "unclear") return [];
      return start < size ? spotsOf(file, { start, end: size, spotBytes }) : [];
    },
    async columns(files) {
      const found = [];
      for (const file of files) found.push({ ...named(file), columns: await rows.columnsOf(named(file)) });
      return unitedColumns(found);
    },
    async forget(file, to) {
      if (to.note?.endedAtBytes !== undefined) headers.delete(file);
      await coded.forget(named(file), to.offset);
    },
    async close() {
      rows.close();
      await coded.close();
    },
  };
}

function recordShape({ names, delimiter }: Header, context: SourceContext): QuotedShape {
  return { delimiter: delimiter ?? context.delimiter ?? ",", columnCount: names.length };
}
