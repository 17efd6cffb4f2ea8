/** The columns of a source whose job names none: found from what is there, before the first batch. */

import type { Clock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { Database } from "../duckdb/database.ts";
import { parseTime, type RecordColumn, UNIT_NAMES } from "../formats/epoch.ts";
import { type Inference, inferColumns } from "../formats/infer.ts";
import { MAX_SAMPLE_BYTES, type Sample, SPOTS, spotsOf } from "../formats/sample.ts";
import type { Segment } from "../formats/segment.ts";
import type { SourceConfig } from "../job/schema.ts";
import type { Limit, Range, Source } from "../sources/source.ts";
import { DEFAULT_TIME_COLUMN } from "./event-time.ts";

export interface FindOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly name: string;
  readonly config: SourceConfig;
  /** For files of the sample. */
  readonly folder: string;
  /** Names that a column can't have. */
  readonly isTaken: (name: string) => boolean;
  /** Whether others send the lines, so that none of them may end the job. */
  readonly isReceived: boolean;
  /** Whether lines come as they are made, so that more of them may be worth waiting for. */
  readonly isLive: boolean;
  readonly limit: Limit;
  readonly waitForNews: () => Promise<void>;
  readonly isStopped: () => boolean;
}

/**
 * So long the first lines of a live source are collected, where a column might need a wider type than they
 * show: a price may be whole in the first line, and not in the second.
 */
const COLLECTING_MS = 1000;
/** A writer that is quick gives more than its first lines in this time, and one look is enough. */
const SETTLING_MS = 20;
const LINE_FEED = 10;

/** Undefined where the input ended without a line, or we were stopped before its first. Takes nothing. */
export async function findColumns(
  source: Source,
  options: FindOptions,
): Promise<readonly RecordColumn[] | undefined> {
  const { clock } = options;
  const tellUnclear = unclearTeller(options);
  let firstAtMs: number | undefined;
  while (source.sample !== undefined && !source.isEnded() && !options.isStopped()) {
    let sample = await source.sample();
    if (firstAtMs === undefined && sample?.isWhole === false) {
      await clock.sleep(SETTLING_MS);
      sample = await source.sample();
    }
    const waitedMs = firstAtMs === undefined ? 0 : clock.monotonicMs() - firstAtMs;
    const isLast = sample?.isWhole === true || waitedMs >= COLLECTING_MS;
    // In between nothing is looked at: what came first may widen, and more is waited for.
    if (sample !== undefined && (isLast || firstAtMs === undefined)) {
      const found = await infer(sample, options).catch((error: unknown) => {
        if (isLast && !mayBecomeClear(sample, options)) throw error;
        tellUnclear(error);
        return "unclear" as const;
      });
      if (found === undefined && sample.isWhole) break;
      // A header alone names the columns; the first line tells their types, whenever it comes.
      const hasValues = found === "unclear" || found?.hasValues === true;
      if (hasValues) firstAtMs ??= clock.monotonicMs();
      if (found !== undefined && found !== "unclear")
        if (sample.isWhole || (hasValues && (isLast || !found.mayWiden))) return told(found, options);
    }
    await options.waitForNews();
  }
  return options.isStopped() ? undefined : columnsOfRanges(source, options);
}

/** So many lines of which none is a record are no odd ones but of another format. */
const MAX_ODD_LINES = 100;

/** Whether records may still come behind lines that are none. */
function mayBecomeClear({ parts, isWhole }: Sample, { isLive, isReceived }: FindOptions): boolean {
  if (isWhole || !isLive) return false;
  const lines = parts.flatMap(({ spots }) => spots).reduce((sum, spot) => sum + feedsIn(spot), 0);
  return isReceived || lines < MAX_ODD_LINES;
}

function feedsIn(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count += 1;
  return count;
}

