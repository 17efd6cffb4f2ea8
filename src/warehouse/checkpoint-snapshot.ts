/**
 * A checkpoint's database for a query. A running job has it locked: then its files are copied, and the copy
 * is the state after some batch. The job is not asked, and does not wait.
 *
 * DuckDB never writes over what the header in the file's first blocks refers to, but into free blocks, and
 * then switches the header and empties the log. So a file whose header is the same before and after it was
 * copied is whole, and with its log, which only grew, it is what was committed. An end of the log that was
 * copied while it was written is no commit: DuckDB leaves it out.
 */

import { constants, existsSync } from "node:fs";
import { copyFile, open, rm, stat } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import type { Database } from "../duckdb/database.ts";
import { sql } from "../duckdb/sql.ts";

/**
 * Attaches it as `checkpoint`, so that its tables may also be named alone, and gives their names. `working`:
 * a folder for a copy.
 */
export async function attachCheckpoint(
  database: Database,
  folder: string,
  { working, clock }: { readonly working: string; readonly clock: Clock },
): Promise<readonly string[]> {
  const file = path.join(folder, "checkpoint.duckdb");
  if (!existsSync(file))
    throw new StreamkitError("usage", `--checkpoint: there is no checkpoint in "${folder}"`);
  const attach = (from: string): Promise<void> => database.run(sql`ATTACH ${from} AS checkpoint (READ_ONLY)`);
  try {
    await attach(file).catch(async (error: unknown) => {
      if (!/lock/i.test(messageOf(error))) throw error;
      await attach(await snapshot(file, working, clock));
    });
  } catch (error) {
    throw new StreamkitError("io", `The checkpoint "${folder}" can't be opened: ${messageOf(error)}`, {
      cause: error,
    });
  }
  await database.run(sql`SET search_path = 'memory.main,checkpoint.main'`);
  const tables = await database.rows(
    sql`SELECT table_name FROM duckdb_tables() WHERE database_name = 'checkpoint' ORDER BY ALL`,
  );
  return tables.map((row) => String(row["table_name"]));
}

/** The main header and the two that take turns. */
const HEADER_BYTES = 3 * 4096;
/** The log is folded in seldom; that it happens in each of so many copies says that something is wrong. */
const MAX_TRIES = 20;
const RETRY_MS = 50;

/** The path of a copy, of the moment of one commit. */
async function snapshot(file: string, working: string, clock: Clock): Promise<string> {
  const copy = path.join(working, "checkpoint.duckdb");
  for (let tried = 0; tried < MAX_TRIES; tried += 1) {
    const before = await signature(file);
    await copyFile(file, copy, constants.COPYFILE_FICLONE);
    await rm(`${copy}.wal`, { force: true });
    if (existsSync(`${file}.wal`)) await copyFile(`${file}.wal`, `${copy}.wal`).catch(ignoreMissing);
    const after = await signature(file);
    if (before.header === after.header && before.log === after.log && after.logBytes >= before.logBytes)
      return copy;
    await clock.sleep(RETRY_MS);
  }
  throw new StreamkitError("io", "the job changes it faster than it can be copied: try again");
}

interface Signature {
  readonly header: string;
  /** Which file the log is. */
  readonly log: string;
  readonly logBytes: number;
}

async function signature(file: string): Promise<Signature> {
  const handle = await open(file, "r");
  try {
    const bytes = Buffer.alloc(HEADER_BYTES);
    await handle.read(bytes, 0, HEADER_BYTES, 0);
    const log = await stat(`${file}.wal`).catch(ignoreMissing);
    return { header: bytes.toString("base64"), log: String(log?.ino), logBytes: log?.size ?? 0 };
  } finally {
    await handle.close();
  }
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  throw error;
}
