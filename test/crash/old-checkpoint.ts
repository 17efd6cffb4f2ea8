/**
 * Checkpoints of releases, kept in fixtures/checkpoints: a job with what it had read and written when it was
 * killed in the middle of a batch. `bun test/crash/old-checkpoint.ts NAME` makes one of the tree as it is;
 * those that are there stay as they are: each must resume for ever.
 */

import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crashJob, linesFrom, takenId } from "./crash-job.ts";
import { randomBelow, spawned, text } from "./episode.ts";

export const CHECKPOINTS = join(import.meta.dirname, "../../fixtures/checkpoints");

const LINES_A_LIFE = 120;
const SEED = 20_260_105;
/** DuckDB's files are mostly empty. */
const PACKED = /checkpoint\.duckdb(\.wal)?$/;

/** The folder of a checkpoint, as the killed process left it. */
export function unpack(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "streamkit-checkpoint-"));
  cpSync(join(CHECKPOINTS, name), folder, { recursive: true });
  const state = join(folder, "state");
  for (const file of readdirSync(state).filter((found) => found.endsWith(".gz"))) {
    writeFileSync(join(state, file.slice(0, -3)), Bun.gunzipSync(readFileSync(join(state, file))));
    rmSync(join(state, file));
  }
  return folder;
}

async function make(name: string): Promise<void> {
  const folder = join(CHECKPOINTS, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "in"), { recursive: true });
  await Bun.write(join(folder, "job.yaml"), crashJob());
  const random = randomBelow(SEED);
  const piped = linesFrom(1, 2 * LINES_A_LIFE, random);
  const filed = linesFrom(1, 2 * LINES_A_LIFE, random);
  // The first life folds its log into the database; the second dies with a batch that is not committed.
  for (const [life, failpoint] of ["", "batch-written:2"].entries()) {
    const lines = filed.slice(life * LINES_A_LIFE, (life + 1) * LINES_A_LIFE);
    await Bun.write(join(folder, `in/${life}.ndjson`), text(lines));
    const input = piped.slice(takenId(folder), (life + 1) * LINES_A_LIFE);
    const env = { STREAMKIT_FAILPOINT: failpoint };
    const child = await spawned(folder, ["--available-now"], env, new Blob([text(input)]));
    const stderr = await new Response(child.stderr).text();
    await child.exited;
    const isDead = child.signalCode === "SIGKILL";
    if (isDead !== (failpoint !== "")) throw new Error(`Life ${life} ended otherwise: ${stderr}`);
  }
  await Bun.write(join(folder, "piped.ndjson"), text(piped.slice(0, takenId(folder))));
  const state = join(folder, "state");
  for (const file of readdirSync(state).filter((found) => PACKED.test(found))) {
    writeFileSync(join(state, `${file}.gz`), Bun.gzipSync(readFileSync(join(state, file)), { level: 9 }));
    rmSync(join(state, file));
  }
  rmSync(join(state, "live.ndjson"), { force: true });
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((found) =>
    found.isFile(),
  );
  const bytes = files.reduce((sum, found) => sum + statSync(join(found.parentPath, found.name)).size, 0);
  process.stdout.write(`${folder}: ${files.length} files, ${(bytes / 1024).toFixed(0)} KiB\n`);
}

if (import.meta.main) {
  const [name] = process.argv.slice(2);
  if (name === undefined) throw new Error("The checkpoint's name is expected, like format-1");
  await make(name);
}
