/**
 * How many rows Parquet files have, by their footers: of files that are elsewhere, only those are fetched.
 *
 * @see https://parquet.apache.org/docs/file-format/ a file ends with its footer, the footer's length in four
 * bytes, and `PAR1`
 */

import { mkdir, rm, writeFile } from "node:fs/promises";
import nodePath from "node:path";
import { StreamkitError } from "../base/error.ts";
import type { Database } from "../duckdb/database.ts";
import { literal, sql } from "../duckdb/sql.ts";
import { joinPath, type Store, type StoredFile } from "./store.ts";
import { inParallel } from "./transfers.ts";

const MAGIC = "PAR1";
/** The length and the magic bytes behind a footer. */
const TRAILER_BYTES = 8;
/** Most footers are shorter: one request is enough then. */
const FIRST_GUESS_BYTES = 65_536;
const MAX_TRANSFERS = 4;
/** Of more files it is not worth the requests. */
const MAX_FETCHED_FOOTERS = 256;

/** Undefined where too many footers would have to be fetched. `scratch` is a folder for no one else. */
export async function rowsIn(
  database: Database,
  store: Store,
  files: readonly Pick<StoredFile, "path" | "sizeBytes">[],
  scratch: string,
): Promise<number | undefined> {
  if (files.length === 0) return 0;
  const { localFolder } = store;
  if (localFolder !== undefined)
    return counted(
      database,
      files.map(({ path }) => nodePath.join(localFolder, path)),
    );
  if (files.length > MAX_FETCHED_FOOTERS) return undefined;
  try {
    await mkdir(scratch, { recursive: true });
    const footers = await inParallel(files, MAX_TRANSFERS, async (file, index) => {
      const path = nodePath.join(scratch, `${index}.parquet`);
      // A file of nothing but a footer: whoever asks for its rows reads no more.
      await writeFile(path, Buffer.concat([Buffer.from(MAGIC), await footerOf(store, file)]));
      return path;
    });
    return await counted(database, footers);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function counted(database: Database, paths: readonly string[]): Promise<number> {
  const row = await database.row(
    sql`SELECT sum(num_rows)::BIGINT AS rows FROM parquet_file_metadata([${paths.map(literal)}])`,
  );
  return Number(row["rows"]);
}

/** The footer with what is behind it. */
async function footerOf(
  store: Store,
  { path, sizeBytes }: Pick<StoredFile, "path" | "sizeBytes">,
): Promise<Uint8Array> {
  const end = async (bytes: number): Promise<Buffer> => {
    const length = Math.min(bytes, sizeBytes);
    const found = Buffer.from((await store.readPart(path, sizeBytes - length, length)) ?? []);
    if (found.length === length) return found;
    throw new StreamkitError("io", `${joinPath(store.url, path)} is not what it was when it was listed`);
  };
  const guess = await end(FIRST_GUESS_BYTES);
  if (guess.length < TRAILER_BYTES || guess.toString("latin1", guess.length - MAGIC.length) !== MAGIC)
    throw new StreamkitError("io", `${joinPath(store.url, path)} is no Parquet file`);
  const needed = guess.readUInt32LE(guess.length - TRAILER_BYTES) + TRAILER_BYTES;
  return needed <= guess.length ? guess.subarray(guess.length - needed) : end(needed);
}
