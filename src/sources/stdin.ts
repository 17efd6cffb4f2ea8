/**
 * Standard input. It can't be read again, so its bytes are spooled to segment files, and those stay until the
 * batch that read them is committed: after a crash, or a stop, what was read but not committed comes first.
 * Where the same pipe goes on then, it goes on in the middle of a line, too.
 */

import { closeSync, openSync, readSync } from "node:fs";
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { z } from "zod";
import { sync } from "../base/durable.ts";
import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import { counted } from "../base/units.ts";
import { MAX_SAMPLE_BYTES, type Sample } from "../formats/sample.ts";
import type { Segment } from "../formats/segment.ts";
import { enlargePipe } from "../runtime/pipe.ts";
import { fieldNames, hasFieldLines, lastFieldLine } from "./field-lines.ts";
import { headerOf, takeHeader } from "./header.ts";
import { offsetAfterLines } from "./line-offsets.ts";
import { recordCut } from "./record-cut.ts";
import type { Limit, Range, Source, SourceContext, SourceKind } from "./source.ts";
import { segmentPath, spoolControl } from "./spool-control.ts";
import { continuedSegments, cutSegment, endLine, leftoverSegments, makeSegment } from "./spool-files.ts";
import { forgetStream, goesOn, noteStream } from "./spool-stream.ts";
import type { SpoolMessage, SpoolOrder } from "./spool-worker.ts";

const STDIN = 0;
/** The most that Linux gives without asking. */
const PIPE_BYTES = 1_048_576;

export const stdinKind: SourceKind = {
  name: "stdin",
  summary: "the standard input; URL `-`",
  options: z.strictObject({}),
  isLive: true,
  waitsFor: "lines on the standard input",
  fromUrl: (url) => (url === "-" ? {} : undefined),
  open: async (_options, context) => openSpool(STDIN, context),
};

const LINE_FEED = 10;

/** The worker looks 20 times a second whether it is to stop. */
const MAX_STOP_MS = 5000;

/** Position: the number of the next segment, and the byte offset in the stream at which it starts. */
interface SpoolPosition {
  readonly segment: number;
  readonly offset: number;
  /** The names in the stream's first line, or in the last `#Fields` line before it. */
  readonly header: readonly string[] | undefined;
  /** What separates CSV values, as the header told. */
  readonly delimiter?: string | undefined;
}

