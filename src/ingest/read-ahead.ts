/**
 * Reads what the next batches will need while one is executed: each lane is a connection of its own, reading
 * one batch's ranges into tables of its own. The order of batches is the loop's affair.
 */

import type { Database } from "../duckdb/database.ts";
import type { Range } from "../sources/source.ts";
import { relation } from "../sql/stream.ts";
import type { Load, SourceReader } from "./source-reader.ts";

/** A reader needs one thread for a batch of 16 MiB: two keep up with what executes and outputs their rows. */
export const LANES = 2;

/** By the names of sources. */
export type Ranges = Readonly<Record<string, Range>>;

export interface ReadAhead {
  /** Begins to read, in lanes that are free, what is not being read yet. */
  start(upcoming: readonly Ranges[]): void;
  /**
   * What was read of these ranges, and frees its lane: its tables must be taken before `start` is called
   * again.
   */
  take(ranges: Ranges): Promise<readonly Load[]>;
  /** Waits for what is being read, and forgets it. */
  close(): Promise<void>;
}

interface Lane {
  readonly connection: Database;
  work: { readonly ranges: Ranges; readonly loads: Promise<readonly Load[]> } | undefined;
}

export async function openReadAhead(
  database: Database,
  readers: readonly SourceReader[],
): Promise<ReadAhead> {
  const lanes: Lane[] = [];
  for (let lane = 0; lane < LANES; lane += 1)
    lanes.push({ connection: await database.another(), work: undefined });

  const load = async (connection: Database, lane: number, ranges: Ranges): Promise<readonly Load[]> => {
    const loads: Load[] = [];
    for (const reader of readers) {
      const range = ranges[reader.name];
      if (range === undefined) continue;
      loads.push(await reader.load(connection, range, relation.ahead(reader.name, lane)));
    }
    return loads;
  };

  return {
    start(upcoming) {
      for (const ranges of upcoming) {
        const isNothing = Object.keys(ranges).length === 0;
        if (isNothing || lanes.some(({ work }) => work?.ranges === ranges)) continue;
        const index = lanes.findIndex(({ work }) => work === undefined);
        const lane = lanes[index];
        if (lane === undefined) return;
        const loads = load(lane.connection, index, ranges);
        // Its failure is told by the batch that needs it.
        loads.catch(() => {});
        lane.work = { ranges, loads };
      }
    },
    async take(ranges) {
      const isOf = (work: Lane["work"]): boolean =>
        work !== undefined && Object.entries(work.ranges).every(([name, range]) => ranges[name] === range);
      const lane = lanes.find(({ work }) => isOf(work));
      const loads = (await lane?.work?.loads) ?? [];
      if (lane !== undefined) lane.work = undefined;
      return loads;
    },
    async close() {
      await Promise.allSettled(lanes.flatMap(({ work }) => work?.loads ?? []));
      for (const { connection } of lanes) connection.close();
    },
  };
}
