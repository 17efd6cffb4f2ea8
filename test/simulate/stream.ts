/** Whole streams as text, and the clean stream got back from a disturbed one and its truth. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../src/base/clock.ts";
import type { Fault } from "../../src/simulate/faults.ts";
import { type Block, createGenerator, type Generator } from "../../src/simulate/generator.ts";
import { type SimulateOptions, settingsOf } from "../../src/simulate/options.ts";

export const START = "2026-01-05T14:30:00.000Z";

/** Sleeping is what moves its time on. */
export function manualClock(startMs = Date.parse(START)): Clock & { advance(durationMs: number): void } {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs - startMs,
    sleep: (durationMs) => {
      nowMs += durationMs;
      return Promise.resolve();
    },
    advance: (durationMs) => {
      nowMs += durationMs;
    },
  };
}

export function generatorOf(options: SimulateOptions, clock: Clock = manualClock()): Generator {
  return createGenerator(settingsOf({ seed: 1, start: START, ...options }), { clock, seed: 1 });
}

export interface Stream {
  readonly text: string;
  readonly faults: readonly Fault[];
}

/** `events` events in blocks of the sizes given, which come round again. */
export function streamOf(
  options: SimulateOptions,
  events: number,
  blockSizes: readonly number[] = [1000],
): Stream {
  const generator = generatorOf(options);
  const blocks: Block[] = [];
  for (let turn = 0; generator.position < events; turn++) {
    const size = blockSizes[turn % blockSizes.length] ?? 1;
    blocks.push(generator.next(Math.min(size, events - generator.position)));
  }
  blocks.push(generator.end());
  return {
    text: (generator.header() ?? "") + textOf(blocks),
    faults: blocks.flatMap(({ faults }) => faults),
  };
}

export function textOf(blocks: readonly Block[]): string {
  return blocks.map(({ bytes }) => Buffer.from(bytes).toString("utf8")).join("");
}

export function linesOf(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

/**
 * What a reader of a truth file does: takes the disturbed lines out and puts the events where they belong.
 */
export function recovered({ text, faults }: Stream, headerLines: number): string {
  const disturbed = new Set(faults.map(({ line }) => line));
  const lines = linesOf(text);
  const untouched = lines.filter((_, index) => index >= headerLines && !disturbed.has(index));
  const moved = new Map(
    faults.filter(({ did }) => did !== "duplicate").map(({ event, original }) => [event, original]),
  );
  const events = untouched.length + moved.size;
  const clean = Array.from({ length: events }, (_, event) => moved.get(event) ?? untouched.shift());
  return [...lines.slice(0, headerLines), ...clean].map((line) => `${line}\n`).join("");
}

/** Calls `use` with the path of a file that holds `text`, and removes it afterwards. */
export async function withFile<T>(text: string, use: (path: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "streamkit-simulate-"));
  try {
    const path = join(folder, "stream");
    writeFileSync(path, text);
    return await use(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