/** Of any descriptor; the standard input is 0. */
export async function openSpool(descriptor: number, context: SourceContext): Promise<Source> {
  const folder = context.segmentFolder;
  await mkdir(folder, { recursive: true });
  const committed = (context.committed as SpoolPosition | undefined) ?? {
    segment: 0,
    offset: 0,
    header: undefined,
  };
  const { sealed, open } = (await goesOn(folder, descriptor))
    ? await continuedSegments(folder, committed.segment)
    : { sealed: await leftoverSegments(folder, committed.segment), open: undefined };
  await noteStream(folder, descriptor);
  const control = spoolControl();
  const firstNumber = open?.number ?? (sealed.at(-1) ?? committed.segment - 1) + 1;
  control.begin(firstNumber, open?.sizeBytes ?? 0, open?.wholeBytes ?? 0);
  let isCutOff = false;
  const done = Promise.withResolvers<void>();
  let failure: string | undefined;
  let passedBytes = 0;
  await enlargePipe(descriptor, PIPE_BYTES);
  const worker = new Worker(new URL("./spool-worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = (event: MessageEvent<SpoolMessage>) => {
    failure = event.data.failure ?? failure;
    passedBytes += event.data.passedBytes ?? 0;
    isCutOff ||= event.data.isCutOff === true;
    if (event.data.isDone === true) done.resolve();
    context.notify();
  };
  const order: SpoolOrder = {
    memory: control.memory,
    descriptor,
    folder,
    maxSegmentBytes: context.maxSegmentBytes,
    isJson: context.format.name === "json",
  };
  worker.postMessage(order);
  let current = committed;
  const hasFields = hasFieldLines(context.format);
  const keptHeader = `${folder}/header.json`;

  const tellPassed = (): void => {
    if (passedBytes > 0)
      logger("stdin").warn(
        `${counted(passedBytes, "NUL byte")} skipped on the standard input: a hole that a truncation left`,
      );
    passedBytes = 0;
  };

  /** Where the last record ends in a segment of whole lines. */
  const lastRecordEnd = (path: string, to: number, start: SpoolPosition): number => {
    if (!context.hasHeader) return to;
    const size = control.wholeBytes();
    const isFull = control.size() >= context.maxSegmentBytes;
    const header = start.offset === 0 ? headerOf(firstBytes(path, size), context.delimiter, "-") : undefined;
    const shape = {
      delimiter: header?.delimiter ?? start.delimiter ?? context.delimiter ?? ",",
      columnCount: (header?.names ?? start.header)?.length,
    };
    const from = header?.sizeBytes ?? 0;
    const end = recordCut(path, { from, to, size, isEnd: control.hasEnded() }, shape);
    return end === 0 && isFull ? to : end;
  };

  /** Ends the current segment at its last record's end and lets the worker go on in a new one. */
  const cut = (limit: Limit, start: SpoolPosition): number | undefined => {
    control.lock();
    try {
      control.takeAnnouncement();
      const number = control.segmentNumber();
      const size = control.size();
      const isOverlong = control.wholeBytes() === 0 && size >= context.maxSegmentBytes;
      // The worker may not have made the file yet.
      if (control.wholeBytes() === 0 && !isOverlong) return undefined;
      const path = segmentPath(folder, number);
      const lines = isOverlong ? size : offsetAfterLines(path, 0, control.wholeBytes(), limit.maxLines);
      const whole = isOverlong ? size : lastRecordEnd(path, lines, start);
      if (whole === 0) return undefined;
      const wholeLeft = Math.max(0, control.wholeBytes() - whole);
      if (isOverlong) endLine(folder, number, size);
      if (whole < size) cutSegment(folder, number, whole, size);
      else makeSegment(folder, number + 1);
      control.nextSegment(size - whole);
      control.append(size - whole, wholeLeft);
      return number;
    } finally {
      control.unlock();
    }
  };

  /** What was read so far, as long as no segment is ended. */
  const sample = async (): Promise<Sample | undefined> => {
    const whole = control.wholeBytes();
    if (whole === 0 && failure !== undefined) throw failed(failure);
    const isOverlong = whole === 0 && control.size() >= context.maxSegmentBytes;
    const size = Math.min(isOverlong ? control.size() : whole, MAX_SAMPLE_BYTES);
    if (size === 0) return undefined;
    const bytes = firstBytes(segmentPath(folder, control.segmentNumber()), size);
    const header = context.hasHeader ? headerOf(bytes, context.delimiter, "-") : undefined;
    const spot = bytes.subarray(header?.sizeBytes ?? 0, isOverlong ? size : bytes.lastIndexOf(LINE_FEED) + 1);
    return {
      parts: [{ spots: [spot], header: header?.names, delimiter: header?.delimiter }],
      isWhole: control.hasEnded() || failure !== undefined || size === MAX_SAMPLE_BYTES,
    };
  };

  return {
    ...(sealed.length === 0 && committed.offset === 0 ? { sample } : {}),
    async plan(limit, after) {
      const start = (after?.to as SpoolPosition | undefined) ?? current;
      const waiting = sealed.find((segment) => segment >= start.segment);
      const next = waiting ?? cut(limit, start);
      // What came before it is read first.
      if (next === undefined && after === undefined && failure !== undefined) throw failed(failure);
      if (next === undefined) return undefined;
      tellPassed();
      if (waiting === undefined) sealed.push(next);
      const isFirst = context.hasHeader && start.offset === 0;
      const header = isFirst
        ? await takeHeader(segmentPath(folder, next), keptHeader, context.delimiter)
        : undefined;
      const { size } = await stat(segmentPath(folder, next));
      const fields = hasFields ? lastFieldLine(await readFile(segmentPath(folder, next))) : undefined;
      const to: SpoolPosition = {
        segment: next + 1,
        offset: start.offset + (header?.sizeBytes ?? 0) + size,
        header: header?.names ?? (fields === undefined ? start.header : fieldNames(fields)),
        delimiter: header?.delimiter ?? start.delimiter,
      };
      if (context.isDurable) {
        // Before a plan counts on it: it is all there is of what the pipe gave.
        if (header !== undefined) await sync(keptHeader);
        await sync(segmentPath(folder, next));
        await sync(folder);
      }
      return { from: { ...start }, to: { ...to } };
    },
    async read(range): Promise<Segment> {
      const to = range.to as unknown as SpoolPosition;
      const from = range.from as SpoolPosition | undefined;
      const path = segmentPath(folder, to.segment - 1);
      const { size } = await stat(path);
      return {
        path,
        sizeBytes: size,
        pieces: [{ origin: "-", originOffset: to.offset - size, segmentOffset: 0 }],
        header: hasFields ? from?.header : to.header,
        delimiter: to.delimiter,
        spansLines: context.hasHeader,
      };
    },
    async commit(range: Range) {
      const to = range.to as unknown as SpoolPosition;
      sealed.splice(0, sealed.findIndex((segment) => segment === to.segment - 1) + 1);
      current = to;
      await rm(segmentPath(folder, to.segment - 1), { force: true });
    },
    isEnded: () => control.hasEnded() && sealed.length === 0 && control.wholeBytes() === 0,
    hasBacklog: () => sealed.length > 1 || control.hasEnded() || control.size() >= context.maxSegmentBytes,
    async close() {
      control.stop();
      const isStopped = new AbortController();
      await Promise.race([done.promise, context.clock.sleep(MAX_STOP_MS, isStopped.signal)]);
      isStopped.abort();
      worker.terminate();
      tellPassed();
      if (control.size() === 0 && sealed.length === 0)
        await rm(segmentPath(folder, control.segmentNumber()), { force: true });
      if (control.hasEnded() && sealed.length === 0) await forgetStream(folder);
      if (isCutOff)
        logger("stdin").warn(
          "The standard input is packed, or one document of JSON, and was stopped before its end: what " +
            "comes after that can't be read alone. Give it once more from its start, to a new checkpoint",
        );
    },
  };
}

/** `failure` is a sentence without its subject. */
function failed(failure: string): StreamkitError {
  return new StreamkitError("input", `The standard input ${failure}`);
}

function firstBytes(path: string, size: number): Buffer {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafe(size);
    return bytes.subarray(0, readSync(file, bytes, 0, size, 0));
  } finally {
    closeSync(file);
  }
}
