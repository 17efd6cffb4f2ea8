/**
 * Bounded runs (`--once`): the input is whole, so no row of it is late, however it is out of order and
 * however it is cut into batches. A source's watermark after a batch is therefore at most the earliest event
 * time that is still to come of it. Who knows that?
 *
 * - As long as little is kept, nobody needs to: the watermark is held before the first event, and every
 *   window closes at the end. That costs nothing, and most runs end so.
 * - When queries, or sinks that wait for a partition's end, keep more than `MAX_HELD_ROWS`, a source that can
 *   be read twice (files) is looked through once, for its event times alone: the earliest of each segment to
 *   come. From then on the watermark goes as in a live run, but never past what is still to come: windows
 *   close on the way.
 * - What can't be read twice (a pipe, a topic, a simulator, files that are being written) is held to its end,
 *   however much is kept meanwhile; that is said once. `--available-now` takes what is there with the
 *   watermark of a live run.
 *
 * A source that has ended no longer holds the watermark of others; one that has not does, however long it
 * is silent. What was known of the input to come stands in a batch's plan: one that is repeated after a crash
 * has the same watermark. A row behind the watermark of a run before is late all the same.
 */

import { logger } from "../base/log.ts";
import type { ToCome } from "../checkpoint/checkpoint.ts";
import type { Database } from "../duckdb/database.ts";
import { type EarliestToCome, lookThrough } from "../ingest/look-through.ts";
import type { Ranges } from "../ingest/read-ahead.ts";
import { isTimedByClock, type SourceReader } from "../ingest/source-reader.ts";
import type { Position } from "../sources/source.ts";
import type { OpenSink } from "./open-sinks.ts";
import type { PreparedJob } from "./prepare.ts";

export interface BoundedInput {
  /** By source, what its watermark must not pass behind a batch that reads these ranges. */
  toCome(ranges: Ranges): Promise<ToCome>;
  /** Sources that have ended, and of which nothing is planned. */
  ended(planned: readonly Ranges[]): readonly string[];
}

export interface BoundedInputOptions {
  readonly database: Database;
  readonly prepared: PreparedJob;
  readonly sinks: readonly OpenSink[];
  readonly maxSegmentBytes: number;
  /** `MAX_HELD_ROWS` if left out. */
  readonly maxHeldRows?: number | undefined;
  readonly stop: AbortSignal;
}

/** Rows, windows or values: of some bytes to some hundreds each, they fit into any memory. */
const MAX_HELD_ROWS = 500_000;

export function openBoundedInput(options: BoundedInputOptions): BoundedInput {
  const { prepared, sinks, maxHeldRows = MAX_HELD_ROWS } = options;
  const { readers, queries } = prepared;
  const timed = readers.filter((reader) => reader.timeColumn !== undefined && !isTimedByClock(reader));
  const states = queries.flatMap((query) => query.states);
  const found = new Map<string, EarliestToCome>();
  const reached = new Map<string, Position>();
  let isOverfull = false;

  const keepsTooMuch = (): boolean => {
    const waiting = sinks.reduce((sum, { sink }) => sum + (sink.heldRows?.() ?? 0), 0);
    return states.reduce((sum, { size }) => sum + (size?.() ?? 0), waiting) > maxHeldRows;
  };

  /** Once: from then on it is known of each source whether its times to come can be known. */
  const lookThroughAll = async (): Promise<void> => {
    for (const reader of timed) {
      if (reader.source.isEnded()) continue;
      const { again } = reader.source;
      if (again === undefined) sayHeld(reader);
      else found.set(reader.name, await lookThrough(reader, again, options));
    }
  };

  const earliestOf = ({ name }: SourceReader): string | null | undefined => {
    const known = found.get(name);
    if (known === undefined) return null;
    const earliest = known.after(reached.get(name));
    if (earliest === "-infinity") return null;
    return earliest === null ? undefined : String(earliest);
  };

  return {
    async toCome(ranges) {
      for (const [name, { to }] of Object.entries(ranges)) reached.set(name, to);
      if (!isOverfull && Object.keys(ranges).length > 0 && keepsTooMuch()) {
        isOverfull = true;
        await lookThroughAll();
      }
      return Object.fromEntries(
        timed.flatMap((reader) => {
          const earliest = earliestOf(reader);
          return earliest === undefined ? [] : [[reader.name, earliest] as const];
        }),
      );
    },
    ended: (planned) =>
      readers
        .filter(({ name, source }) => source.isEnded() && planned.every((ranges) => !(name in ranges)))
        .map(({ name }) => name),
  };
}

function sayHeld({ name }: SourceReader): void {
  logger("engine").info(
    `"${name}" can't be read twice, and --once takes all of it for one whole: windows close when it ends ` +
      "(--available-now goes by the watermark: instead)",
  );
}