/** Warns once that the first lines have no columns. Throws every error that is not about the input. */
function unclearTeller({ name, clock }: FindOptions): (error: unknown) => void {
  let firstAtMs: number | undefined;
  let isTold = false;
  return (error) => {
    if (!(error instanceof StreamkitError) || error.code !== "input") throw error;
    firstAtMs ??= clock.monotonicMs();
    if (isTold || clock.monotonicMs() - firstAtMs < COLLECTING_MS) return;
    isTold = true;
    logger("engine").warn(`${name}: ${error.message}; records are waited for`);
  };
}

/** From the first ranges as they are planned, which will be planned again. */
async function columnsOfRanges(
  source: Source,
  options: FindOptions,
): Promise<readonly RecordColumn[] | undefined> {
  const tellUnclear = unclearTeller(options);
  /** The last range without a record, whose lines become dead letters when the columns are known. */
  let unclear: Range | undefined;
  for (;;) {
    const range = await source.plan(options.limit, unclear);
    if (range !== undefined) {
      const found = await inferRange(source, range, options, tellUnclear);
      if (found !== undefined && found !== "unclear") return told(found, options);
      // Blank lines tell nothing and are no records.
      if (found === undefined && unclear === undefined) await source.commit(range);
      else unclear = range;
    }
    if (source.isEnded() || options.isStopped()) return undefined;
    await options.waitForNews();
  }
}

async function sampleOf({ path, sizeBytes, header, delimiter }: Segment): Promise<Sample> {
  const spotBytes = Math.floor(MAX_SAMPLE_BYTES / SPOTS);
  const spots = await spotsOf(path, { start: 0, end: sizeBytes, spotBytes });
  return { isWhole: true, parts: [{ spots, header, delimiter }] };
}

async function inferRange(
  source: Source,
  range: Range,
  options: FindOptions,
  tellUnclear: (error: unknown) => void,
): Promise<Inference | "unclear" | undefined> {
  const segment = await source.read(range);
  const sample = await sampleOf(segment);
  const found = await infer(sample, options).catch((error: unknown) => {
    const isWhole = source.isEnded() || segment.sizeBytes >= MAX_SAMPLE_BYTES;
    if (!mayBecomeClear({ ...sample, isWhole }, options)) throw error;
    tellUnclear(error);
    return "unclear" as const;
  });
  if (found === "unclear") return found;
  const waits = options.isLive && source.partitions === undefined && segment.sizeBytes < MAX_SAMPLE_BYTES;
  if (found === undefined || !found.mayWiden || !waits) return found;
  const untilMs = options.clock.monotonicMs() + COLLECTING_MS;
  while (options.clock.monotonicMs() < untilMs && !options.isStopped() && !source.hasBacklog())
    await options.waitForNews();
  const next = await source.plan(options.limit, range);
  if (next === undefined) return found;
  const more = await sampleOf(await source.read(next));
  const isAlike = JSON.stringify(more.parts[0]?.header) === JSON.stringify(sample.parts[0]?.header);
  const spots = [sample, ...(isAlike ? [more] : [])].flatMap(({ parts }) => parts[0]?.spots ?? []);
  return infer({ isWhole: true, parts: [{ ...sample.parts[0], spots }] }, options);
}

function infer(
  sample: Sample,
  { database, folder, config, isTaken }: FindOptions,
): Promise<Inference | undefined> {
  const { column, epoch } = parseTime(config.time ?? DEFAULT_TIME_COLUMN);
  const time = epoch === undefined ? column : undefined;
  return inferColumns(database, sample, { format: config.format, path: `${folder}/columns`, time, isTaken });
}

function told({ columns, epochs, notes }: Inference, { name }: FindOptions): readonly RecordColumn[] {
  for (const note of notes)
    logger("engine").warn(`${name}: ${note}; declare the columns with schema: or --schema`);
  for (const { column, unit, example } of epochs)
    logger("engine").info(
      `${name}: "${column}" holds numbers like ${example}: they are read as ${UNIT_NAMES[unit]} since ` +
        `1970; time: epoch_${unit === "ms" ? "us" : "ms"}(${column}), say, would read them otherwise`,
    );
  return columns;
}
