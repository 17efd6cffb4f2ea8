/** A table as Hive has it: its columns in the files, and those in the names of its folders. */

import { StreamkitError } from "../base/error.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { PartitionColumn } from "./hive-layout.ts";
import { type HiveColumn, hiveColumns, hivePartitionColumns } from "./hive-types.ts";

export interface HiveTable {
  /** Those that the files hold: a column that names folders is not among them. */
  readonly columns: readonly HiveColumn[];
  readonly partitions: readonly HiveColumn[];
}

/**
 * The table of rows with these columns. `relation` has them too, for partition expressions to be described
 * by. Throws code `job` where Hive can't have such a table.
 */
export async function hiveTable(
  database: Database,
  columns: readonly Column[],
  partitions: readonly PartitionColumn[],
  relation: Sql,
): Promise<HiveTable> {
  const items = partitions.map(({ name, expression }) => sql`${raw(expression)} AS ${id(name)}`);
  const described = items.length === 0 ? [] : await database.describe(sql`SELECT ${items} FROM ${relation}`);
  const folders = new Set(partitions.map(({ name }) => name));
  const own = columns.filter(({ name }) => !folders.has(name));
  if (own.length === 0)
    throw new StreamkitError("job", "A table needs a column that is none of its partitions");
  hiveColumns([...own, ...described]);
  return { columns: hiveColumns(own), partitions: hivePartitionColumns(described) };
}

/** What is to be said of partitions that readers don't find. */
export function hiddenFolders(partitions: readonly Pick<PartitionColumn, "name">[]): string[] {
  return partitions
    .filter(({ name }) => name.startsWith("_"))
    .map(
      ({ name }) =>
        `"${name}" names folders that Hive and MSCK pass over, as they begin with _, and so does pyarrow: ` +
        "Spark, DuckDB and `query` find their rows",
    );
}

/** What readers of such a table must know, and why Hive can't have it where it can't: as sentences. */
export async function tableWarnings(...given: Parameters<typeof hiveTable>): Promise<string[]> {
  try {
    const { columns, partitions } = await hiveTable(...given);
    return [
      ...[...columns, ...partitions].flatMap(({ name, warnings }) =>
        warnings.map((warning) => `"${name}" ${warning}`),
      ),
      ...hiddenFolders(partitions),
    ];
  } catch (error) {
    if (error instanceof StreamkitError && error.code === "job")
      return [`Hive can't declare this table: ${error.message}`];
    throw error;
  }
}
