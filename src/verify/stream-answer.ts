/** What the streaming engine says, run over a cut of the input: every batch, a restart, the end. */

import { id, sql, timestampUs } from "../duckdb/sql.ts";
import { MAX_SEGMENT_BYTES } from "../engine/prepare.ts";
import { FUTURE_TIMESTAMP } from "../ingest/future-timestamp-guard.ts";
import type { LoadedJob } from "../job/load.ts";
import { CHECKPOINT, eventTime, relation } from "../sql/stream.ts";
import type { TakenRows } from "./batch-answer.ts";
import type { Cut } from "./cut.ts";
import type { PutAside } from "./put-aside.ts";
import { type OpenRun, openRun, type Run, type Share } from "./run.ts";
import type { RunClock } from "./run-clock.ts";

export interface StreamAnswer {
  readonly batches: number;
  /** By source: rows behind the watermark that the job itself asks for. */
  readonly lateRows: ReadonlyMap<string, number>;
  /** By source: what each batch read. */
  readonly taken: ReadonlyMap<string, readonly TakenRows[]>;
  /** By source: rows that became dead letters for being too far ahead. */
  readonly farAhead: ReadonlyMap<string, number>;
  /** Rows, groups and windows that queries failed on. */
  readonly putAside: readonly PutAside[];
  /** The lines that a query wrote. */
  written(query: string): string;
}

export interface StreamOptions {
  readonly clock: RunClock;
  readonly stop: AbortSignal;
  /** For the checkpoint and the rows. */
  readonly folder: string;
  /** By source, in milliseconds: the job's own, which the one that runs may have been given more than. */
  readonly ownWatermarksMs: ReadonlyMap<string, number>;
  /** Told the number of each batch of the cut. */
  readonly began?: (batch: number) => void;
}

/** Undefined where `stop` aborted. The job's sinks are row files. */
export async function streamAnswer(
  job: LoadedJob,
  cut: Cut,
  options: StreamOptions,
): Promise<StreamAnswer | undefined> {
  const { clock, stop, folder } = options;
  const run = await openRun(job, { folder, clock, isDurable: true });
  const lateRows = new Map<string, number>();
  const farAhead = new Map<string, number>();
  const taken = new Map<string, TakenRows[]>();
  const take = async (share: Share, endsInput: boolean, ahead?: Share): Promise<void> => {
    const reached = run.open().runner.times();
    clock.step();
    await run.batch(share, endsInput, ahead);
    const plannedAtMs = run.open().runner.lastPlannedAtMs();
    for (const { name } of run.open().prepared.readers) {
      const { kept, beyond } = await countTaken(run.open(), name);
      farAhead.set(name, (farAhead.get(name) ?? 0) + beyond);
      taken.set(name, [...(taken.get(name) ?? []), { rows: kept + beyond, plannedAtMs }]);
    }
    for (const [name, ownMs] of options.ownWatermarksMs) {
      const seenUs = reached.get(name)?.maxEventTimeUs ?? null;
      if (seenUs === null) continue;
      const late = await countBefore(run.open(), name, seenUs - BigInt(Math.round(ownMs)) * 1000n);
      lateRows.set(name, (lateRows.get(name) ?? 0) + late);
    }
  };
  try {
    for (const [index, share] of cut.shares.entries()) {
      if (stop.aborted) return undefined;
      options.began?.(index + 1);
      const isLastBefore = index + 1 === cut.restartAfter;
      const readsAhead = cut.readsAhead[index] === true && !isLastBefore;
      await take(share, false, readsAhead ? cut.shares[index + 1] : undefined);
      if (isLastBefore) await run.restart();
    }
    await takeRest(run, stop, (share) => take(share, false));
    if (stop.aborted) return undefined;
    await take({}, true);
    const batches = run.open().runner.lastBatch();
    const putAside = await putAsideIn(run.open());
    return { batches, lateRows, taken, farAhead, putAside, written: (query) => run.written(query) };
  } finally {
    await run.close();
  }
}

/** Shares end at a line's end, so a little is left. */
async function takeRest(run: Run, stop: AbortSignal, take: (share: Share) => Promise<void>): Promise<void> {
  const { readers } = run.open().prepared;
  const share = Object.fromEntries(readers.map(({ name }) => [name, MAX_SEGMENT_BYTES]));
  while (!stop.aborted && readers.some(({ source }) => !source.isEnded())) await take(share);
}

async function putAsideIn({ database }: OpenRun): Promise<readonly PutAside[]> {
  const rows = await database.rows(
    sql`SELECT query, source, line FROM ${id(CHECKPOINT, "dead_letters")} WHERE query IS NOT NULL`,
  );
  return rows.map(({ query, source, line }) => ({
    query: String(query),
    stream: source === null ? null : String(source),
    line: String(line),
  }));
}

/** Of the batch just run: rows in the source's table, and rows that are no more in it. */
async function countTaken(
  { database }: OpenRun,
  source: string,
): Promise<{ readonly kept: number; readonly beyond: number }> {
  const row = await database.row(sql`SELECT (SELECT count(*) FROM ${id(source)}) AS kept,
    (SELECT count(*) FROM ${id(relation.deadLetters)}
     WHERE source = ${source} AND contains(reason, ${FUTURE_TIMESTAMP})) AS beyond`);
  return { kept: Number(row["kept"]), beyond: Number(row["beyond"]) };
}

/** Rows of the batch just run whose time is before the watermark. */
async function countBefore(
  { database, prepared }: OpenRun,
  source: string,
  watermarkUs: bigint,
): Promise<number> {
  const shape = prepared.shapes.find(({ name }) => name === source);
  if (shape?.timeColumn === undefined) return 0;
  const row = await database.row(sql`SELECT count(*) AS late FROM ${id(source)}
    WHERE ${eventTime(shape.stream.columns, shape.timeColumn)} < ${timestampUs(watermarkUs)}`);
  return Number(row["late"]);
}
