/** Parquet files of a test's own. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../../src/duckdb/database.ts";
import { raw } from "../../../src/duckdb/sql.ts";

/** The bytes of files, each of a query's rows in groups of so many. */
export async function parquetFiles<Name extends string>(
  queries: Readonly<Record<Name, string>>,
  groupRows = 2048,
): Promise<Record<Name, Buffer>> {
  const folder = mkdtempSync(join(tmpdir(), "streamkit-parquet-"));
  const database = await openDatabase({ threads: 1 });
  try {
    const files: [string, Buffer][] = [];
    for (const [name, query] of Object.entries<string>(queries)) {
      const path = join(folder, "file.parquet");
      await database.run(raw(`COPY (${query}) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE ${groupRows})`));
      files.push([name, readFileSync(path)]);
    }
    return Object.fromEntries(files) as Record<Name, Buffer>;
  } finally {
    database.close();
    rmSync(folder, { recursive: true });
  }
}
