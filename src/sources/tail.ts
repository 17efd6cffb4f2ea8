/**
 * Files that are being written. How far each was read is in the checkpoint, by the identity of the file and
 * not by its name: a line reaches the job once, whatever rotation does and wherever a crash comes.
 */

import path from "node:path";
import { z } from "zod";
import { StreamkitError } from "../base/error.ts";
import type { AttributeColumn } from "../formats/attributes.ts";
import type { Segment } from "../formats/segment.ts";
import { nameField } from "../job/fields.ts";
import { type Follower, openFollower, type TailBlock } from "../tail/follower.ts";
import { openGlobs } from "../tail/listing.ts";
import { refuseMissing } from "../tail/missing.ts";
import { cutOptionsOf, tailFields } from "../tail/options.ts";
import { openWake } from "../tail/wake.ts";
import type { Limit, Range, Source, SourceContext, SourceKind } from "./source.ts";
import { headerFrom, type LinePart, type Lines, tailLines } from "./tail-lines.ts";
import { openTailSegments, type SegmentWriter, type TailSegment } from "./tail-segments.ts";

const options = z.strictObject({
  ...tailFields,
  file: nameField
    .optional()
    .describe("a column of this name beside those of the record: the path of its file when it was read"),
});

type Options = z.output<typeof options>;

export const tailKind: SourceKind<Options> = {
  name: "tail",
  summary: "files that are being written, through rotation and restarts; URL `tail:GLOB`",
  options,
  isLive: true,
  waitsFor: "new lines",
  fromUrl: (url) =>
    url.startsWith("tail:") && url.length > 5 ? { path: url.slice("tail:".length) } : undefined,
  attributes: attributeColumns,
  open: openTail,
};

function attributeColumns({ file }: Options): readonly AttributeColumn[] {
  return file === undefined ? [] : [{ name: file, type: "VARCHAR" }];
}

/** Position: the number of the next segment; beside the one before it stands how far files were read. */
interface TailPosition {
  readonly segment: number;
}

interface Planned extends TailSegment {
  readonly range: Range;
}

