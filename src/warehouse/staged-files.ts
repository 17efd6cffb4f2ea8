/**
 * A batch's rows as Parquet files on this machine, before they have names that readers see. Which partition a
 * file is of is told beside it: its name is a number, so that no value has to be one.
 */

import { mkdir, rm, stat } from "node:fs/promises";
import nodePath from "node:path";
import type { Database } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";

export interface StagedFile {
  /** On this machine. */
  readonly path: string;
  /** The texts of its partition columns. */
  readonly values: readonly (string | null)[];
  readonly rows: number;
  readonly sizeBytes: number;
}

const EXTENSION = "staged";

/** Writes rows that have these partition columns into a folder, in place of what is there. */
export async function stageRows(
  database: Database,
  rows: Sql,
  partitions: readonly string[],
  folder: string,
): Promise<readonly StagedFile[]> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const names = partitions.map((name) => id(name));
  const only = await onlyPartition(database, rows, names);
  const statement =
    only !== undefined
      ? sql`COPY (SELECT * ${names.length === 0 ? raw("") : sql`EXCLUDE (${names})`} FROM (${rows}))
          TO ${nodePath.join(folder, `0.${EXTENSION}`)} (FORMAT parquet, COMPRESSION zstd, RETURN_STATS)`
      : sql`COPY (${rows}) TO ${folder} (FORMAT parquet, COMPRESSION zstd, RETURN_STATS, OVERWRITE_OR_IGNORE,
          PARTITION_BY (${names}), HIVE_FILE_PATTERN false,
          FILE_EXTENSION ${EXTENSION})`;
  const files: StagedFile[] = [];
  for await (const columns of database.columnBlocks(statement)) {
    const [paths = [], counts = [], sizes = []] = columns;
    for (const [index, path] of paths.entries()) {
      const values = valuesByName(columns.at(-1)?.[index]);
      files.push({
        path: String(path),
        values: only ?? partitions.map((name) => values.get(name) ?? null),
        rows: Number(counts[index]),
        sizeBytes: Number(sizes[index]),
      });
    }
  }
  return files;
}

/**
 * The partition of the rows, where they are all of one: most batches are of one hour. Asking costs less than
 * having rows sorted out for nothing.
 */
async function onlyPartition(
  database: Database,
  rows: Sql,
  names: readonly Sql[],
): Promise<readonly (string | null)[] | undefined> {
  if (names.length === 0) return [];
  const texts = names.map((name, index) => sql`${name}::VARCHAR AS ${id(`v${index}`)}`);
  const found = await database.rows(
    sql`SELECT ${texts} FROM (SELECT DISTINCT ${names} FROM (${rows}) LIMIT 2)`,
  );
  const [first] = found;
  if (first === undefined || found.length > 1) return undefined;
  return names.map((_name, index) => first[`v${index}`] as string | null);
}

/** A MAP from names to texts, as DuckDB's client has it. */
function valuesByName(map: unknown): ReadonlyMap<string, string | null> {
  const { entries } = (map ?? { entries: [] }) as {
    readonly entries: readonly { readonly key: string; readonly value: string | null }[];
  };
  return new Map(entries.map(({ key, value }) => [key, value]));
}

const MAX_SAMPLE_ROWS = 100_000;

/** What a row takes in a file: before a table's first one, some of its rows tell. */
export async function sampleBytesPerRow(
  database: Database,
  rows: Sql,
  columns: readonly string[],
  folder: string,
): Promise<number> {
  const file = nodePath.join(folder, `sample.${EXTENSION}`);
  const names = join(columns.map((name) => id(name)));
  await mkdir(folder, { recursive: true });
  try {
    const count =
      await database.runCounting(sql`COPY (SELECT ${names} FROM (${rows}) LIMIT ${MAX_SAMPLE_ROWS})
      TO ${file} (FORMAT parquet, COMPRESSION zstd)`);
    return (await stat(file)).size / Math.max(1, count);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
