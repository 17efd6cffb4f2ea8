/**
 * The rows of a table's files with their partition columns, as DuckDB reads them from the folders' names; a
 * query that rules partitions out does not open their files.
 *
 * DuckDB takes the texts `NULL`, `null` … in a folder's name for NULL. Hive, Spark and pyarrow don't: the
 * text comes from the file's name then.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import { escapeValue, NULL_VALUE, valuesOfPath } from "./partition-path.ts";

export interface PartitionedFiles {
  /** A glob, or a list of files. */
  readonly files: Sql;
  /** What the table says of its partitions: what DuckDB finds in their names alone is a guess. */
  readonly partitions: readonly Column[] | undefined;
  /** What it says of the others: these files may lack some. */
  readonly columns?: readonly Column[] | undefined;
  /** The path of one of them: of a table that does not say its partitions, it tells their names. */
  readonly example: string;
  /** Whether files may lack columns that others have. */
  readonly unites: boolean;
  /** Whether folders have names that DuckDB can't take apart: `p=a=b`, or bytes that are no UTF-8. */
  readonly hasOddFolders?: boolean;
}

/** Types in whose values such a text is one like any other. */
const TEXT = /^(?:VARCHAR|BLOB|ENUM\b.*)$/s;
const FILE_COLUMN = "filename";
const OTHER_FILE_COLUMN = "_streamkit_file";

export async function partitionedRows(database: Database, given: PartitionedFiles): Promise<Sql> {
  if (given.hasOddFolders === true) return rowsByName(database, given);
  const { files, partitions, columns: own = [], example, unites } = given;
  const known = (partitions ?? []).map(({ name, type }) => sql`${id(name)}: ${type}`);
  const hiveTypes = known.length === 0 ? raw("") : sql`hive_types = {${known}},`;
  const read = (more: Sql): Sql =>
    sql`read_parquet(${files}, hive_partitioning = true, ${hiveTypes} union_by_name = ${unites}${more})`;
  const plain = sql`SELECT * FROM ${read(raw(""))}`;
  const columns = await database.describe(plain);
  const names = partitions?.map(({ name }) => name) ?? [...valuesOfPath(example).keys()];
  const texts = names.flatMap((name) =>
    columns.filter((column) => column.name.toLowerCase() === name.toLowerCase() && TEXT.test(column.type)),
  );
  const isThere = ({ name }: Column): boolean =>
    columns.some((column) => column.name.toLowerCase() === name.toLowerCase());
  const lacking = own
    .filter((column) => !isThere(column))
    .map(({ name, type }) => sql`, NULL::${raw(type)} AS ${id(name)}`);
  const more = join(lacking, "");
  if (texts.length === 0) return lacking.length === 0 ? plain : sql`SELECT *${more} FROM (${plain})`;
  // DuckDB rules files out by this name of the column only.
  const isTaken = columns.some(({ name }) => name.toLowerCase() === FILE_COLUMN);
  const file = isTaken ? OTHER_FILE_COLUMN : FILE_COLUMN;
  const option = isTaken ? sql`, filename = ${file}` : raw(", filename = true");
  const items = texts.map((column) => sql`${textOf(column, id(file))} AS ${id(column.name)}`);
  return sql`SELECT * EXCLUDE (${id(file)}) REPLACE (${items})${more} FROM ${read(option)}`;
}

/** All values from the names of the files: no file is ruled out by them. */
async function rowsByName(
  database: Database,
  { files, partitions, example, unites, columns: own = [] }: PartitionedFiles,
): Promise<Sql> {
  const read = (more: Sql): Sql =>
    sql`read_parquet(${files}, hive_partitioning = false, union_by_name = ${unites}${more})`;
  const found = await database.describe(sql`SELECT * FROM ${read(raw(""))}`);
  const known = partitions ?? [...valuesOfPath(example).keys()].map((name) => ({ name, type: "VARCHAR" }));
  const isThere = (name: string): boolean =>
    found.some((one) => one.name.toLowerCase() === name.toLowerCase());
  const lacking = own
    .filter(({ name }) => !isThere(name))
    .map(({ name, type }) => sql`NULL::${raw(type)} AS ${id(name)}`);
  const values = known
    .filter(({ name }) => !isThere(name))
    .map(
      ({ name, type }) => sql`CAST(${textIn(name, id(OTHER_FILE_COLUMN))} AS ${raw(type)}) AS ${id(name)}`,
    );
  const items = [sql`* EXCLUDE (${id(OTHER_FILE_COLUMN)})`, ...lacking, ...values];
  return sql`SELECT ${items} FROM ${read(sql`, filename = ${OTHER_FILE_COLUMN}`)}`;
}

/** What a file's name says of a partition column: where it is no UTF-8, as it stands there. */
function textIn(name: string, file: Sql): Sql {
  const folder = escapeValue(name).replaceAll(/[\\^$.|?*+()[\]{}]/g, String.raw`\$&`);
  const found = sql`regexp_extract(${file}, ${`/${folder}=([^/]*)/`}, 1)`;
  return sql`nullif(nullif(coalesce(TRY(url_decode(${found})), ${found}), ''), ${NULL_VALUE})`;
}

function textOf({ name, type }: Column, file: Sql): Sql {
  const text = textIn(name, file);
  return sql`coalesce(${id(name)}, ${type === "VARCHAR" ? text : sql`CAST(${text} AS ${raw(type)})`})`;
}
