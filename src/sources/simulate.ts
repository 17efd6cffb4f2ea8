/**
 * The simulator inside the process. Its position is a number of events: after a restart it goes on where it was, as the
 * same seed gives the same stream. What it made on the wall clock can't be made again, so segments stay until the commit.
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
  fromUrl: () => undefined,
  open: openSimulator,
};

interface SimulatorPosition {
  readonly events: number;
  readonly seed: number;
}

/** A block of a batch at most: a generous guess of a line's bytes keeps it within the segment's bound. */
const LINE_BYTES = 256;

async function openSimulator(
  options: z.infer<typeof simulateOptions>,
  context: SourceContext,
): Promise<Source> {
  const settings = settingsOf(options);
  const isBounded = Number.isFinite(settings.maxEvents) || Number.isFinite(settings.maxDurationMs);
  if (context.takesWhatIsThere && !isBounded)
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
  let planned: Range | undefined;

  const segmentOf = (from: number): string =>
    `${context.segmentFolder}/${String(from).padStart(15, "0")}.segment`;
  const elapsedMs = (): number => context.clock.monotonicMs() - startedAtMs;
  const isOver = (): boolean =>
    generator.position >= settings.maxEvents || elapsedMs() >= settings.maxDurationMs;
  const eventsDue = (): number => {
    const due =
      settings.rate === 0 ? Number.POSITIVE_INFINITY : (settings.rate * elapsedMs()) / 1000 + startEvents;
    return Math.floor(Math.min(due, settings.maxEvents)) - generator.position;
  };

  async function draw(limit: Limit): Promise<number> {
    const from = generator.position;
    const wanted = Math.min(eventsDue(), Math.ceil(limit.maxBytes / LINE_BYTES), limit.maxLines);
    if (wanted <= 0) return from;
    const blocks: Uint8Array[] = [];
    const header = from === 0 ? generator.header() : undefined;
    if (header !== undefined && !context.hasHeader) blocks.push(Buffer.from(header));
    for (let left = wanted; left > 0; left -= BLOCK_EVENTS)
      blocks.push(generator.next(Math.min(left, BLOCK_EVENTS)).bytes);
    if (isOver()) blocks.push(generator.end().bytes);
    await writeFile(`${segmentOf(from)}.new`, Buffer.concat(blocks));
    await rename(`${segmentOf(from)}.new`, segmentOf(from));
    return generator.position;
  }

  return {
    async plan(limit) {
      if (planned !== undefined) return planned;
      const from = generator.position;
      const to = await draw(limit);
      if (to === from) return undefined;
      planned = { from: { events: from, seed }, to: { events: to, seed } };
      return planned;
    },
    async read(range) {
      const { events: from } = range.from as unknown as SimulatorPosition;
      const { events: to } = range.to as unknown as SimulatorPosition;
      const path = segmentOf(from);
      if (generator.position < to) {
        // Replaying a batch of before a crash: its segment is there, and the generator catches up.
        if (!existsSync(path))
          throw new StreamkitError("io", `The segment "${path}" of an unfinished batch is gone`);
        generator.skip(to - generator.position);
        planned = range;
      }
      const { size } = await stat(path);
      const header = context.hasHeader ? generator.header()?.trim().split(context.delimiter) : undefined;
      return {
        path,
        sizeBytes: size,
        pieces: [{ origin: "simulate", originOffset: 0, segmentOffset: 0 }],
        header,
      };
    },
    async commit(range) {
      planned = undefined;
      await rm(segmentOf((range.from as unknown as SimulatorPosition).events), { force: true });
    },
    isEnded: () => planned === undefined && isOver(),
    hasBacklog: () => settings.rate === 0 && !isOver(),
    close: async () => {},
  };
}
