/**
 * Watermarks. A source's is the highest event time seen less the allowed disorder; a stream's is the least of
 * its sources', without those that are idle. Of a source in partitions, which are read each at its own pace,
 * the highest event time of the one that is least far counts. None ever goes back. In a bounded run none
 * passes what is still to come (`bounded-input.ts`). The end of the input leaves them where the events are:
 * what it closes is another matter (`input-end.ts`).
 */

import { laterUs } from "../base/moments.ts";
import { INFINITY_US } from "../duckdb/sql.ts";

/** Microseconds; null is before the first event. */
type WatermarkUs = bigint | null;

export interface SourceTime {
  readonly delayUs: bigint;
  readonly maxEventTimeUs: bigint | null;
  readonly watermarkUs: WatermarkUs;
  /** The highest event time of each partition, by its name; left out by a source that has none. */
  readonly partitions?: PartitionTimes;
}

export type PartitionTimes = ReadonlyMap<string, bigint | null>;

/** What a batch read of a source. */
export interface Seen {
  readonly maxEventTimeUs: bigint | null;
  readonly partitions?: PartitionTimes | undefined;
}

/** What else moves a source's time, or stops it. */
interface Course {
  readonly endsInput: boolean;
  /** The partitions that more may come of, which the watermark waits for; of a source that has some. */
  readonly holding?: readonly string[] | undefined;
  /** The earliest event time after the batch, where it is a bound; null where that is not known. */
  readonly toComeUs?: bigint | null | undefined;
}

/** A source's time after a batch. */
export function advance(time: SourceTime, seen: Seen, { endsInput, holding, toComeUs }: Course): SourceTime {
  const maxEventTimeUs = laterUs(time.maxEventTimeUs, seen.maxEventTimeUs);
  const partitions = new Map(time.partitions);
  for (const [name, us] of seen.partitions ?? [])
    partitions.set(name, laterUs(partitions.get(name) ?? null, us));
  const leastMaxUs = holding === undefined ? maxEventTimeUs : leastOf(partitions, holding);
  const reachedUs = leastMaxUs === null ? null : leastMaxUs - time.delayUs;
  const allowedUs = toComeUs === undefined || endsInput ? reachedUs : leastUs([reachedUs, toComeUs]);
  return {
    ...time,
    maxEventTimeUs,
    watermarkUs: laterUs(time.watermarkUs, allowedUs),
    ...(holding === undefined ? {} : { partitions }),
  };
}

/** Of the partitions that hold the watermark; where none does, of all that have given something. */
function leastOf(partitions: PartitionTimes, holding: readonly string[]): bigint | null {
  if (holding.length > 0) return leastUs(holding.map((name) => partitions.get(name) ?? null));
  const given = [...partitions.values()].filter((us) => us !== null);
  return given.length === 0 ? null : leastUs(given);
}

export interface Watermarks {
  /** The least watermark of the sources as of the last batch. */
  of(sources: readonly string[]): WatermarkUs;
  /** The same with the given times of sources; `idle` ones don't hold it unless all are. */
  next(
    sources: readonly string[],
    times: ReadonlyMap<string, SourceTime>,
    idle: readonly string[],
  ): WatermarkUs;
  /** Takes over what `next` gave for every group of sources that was asked for. */
  advance(times: ReadonlyMap<string, SourceTime>, idle: readonly string[]): void;
  /** For the checkpoint, and back again. */
  toJson(): Readonly<Record<string, string>>;
}

export function openWatermarks(
  groups: readonly (readonly string[])[],
  saved: Readonly<Record<string, string>>,
): Watermarks {
  const reached = new Map<string, WatermarkUs>(
    Object.entries(saved).map(([key, value]) => [key, BigInt(value)]),
  );
  // So former versions wrote the end of the input.
  for (const [key, value] of reached) if (value === INFINITY_US) reached.delete(key);
  const keyOf = (sources: readonly string[]): string => sources.toSorted().join("+");
  const next: Watermarks["next"] = (sources, times, idle) => {
    const speaking = sources.filter((name) => !idle.includes(name));
    const holding = speaking.length === 0 ? sources : speaking;
    const least = leastUs(holding.map((name) => times.get(name)?.watermarkUs ?? null));
    return laterUs(reached.get(keyOf(sources)) ?? null, least);
  };
  return {
    of: (sources) => reached.get(keyOf(sources)) ?? null,
    next,
    advance(times, idle) {
      for (const sources of groups) reached.set(keyOf(sources), next(sources, times, idle));
    },
    toJson: () =>
      Object.fromEntries(
        [...reached].flatMap(([key, value]) => (value === null ? [] : [[key, String(value)]])),
      ),
  };
}

function leastUs(values: readonly WatermarkUs[]): WatermarkUs {
  const known = values.filter((value) => value !== null);
  if (known.length < values.length) return null;
  return known.reduce((least, value) => (value < least ? value : least), INFINITY_US);
}
