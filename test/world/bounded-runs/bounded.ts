/** A bounded run of a job in a folder, cut into batches as the test wants it, and the right answer. */

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { openDatabase } from "../../../src/duckdb/database.ts";
import { planForCheck } from "../../../src/engine/prepare.ts";
import { type RunOptions, runJob } from "../../../src/engine/run-job.ts";
import { openBatchSide } from "../../../src/verify/batch-answer.ts";
import { type Answer, linesOf } from "../../../src/verify/rows.ts";
import { loadedJob } from "../../equation/streaming.ts";
import { silentRun } from "../../support/silent-run.ts";

export interface Figures {
  readonly batches: number;
  readonly lateRows: number;
  /** Batches after which some window had closed, and more input was to come. */
  readonly batchesWithRows: number;
}

type Options = Partial<Pick<RunOptions, "bounds" | "until" | "checkpointFolder" | "clock" | "stop">>;

export async function runIn(folder: string, text: string, options: Options = {}): Promise<Figures> {
  let batches = 0;
  let lateRows = 0;
  let batchesWithRows = 0;
  await runJob(loadedJob(text, folder), {
    ...silentRun(),
    observe({ report }) {
      batches += 1;
      lateRows += report.lateRows;
      const rows = Object.values(report.outputRows).reduce((sum, count) => sum + count, 0);
      if (rows > 0) batchesWithRows += 1;
    },
    ...options,
  });
  return { batches, lateRows, batchesWithRows };
}

/** The rows of a query, whose sink is `file:out/QUERY.ndjson`. */
export function writtenIn(folder: string, query: string): readonly string[] {
  const file = path.join(folder, "out", `${query}.ndjson`);
  return existsSync(file) ? linesOf(readFileSync(file, "utf8")) : [];
}

/** What DuckDB answers over the whole. */
export async function batchAnswers(folder: string, text: string): Promise<ReadonlyMap<string, Answer>> {
  const job = loadedJob(text, folder);
  const order = Object.keys(job.config.queries);
  const database = await openDatabase({ threads: 1 });
  const own = path.join(folder, "batch");
  mkdirSync(own, { recursive: true });
  try {
    const { shapes } = await planForCheck(job, database, { clock: systemClock, freshSeed: () => 1 });
    const side = await openBatchSide({ job, shapes, order, clock: systemClock, lastPlanMs: 0, folder: own });
    try {
      return await side.answers();
    } finally {
      side.close();
    }
  } finally {
    database.close();
  }
}
