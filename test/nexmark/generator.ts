/**
 * Nexmark's events as NDJSON: one stream of persons who open auctions and bid in them, 1 : 3 : 46. The same
 * settings give the same bytes. The original is Tucker et al., "NEXMark: a benchmark for queries over data
 * streams" (2002), in the proportions of Flink's https://github.com/nexmark/nexmark.
 */

import { createRandom, integerBelow } from "../../src/simulate/random.ts";
import { isoTimeText } from "../../src/simulate/times.ts";
import { createEntities } from "./entities.ts";
import { AUCTIONS, AUCTIONS_IN_FLIGHT, kindOf, ROUND } from "./ids.ts";

export interface NexmarkSettings {
  readonly seed: number;
  readonly count: number;
  /** In event time; 10,000 if left out. */
  readonly eventsPerSecond?: number;
  /** Times go back by so much at most, rounded up to `timeStepMs`; 0 if left out: in order. */
  readonly disorderMs?: number;
  /** Times are multiples of it, so that many events share one; 1 if left out. */
  readonly timeStepMs?: number;
  /** The time of the first event; 2026-01-05T14:30:00Z if left out. */
  readonly startMs?: number;
}

const DEFAULT_START_MS = Date.UTC(2026, 0, 5, 14, 30);
/** A block is built in memory. */
const BLOCK_EVENTS = 8192;

/** Disorder is drawn apart from the events, which are the same with and without it. */
const EVENT_STREAM = 0;
const TIME_STREAM = 1;

/** The stream block by block, each of whole lines with their line feeds, all ASCII. */
export function* nexmarkBlocks(settings: NexmarkSettings): Generator<string, void, undefined> {
  const line = lineWriter(settings);
  for (let first = 0; first < settings.count; first += BLOCK_EVENTS) {
    const length = Math.min(BLOCK_EVENTS, settings.count - first);
    yield `${Array.from({ length }, (_, index) => line(first + index)).join("\n")}\n`;
  }
}

export function nexmarkLines(settings: NexmarkSettings): string[] {
  const line = lineWriter(settings);
  return Array.from({ length: settings.count }, (_, event) => line(event));
}

/** The line of each event; they must be asked for one after the other. */
function lineWriter(settings: NexmarkSettings): (event: number) => string {
  const random = createRandom(settings.seed, EVENT_STREAM);
  const entities = createEntities(random);
  const timeOf = eventTimes(settings);
  const timeText = isoTimeText("");
  const expiryText = isoTimeText("");
  // An auction is open for as long as it takes to begin those in flight, on average.
  const eventsInFlight = (AUCTIONS_IN_FLIGHT * ROUND) / AUCTIONS;
  const openMs = (eventsInFlight * 1000) / rateOf(settings);
  return (event) => {
    const timeMs = timeOf(event);
    const ts = `{"ts":"${timeText(timeMs)}"`;
    switch (kindOf(event)) {
      case "person":
        return `${ts},"Person":${entities.person(event)}}`;
      case "auction": {
        const expires = expiryText(timeMs + 1 + integerBelow(random, Math.max(1, Math.floor(2 * openMs))));
        return `${ts},"Auction":${entities.auction(event, expires)}}`;
      }
      case "bid":
        return `${ts},"Bid":${entities.bid(event)}}`;
    }
  };
}

function eventTimes(settings: NexmarkSettings): (event: number) => number {
  const { seed, disorderMs = 0, timeStepMs = 1, startMs = DEFAULT_START_MS } = settings;
  const random = createRandom(seed, TIME_STREAM);
  return (event) => {
    const sinceStartMs = (event * 1000) / rateOf(settings);
    const backMs = disorderMs === 0 ? 0 : integerBelow(random, disorderMs + 1);
    return startMs + Math.floor(Math.max(0, sinceStartMs - backMs) / timeStepMs) * timeStepMs;
  };
}

function rateOf({ eventsPerSecond = 10_000 }: NexmarkSettings): number {
  return eventsPerSecond;
}
