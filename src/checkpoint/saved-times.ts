/** Times of sources as the checkpoint and the plan have them: microseconds as text, as JSON has no bigint. */

import type { SourceTime } from "../ingest/watermark.ts";
import type { SourceProgress } from "./checkpoint.ts";

const US_PER_MS = 1000n;

export function savedTime(delayMs: number, saved: SourceProgress | undefined): SourceTime {
  return {
    delayUs: BigInt(Math.round(delayMs)) * US_PER_MS,
    maxEventTimeUs: saved?.maxEventTimeUs === undefined ? null : BigInt(saved.maxEventTimeUs),
    watermarkUs: saved?.watermarkUs === undefined ? null : BigInt(saved.watermarkUs),
    ...(saved?.partitions === undefined
      ? {}
      : { partitions: new Map(Object.entries(saved.partitions).map(([name, us]) => [name, bigintOf(us)])) }),
  };
}

export function savedPartitions(time: SourceTime | undefined): Pick<SourceProgress, "partitions"> {
  if (time?.partitions === undefined) return {};
  return {
    partitions: Object.fromEntries([...time.partitions].map(([name, us]) => [name, textOf(us) ?? null])),
  };
}

function bigintOf(text: string | null): bigint | null {
  return text === null ? null : BigInt(text);
}

export function usOf(text: string | null | undefined): bigint | null | undefined {
  return text === undefined ? undefined : bigintOf(text);
}

/** A clock is never out of order, and it is behind what its watermark has reached. */
export function clockTime(reachedUs: bigint | null): SourceTime {
  return { delayUs: 0n, maxEventTimeUs: reachedUs, watermarkUs: reachedUs };
}

export function textOf(value: bigint | null | undefined): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}
