/** A view for a table of a folder: over the files that a query can need. */

import { existsSync } from "node:fs";
import path from "node:path";
import { logger } from "../base/log.ts";
import { type Database, DuckdbError } from "../duckdb/database.ts";
import { type Sql, sql } from "../duckdb/sql.ts";
import { manifestFolder } from "./compaction/manifest.ts";
import { tableFiles } from "./compaction/table-files.ts";
import { openLocalStore } from "./local-store.ts";
import { neededFiles } from "./partition-pruning.ts";
import { partitionedRows } from "./partitioned-rows.ts";
import { bareName, icebergRefusal, isMentioned } from "./remote-tables.ts";
import { savedSchema } from "./schema-log.ts";

interface NamedTable {
  /** The query. */
  readonly text: string;
  readonly name: string;
  readonly place: Sql;
  readonly folder: string;
}

/** False where the folder holds no Parquet file. */
export async function nameTable(
  database: Database,
  { text, name, place, folder }: NamedTable,
): Promise<boolean> {
  const glob = path.join(folder, "**", "*.parquet");
  const wanted = isMentioned(text, name);
  // Which of its files are the table is told by its metadata.
  if (await hasIceberg(database, folder)) {
    if (wanted) throw icebergRefusal(name);
    return false;
  }
  const facts = await factsOf(database, glob, wanted);
  if (facts === undefined) return false;
  if (facts.hasUnreadable) logger("query").warn(`${name}: folders whose names are no UTF-8 are left out`);
  const schema = await savedSchema(openLocalStore(folder), "");
  // To unite their columns all files are opened, also those of partitions that a query rules out.
  const unites = schema?.hasGrown !== false || facts.hasOthers;
  const files = await filesOfMoment(folder, wanted && (unites || facts.hasUnreadable));
  const pruned = { name: bareName(name), partitions: schema?.partitions ?? [] };
  const inTable = (file: string): string => file.slice(folder.length + 1);
  const needed = files === undefined ? undefined : await neededFiles(database, text, pruned, files, inTable);
  await database.run(
    sql`CREATE OR REPLACE VIEW ${place} AS ${await partitionedRows(database, {
      files: needed === undefined ? sql`${glob}` : sql`[${needed.map((file) => sql`${file}`)}]`,
      partitions: schema?.partitions,
      columns: schema?.columns,
      example: facts.example,
      unites,
      hasOddFolders: facts.hasOdd,
    })}`,
  );
  return true;
}

/** Whether the folder is an Iceberg table, or a database of such. */
async function hasIceberg(database: Database, folder: string): Promise<boolean> {
  const hints = ["metadata", "*/metadata"].map(
    (inside) => sql`${path.join(folder, inside, "version-hint.text")}`,
  );
  return (await database.rows(sql`SELECT 1 FROM glob([${hints}]) LIMIT 1`)).length > 0;
}

interface FileFacts {
  readonly example: string;
  /** Whether somebody else has put files into the table, whose columns may be others or in another order. */
  readonly hasOthers: boolean;
  /** Whether folders have names that DuckDB does not take apart as others do. */
  readonly hasOdd: boolean;
  /** Whether there are names that are no text. */
  readonly hasUnreadable: boolean;
}

/** Undefined where there is no file. All names are looked at only of a table that is `wanted`. */
async function factsOf(database: Database, glob: string, wanted: boolean): Promise<FileFacts | undefined> {
  const ours = String.raw`/(?:part-[^/]+-\d+-\d+|compacted-[^/]+)\.parquet$`;
  const odd = String.raw`/[^/=]+=[^/]*(?:=|%[89A-Fa-f][0-9A-Fa-f])[^/]*/`;
  const files = wanted ? sql`FROM glob(${glob})` : sql`FROM (FROM glob(${glob}) LIMIT 1)`;
  try {
    const row = await database.row(sql`SELECT any_value(file) AS example,
      coalesce(bool_or(NOT regexp_matches(file, ${ours})), false) AS others,
      coalesce(bool_or(regexp_matches(file, ${odd})), false) AS odd ${files}`);
    if (row["example"] === null) return undefined;
    return {
      example: String(row["example"]),
      hasOthers: wanted && row["others"] === true,
      hasOdd: row["odd"] === true,
      hasUnreadable: false,
    };
  } catch (error) {
    if (!(error instanceof DuckdbError) || !/[Ii]nvalid (?:unicode|UTF)/.test(error.message)) throw error;
    return { example: "", hasOthers: true, hasOdd: true, hasUnreadable: true };
  }
}

/** A list of files where the table has been compacted: what replaces what is not told by their names. */
async function filesOfMoment(folder: string, mustList: boolean): Promise<readonly string[] | undefined> {
  if (!mustList && !existsSync(path.join(folder, manifestFolder("")))) return undefined;
  const [warehouse, table] = [path.dirname(folder), path.basename(folder)];
  const files = await tableFiles(openLocalStore(warehouse), table);
  return files.length === 0 ? undefined : files.map((file) => path.join(warehouse, file.path));
}
