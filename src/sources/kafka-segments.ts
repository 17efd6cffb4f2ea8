/**
 * Segments of what was fetched. While the engine has more than it can take, the next ones are made before it
 * asks for them: then a batch waits for no copying.
 */

import { rm } from "node:fs/promises";
import { messageOf, StreamkitError } from "../base/error.ts";
import type { Segment } from "../formats/segment.ts";
import type { Taken } from "../kafka/lane.ts";
import { hasArrived } from "../kafka/partition.ts";
import type { PartitionReader, TakeForm } from "../kafka/reader.ts";
import { openAllowance } from "./kafka-allowance.ts";
import { type Content, segmentError } from "./kafka-content.ts";
import type { KafkaSourceOptions } from "./kafka-options.ts";
import { type KafkaPosition, positionOf } from "./kafka-position.ts";
import type { Limit, Range, SourceContext } from "./source.ts";

/** So many are made ahead at most. */
const MAX_AHEAD = 2;

export interface Segments {
  /** The range after `after`, or the first that is not committed. */
  plan(limit: Limit, after: Range | undefined): Promise<Range | undefined>;
  /** Makes the next ones if there is enough for them and somebody asks for as much as there is. */
  makeAhead(): void;
  /** What a crash has left planned, fetched again. */
  replay(range: Range): Promise<Segment>;
  /** Undefined for a range that was not planned here. */
  find(range: Range): Segment | undefined;
  forgetUntil(range: Range): Promise<void>;
  /** Ranges that were made, but not planned yet. */
  ahead(): readonly Range[];
  /** Whoever is told of more looks at once, and again: there is something to plan, or the end is near. */
  hasBacklog(): boolean;
  close(): Promise<void>;
}

interface Made {
  readonly range: Range;
  readonly segment: Segment;
}

export function openSegments(
  options: KafkaSourceOptions,
  context: SourceContext,
  { reader, content }: { readonly reader: PartitionReader; readonly content: Content },
): Segments {
  const allowance = openAllowance(options, context);
  const planned: Made[] = [];
  const ahead: Made[] = [];
  /** What the engine takes when it takes all it can; undefined while it does not. */
  let unlimited: Limit | undefined;
  let making: Promise<void> | undefined;
  let isPlanning = false;
  let failure: Error | undefined;
  let made = 0;

  const take = async (limit: Limit): Promise<Made | undefined> => {
    const from = positionOf(reader.partitions());
    made += 1;
    const path = `${context.segmentFolder}/${made}.segment`;
    const allowed = allowance.of(limit, reader.partitions());
    const form: TakeForm = { maxBytes: limit.maxBytes, ...content.form(path) };
    const taken = await written(reader.take(form, allowed));
    if (taken === undefined) return undefined;
    const to = positionOf(reader.partitions());
    allowance.spend(from, to);
    return { range: { from: { ...from }, to: { ...to } }, segment: await content.segment(taken, path) };
  };
  /** All that is wanted was fetched: nothing more is waited for. */
  const hasAll = (): boolean => context.isBounded && reader.partitions().every(hasArrived);
  const isFull = (): boolean => reader.bufferedBytes() >= context.maxSegmentBytes || hasAll();
  const make = async (limit: Limit): Promise<void> => {
    while (ahead.length < MAX_AHEAD && isFull()) {
      const next = await take(limit);
      if (next === undefined) return;
      ahead.push(next);
    }
  };
  const makeAhead = (): void => {
    if (unlimited === undefined || isPlanning || making !== undefined || failure !== undefined) return;
    if (ahead.length >= MAX_AHEAD || !isFull()) return;
    making = make(unlimited)
      .catch((error: unknown) => {
        failure =
          error instanceof Error ? error : new StreamkitError("io", messageOf(error), { cause: error });
      })
      .finally(() => {
        making = undefined;
      });
  };

  const nextOf = async (limit: Limit): Promise<Made | undefined> => {
    isPlanning = true;
    try {
      await making;
      if (failure !== undefined) throw failure;
      return ahead.shift() ?? (await take(limit));
    } finally {
      isPlanning = false;
    }
  };

  return {
    async plan(limit, after) {
      const again = planned[planned.findIndex(({ range }) => range === after) + 1];
      if (again !== undefined) return again.range;
      const isUnlimited = limit.maxLines === Number.POSITIVE_INFINITY && options.partition_rate === undefined;
      unlimited = isUnlimited ? limit : undefined;
      const next = await nextOf(limit);
      if (next === undefined) return undefined;
      planned.push(next);
      makeAhead();
      return next.range;
    },
    makeAhead,
    async replay(range) {
      const { to } = range as unknown as { readonly to: KafkaPosition };
      const path = `${context.segmentFolder}/replayed.segment`;
      const form: TakeForm = { maxBytes: context.maxSegmentBytes, ...content.form(path) };
      const taken = await written(reader.replay(form, to));
      const segment = await content.segment(taken, path);
      planned.push({ range, segment });
      return segment;
    },
    find: (range) => planned.find((entry) => entry.range === range)?.segment,
    async forgetUntil(range) {
      const done = planned.splice(0, planned.findIndex((entry) => entry.range === range) + 1);
      for (const { segment } of done) {
        await rm(segment.path, { force: true });
        if (segment.attributes !== undefined) await rm(segment.attributes.path, { force: true });
      }
    },
    ahead: () => ahead.map(({ range }) => range),
    hasBacklog: () => ahead.length > 0 || (!allowance.isShort() && isFull() && reader.mayTake()),
    async close() {
      unlimited = undefined;
      await making;
    },
  };
}

/** What the lane throws is either the reader's failure or that of a file. */
async function written(taking: Promise<Taken | undefined>): Promise<Taken | undefined> {
  try {
    return await taking;
  } catch (error) {
    throw error instanceof StreamkitError ? error : segmentError(error);
  }
}
