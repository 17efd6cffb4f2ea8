/**
 * The simulator inside the process. Its position is a number of events: after a restart it goes on where it
 * was, as the same seed gives the same stream. What it made on the wall clock can't be made again, so
 * segments stay until the commit.
 */

import { existsSync } from "node:fs";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import type { z } from "zod";
import { StreamkitError } from "../base/error.ts";
import { BLOCK_EVENTS, createGenerator } from "../simulate/generator.ts";
import { settingsOf, simulateOptions } from "../simulate/options.ts";
import type { Limit, Range, Source, SourceContext, SourceKind } from "./source.ts";

export const simulateKind: SourceKind<z.infer<typeof simulateOptions>> = {
  name: "simulate",
  summary: "the built-in simulator, in the same process",
  options: simulateOptions,
  isLive: false,
  waitsFor: "the simulator",
  fromUrl: () => undefined,
  open: openSimulator,
};

interface SimulatorPosition {
  readonly events: number;
  readonly seed: number;
  /** Whether the lines that were held back at the end are out too. */
  readonly isOver: boolean;
}

/** A generous guess of a line's bytes, so that a block stays within the segment's bound. */
const LINE_BYTES = 256;

async function openSimulator(
  options: z.infer<typeof simulateOptions>,
  context: SourceContext,
): Promise<Source> {
  const settings = settingsOf(options);
  const isBounded = Number.isFinite(settings.maxEvents) || Number.isFinite(settings.maxDurationMs);
  if (context.isBounded && !isBounded)
    throw new StreamkitError(
      "usage",
      "A simulator without count or for never ends: give it one, or leave --once out",
    );
  await mkdir(context.segmentFolder, { recursive: true });
  const committed = context.committed as SimulatorPosition | undefined;
  const seed = committed?.seed ?? settings.seed ?? context.freshSeed();
  const generator = createGenerator({ ...settings, seed }, { clock: context.clock, seed });
  const startedAtMs = context.clock.monotonicMs();
  const startEvents = committed?.events ?? 0;
  if (startEvents > 0) generator.skip(startEvents);
  const pending: Range[] = [];
  let committedEvents = startEvents;
  let isOver = committed?.isOver ?? false;

  const segmentOf = (from: number): string =>
    `${context.segmentFolder}/${String(from).padStart(15, "0")}.segment`;
  const elapsedMs = (): number => context.clock.monotonicMs() - startedAtMs;
  const hasReachedEnd = (): boolean =>
    generator.position >= settings.maxEvents || elapsedMs() >= settings.maxDurationMs;
  const eventsDue = (): number => {
    if (hasReachedEnd()) return 0;
    const atOnce = Math.max(startEvents, settings.historyEvents);
    const due =
      settings.rate === 0 ? Number.POSITIVE_INFINITY : (settings.rate * elapsedMs()) / 1000 + atOnce;
    return Math.floor(Math.min(due, settings.maxEvents)) - generator.position;
  };

  /** The bytes of the events that are due; none if there is nothing to write. */
  function draw(limit: Limit): Uint8Array {
    let left = Math.min(eventsDue(), limit.maxLines);
    let leftBytes = limit.maxBytes;
    const blocks: Uint8Array[] = [];
    const header = generator.position === 0 && left > 0 ? generator.header() : undefined;
    if (header !== undefined && !context.hasHeader) blocks.push(Buffer.from(header));
    while (left > 0 && leftBytes > 0) {
      const events = Math.min(left, BLOCK_EVENTS, Math.ceil(leftBytes / LINE_BYTES));
      const { bytes } = generator.next(events);
      blocks.push(bytes);
      left -= events;
      leftBytes -= bytes.length;
    }
    if (hasReachedEnd() && !isOver) {
      blocks.push(generator.end().bytes);
      isOver = true;
    }
    return Buffer.concat(blocks);
  }

  return {
    async plan(limit, after) {
      const start = (after?.to as SimulatorPosition | undefined)?.events ?? committedEvents;
      const waiting = pending.find(({ from }) => (from as unknown as SimulatorPosition).events === start);
      if (waiting !== undefined && waiting !== after) return waiting;
      const from = { events: generator.position, seed, isOver };
      const bytes = draw(limit);
      if (bytes.length === 0) return undefined;
      await writeFile(`${segmentOf(from.events)}.new`, bytes);
      await rename(`${segmentOf(from.events)}.new`, segmentOf(from.events));
      const range = { from, to: { events: generator.position, seed, isOver } };
      pending.push(range);
      return range;
    },
    async read(range) {
      const { events: from } = range.from as unknown as SimulatorPosition;
      const { events: to, isOver: isLast } = range.to as unknown as SimulatorPosition;
      const path = segmentOf(from);
      if (generator.position < to) {
        // Replaying a batch of before a crash: its segment is there, and the generator catches up.
        if (!existsSync(path))
          throw new StreamkitError("io", `The segment "${path}" of an unfinished batch is gone`);
        generator.skip(to - generator.position);
        isOver = isLast;
        pending.push(range);
      }
      const { size } = await stat(path);
      const header = context.hasHeader
        ? generator
            .header()
            ?.trim()
            .split(context.delimiter ?? ",")
        : undefined;
      return {
        path,
        sizeBytes: size,
        pieces: [{ origin: "simulate", originOffset: 0, segmentOffset: 0 }],
        header,
      };
    },
    async commit(range) {
      pending.splice(0, pending.indexOf(range) + 1);
      committedEvents = (range.to as unknown as SimulatorPosition).events;
      await rm(segmentOf((range.from as unknown as SimulatorPosition).events), { force: true });
    },
    isEnded: () => pending.length === 0 && isOver,
    hasBacklog: () => settings.rate === 0 || generator.position < settings.historyEvents || hasReachedEnd(),
    close: async () => {},
  };
}