async function openTail(given: Options, context: SourceContext): Promise<Source> {
  const { segment: first } = (context.committed ?? { segment: 0 }) as unknown as TailPosition;
  const { segmentFolder, isDurable, clock, isBounded } = context;
  const lines = tailLines(given, context);
  const segments = openTailSegments(segmentFolder, first, isDurable);
  if (first > 0) await segments.commit(first - 1);
  const planned: Planned[] = segments.found.map((found, index) => withRange(found, first + index));
  const positions = planned.at(-1)?.files ?? segments.files;
  const globs = openGlobs([given.path].flat(), context.baseFolder, () => clock.nowMs());
  if (isBounded && positions === undefined && context.allowsEmpty !== true)
    refuseMissing([given.path].flat(), context.baseFolder, await globs.list());
  const follower: Follower = openFollower({
    ...cutOptionsOf(given),
    globs,
    clock,
    positions,
    from: given.from,
    headers: {},
    isBounded,
    isOwn: (listed) => context.isOwn(listed.path),
    endsLines: isBounded && !isDurable,
    notify: context.notify,
  });
  const wake = openWake(isBounded ? [] : globs.folders, clock, (file) => {
    follower.noticed(file);
    context.notify();
  });
  let next = first + planned.length;
  let isStartKept = positions !== undefined || given.from === "start";
  /** What was read and belongs to the next segment: its columns are others. */
  let carried: Carried | undefined;

  const read = async (limit: Limit): Promise<Carried | undefined> => {
    if (carried !== undefined) {
      const first = carried;
      carried = undefined;
      return first;
    }
    const before = context.hasHeader ? follower.positions() : undefined;
    const block = await follower.next({ maxBytes: limit.maxBytes, maxEvents: limit.maxLines });
    if (!isStartKept) await segments.keepStart(follower.positions());
    isStartKept = true;
    if (block === undefined) return undefined;
    return { lines: await lines.of(block), before, path: nameOf(block, context) };
  };

  /** Fills a segment, as far as there is something and the limit goes. */
  const fill = async (writer: SegmentWriter, first: Carried, limit: Limit): Promise<TailSegment> => {
    const parts: (LinePart & { readonly path: string; readonly segmentOffset: number })[] = [];
    let left = limit;
    let files: TailSegment["files"] | undefined;
    for (let taken: Carried | undefined = first; taken !== undefined; ) {
      for (const part of taken.lines.parts) {
        parts.push({ ...part, path: taken.path, segmentOffset: writer.sizeBytes() });
        writer.write(part.bytes, part.attributes);
      }
      left = {
        maxBytes: limit.maxBytes - writer.sizeBytes(),
        maxLines:
          left.maxLines === Number.POSITIVE_INFINITY ? left.maxLines : left.maxLines - taken.lines.events(),
      };
      if (left.maxBytes <= 0 || left.maxLines <= 0) break;
      taken = await read(left);
      if (taken !== undefined && taken.lines.header !== first.lines.header) {
        files = taken.before;
        carried = { ...taken, lines: { ...taken.lines, parts: taken.lines.parts.map(copied) } };
        break;
      }
    }
    const header = first.lines.header === undefined ? undefined : headerFrom(first.lines.header);
    return {
      files: files ?? follower.positions(),
      sizeBytes: writer.sizeBytes(),
      pieces: parts.map(({ path: origin, originOffset, segmentOffset }) => ({
        origin,
        originOffset,
        segmentOffset,
      })),
      header: header?.names,
      delimiter: header?.delimiter,
      hasAttributes: given.file !== undefined,
    };
  };

  const make = async (limit: Limit): Promise<Range | undefined> => {
    const first = await read(limit);
    if (first === undefined) return undefined;
    const writer = segments.begin(next);
    let segment: TailSegment;
    try {
      segment = await fill(writer, first, limit);
      await writer.end(segment);
    } catch (error) {
      writer.abandon();
      throw error;
    }
    const entry = withRange(segment, next);
    planned.push(entry);
    next += 1;
    return entry.range;
  };

  const hasMore = (): boolean =>
    carried !== undefined ||
    follower.unreadBytes() >= context.maxSegmentBytes ||
    (isBounded && !follower.isDrained());
  /** The segment after those that are planned, made while a batch is executed. */
  let ahead: Promise<void> | undefined;
  let isClosed = false;
  const makeAhead = (limit: Limit): void => {
    if (ahead !== undefined || limit.maxLines !== Number.POSITIVE_INFINITY || !hasMore()) return;
    ahead = (async () => {
      // First whoever asked for a plan goes on.
      await new Promise((resolve) => setImmediate(resolve));
      if (!isClosed) await make(limit);
    })();
    // Its failure is told to whoever asks for the next plan.
    ahead.catch(() => {});
  };
  const waitingAfter = (after: Range | undefined): Range | undefined =>
    planned[planned.findIndex(({ range }) => range === after) + 1]?.range;

  return {
    plan: async (limit, after) => {
      if (ahead !== undefined) await ahead.finally(() => (ahead = undefined));
      const range = waitingAfter(after) ?? (await make(limit));
      if (range !== undefined && waitingAfter(range) === undefined) makeAhead(limit);
      return range;
    },
    async read({ to }): Promise<Segment> {
      const { segment } = to as unknown as TailPosition;
      const found = planned.find((entry) => entry.range.to["segment"] === segment);
      if (found === undefined)
        throw new StreamkitError("io", `${segmentFolder}: the segment before ${segment} is gone`);
      const file = segments.pathOf(segment - 1);
      return {
        path: file,
        sizeBytes: found.sizeBytes,
        pieces: found.pieces,
        header: found.header,
        delimiter: found.delimiter,
        holdsInnerFeeds: lines.holdsInnerFeeds,
        attributes: found.hasAttributes
          ? { path: `${file}.attributes`, columns: attributeColumns(given) }
          : undefined,
      };
    },
    async commit({ to }) {
      const { segment } = to as unknown as TailPosition;
      planned.splice(0, planned.findIndex((entry) => entry.range.to["segment"] === segment) + 1);
      await segments.commit(segment - 1);
    },
    isEnded: () =>
      isBounded &&
      planned.length === 0 &&
      ahead === undefined &&
      carried === undefined &&
      follower.isDrained(),
    hasBacklog: () => planned.length > 1 || ahead !== undefined || hasMore(),
    async close() {
      isClosed = true;
      wake.close();
      await ahead?.catch(() => {});
      follower.close();
    },
  };
}

interface Carried {
  readonly lines: Lines;
  /** How far files were read before it. */
  readonly before: TailSegment["files"] | undefined;
  readonly path: string;
}

function copied(part: LinePart): LinePart {
  return { ...part, bytes: Uint8Array.from(part.bytes) };
}

function withRange(segment: TailSegment, number: number): Planned {
  return { ...segment, range: { from: { segment: number }, to: { segment: number + 1 } } };
}

/** From the job's folder, where the file is below it. */
function nameOf({ path: file }: TailBlock, { baseFolder }: SourceContext): string {
  const name = path.relative(baseFolder, file);
  return name.startsWith("..") ? file : name;
}
