/** Reading Parquet with another program than ours. */

import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { parquetReadObjects } from "hyparquet";

/** All rows of a table's Parquet files, with its Hive partitions as text columns, by hyparquet. */
export async function parquetRows(tableFolder: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for (const file of globSync(join(tableFolder, "**/*.parquet")).toSorted()) {
    const bytes = readFileSync(file);
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    const compressors = { ZSTD: (input: Uint8Array) => new Uint8Array(zstdDecompressSync(input)) };
    const read = await parquetReadObjects({ file: buffer, compressors });
    const partitions = Object.fromEntries(
      relative(tableFolder, file)
        .split("/")
        .slice(0, -1)
        .map((folder) => folder.split("=") as [string, string]),
    );
    for (const row of read) rows.push({ ...plain(row), ...partitions });
  }
  return rows;
}

/** 64-bit integers as numbers and times as ISO 8601 text, as NDJSON has them. */
function plain(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === "bigint" ? Number(value) : value instanceof Date ? value.toISOString() : value,
    ]),
  );
}
