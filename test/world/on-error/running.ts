/** Jobs over lines, run in this process batch by batch, and what they leave. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { sql } from "../../../src/duckdb/sql.ts";
import type { LoadedJob } from "../../../src/job/load.ts";
import { openRun, rowFiles } from "../../../src/verify/run.ts";
import { emptyFolder } from "../../support/binary.ts";
import { jobIn } from "../../verify/job.ts";

interface Letter {
  readonly query: string | null;
  readonly source: string | null;
  readonly line: string;
  readonly reason: string;
  readonly origin: string | null;
  readonly byte_offset: number | null;
}

export interface Left {
  /** By query, the rows as they were written. */
  readonly rows: Readonly<Record<string, readonly unknown[]>>;
  readonly letters: readonly Letter[];
}

export interface Line {
  readonly ts: string;
  readonly k: string;
  readonly v: string;
  readonly n: number;
}

export function linesText(lines: readonly Line[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/**
 * Runs a job, in batches of about so many bytes (0: all at once), to the end of its input. `kept`: over a
 * checkpoint on disk, closed and opened again in the middle.
 */
export async function leftBy(
  yaml: string,
  files: Readonly<Record<string, string>>,
  { bytes = 0, kept = false }: { readonly bytes?: number; readonly kept?: boolean } = {},
): Promise<Left> {
  using folder = emptyFolder();
  const given = jobIn(folder.path, yaml, files);
  const names = Object.keys(given.config.queries);
  const sinks = [...rowFiles(names), ...rowFiles(["dead_letters"])];
  const job: LoadedJob = { ...given, config: { ...given.config, sinks } };
  const run = await openRun(job, { folder: folder.path, clock: systemClock, isDurable: kept });
  try {
    const sources = Object.keys(job.config.sources);
    const share = Object.fromEntries(sources.map((name) => [name, bytes === 0 ? 2 ** 24 : bytes]));
    for (let batch = 0; batch < 1000; batch += 1) {
      if (run.open().prepared.readers.every(({ source }) => source.isEnded())) break;
      await run.batch(share, false);
      if (kept && batch === 1) await run.restart();
    }
    await run.batch({}, true);
    const parsed = (text: string): unknown[] =>
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as unknown);
    const letters = parsed(readFileSync(join(folder.path, "out/dead_letters.ndjson"), "utf8")) as Letter[];
    const { rows: stored } = await run
      .open()
      .database.row(sql`SELECT count(*) AS rows FROM ckpt.dead_letters`);
    if (Number(stored) !== letters.length)
      throw new Error(`${letters.length} dead letters in the sink, ${String(stored)} in the checkpoint`);
    return { rows: Object.fromEntries(names.map((name) => [name, parsed(run.written(name))])), letters };
  } finally {
    await run.close();
  }
}
