/** Looks through a source that can be read twice, ahead of the batches: at its event times alone. */

import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { Database } from "../duckdb/database.ts";
import { type EarliestTime, earliestTime } from "../formats/earliest-time.ts";
import { segmentOfRecords } from "../formats/join-records.ts";
import type { Again, Position, Range } from "../sources/source.ts";
import { relation } from "../sql/stream.ts";
import type { SourceReader } from "./source-reader.ts";

export interface EarliestToCome {
  /** The earliest event time of everything behind the position; null where nothing with a time is left. */
  after(position: Position | undefined): EarliestTime;
}

export interface LookThroughOptions {
  readonly database: Database;
  readonly maxSegmentBytes: number;
  /** Where it aborts, what was not looked at yet may hold any time. */
  readonly stop: AbortSignal;
}

/** A run of the input, and the earliest time in it and in all that comes after it. */
interface Part {
  readonly to: Position;
  earliest: EarliestTime;
}

/** Two connections, each with a thread of its own: what is read of a file is parsed beside the next read. */
const LANES = 2;

export async function lookThrough(
  { name, reading, timeColumn }: Pick<SourceReader, "name" | "reading" | "timeColumn">,
  again: Again,
  { database, maxSegmentBytes, stop }: LookThroughOptions,
): Promise<EarliestToCome> {
  if (timeColumn === undefined) throw new StreamkitError("bug", `Source ${name} has no event time`);
  const source = await again.open();
  const parts: Part[] = [];
  let last: Range | undefined;
  let isOver = false;
  /** A source takes one call at a time. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const result = turn.then(action);
    turn = result.catch(() => undefined);
    return result;
  };
  const nextSegment = async () => {
    if (isOver || stop.aborted) return undefined;
    const range = await source.plan({ maxBytes: maxSegmentBytes, maxLines: Number.POSITIVE_INFINITY }, last);
    isOver = range === undefined;
    if (range === undefined) return undefined;
    last = range;
    const part: Part = { to: range.to, earliest: null };
    parts.push(part);
    return { range, part, segment: await source.read(range) };
  };

  const work = async (lane: number): Promise<void> => {
    const connection = await database.another();
    try {
      for (let next = await inTurn(nextSegment); next !== undefined; next = await inTurn(nextSegment)) {
        const { range, part } = next;
        const table = relation.ahead(name, lane + AHEAD_LANES);
        const segment = await segmentOfRecords(next.segment, reading.shape, table);
        part.earliest = await earliestTime(connection, segment, reading, timeColumn, table);
        await source.commit(range);
      }
    } finally {
      connection.close();
    }
  };

  logger("engine").debug(`Looks for the earliest event times to come of "${name}"`);
  try {
    const done = await Promise.allSettled([...Array(LANES).keys()].map(work));
    const failed = done.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  } finally {
    await source.close();
  }
  if (!isOver) parts.push({ to: {}, earliest: "-infinity" });
  for (let index = parts.length - 2; index >= 0; index -= 1) {
    const part = parts[index];
    const following = parts[index + 1];
    if (part !== undefined && following !== undefined)
      part.earliest = earlier(part.earliest, following.earliest);
  }
  return openParts(parts, again);
}

/** Tables of the batches' own lanes have lower numbers. */
const AHEAD_LANES = 100;

function openParts(parts: readonly Part[], again: Again): EarliestToCome {
  let passed = 0;
  return {
    after(position) {
      if (position !== undefined)
        for (let part = parts[passed]; part !== undefined; part = parts[passed]) {
          if (!again.includes(position, part.to)) break;
          passed += 1;
        }
      return parts[passed]?.earliest ?? null;
    },
  };
}

function earlier(a: EarliestTime, b: EarliestTime): EarliestTime {
  if (a === "-infinity" || b === "-infinity") return "-infinity";
  if (a === null) return b;
  return b === null || a < b ? a : b;
}
