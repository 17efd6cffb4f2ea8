/**
 * A table that others have begun: Spark, Hive, Flink, DuckDB, pyarrow. What its files and folders tell is
 * taken over by whoever writes to it next. Tables that are more than their files are refused: their own log
 * says which files count, and one that is put beside them would not be seen, or be seen where it must not
 * be.
 */

import { mkdir, rm } from "node:fs/promises";
import nodePath from "node:path";
import { StreamkitError } from "../../base/error.ts";
import type { Column, Database } from "../../duckdb/database.ts";
import { sql } from "../../duckdb/sql.ts";
import { isOurFile, isVisibleFile } from "../hive-layout.ts";
import { partitionPath, valuesOfPath } from "../partition-path.ts";
import { savedSchema } from "../schema-log.ts";
import { parentOf, type Store, type StoredFile } from "../store.ts";
import { type Spelling, spellingOf } from "./spelling.ts";

export interface ForeignTable {
  /** As they are written: the files' own types. */
  readonly columns: readonly Column[];
  /** In the order of the folders. */
  readonly partitions: readonly { readonly name: string; readonly spelling: Spelling }[];
  /** Folders that are there, by what we would call them. */
  readonly folders: ReadonlyMap<string, string>;
  /** Files that list all others, and are wrong as soon as there is one more. */
  readonly summaries: readonly string[];
}

export interface ForeignOptions {
  readonly store: Store;
  readonly folder: string;
  /** As people call it. */
  readonly table: string;
  readonly database: Database;
  readonly workingFolder: string;
}

/** What is no plain table, by what is in its folder. */
const LOGS: readonly (readonly [path: RegExp, what: string])[] = [
  [/^_delta_log\//, "a Delta table (_delta_log)"],
  [
    /^_spark_metadata\//,
    "the output of a Spark stream (_spark_metadata), of which Spark reads what its log lists",
  ],
  [/^\.hoodie\//, "a Hudi table (.hoodie)"],
  [/^metadata\/[^/]*\.metadata\.json$/, "an Iceberg table (metadata/)"],
];
const SUMMARY = /(?:^|\/)_metadata$/;
const MAX_SHOWN = 5;

/** Undefined where nobody else has begun the table. Throws code `job` where it can't be appended to. */
export async function foreignTable(options: ForeignOptions): Promise<ForeignTable | undefined> {
  const { store, folder } = options;
  const saved = await savedSchema(store, folder);
  if (saved !== undefined && saved.isTakenOver !== true) return undefined;
  const files = await store.list(folder);
  const inTable = ({ path }: StoredFile): string => path.slice(folder.length + 1);
  const found = files.filter((file) => isVisibleFile(inTable(file)));
  const theirs = found.filter((file) => !isOurFile(file.path));
  if (saved === undefined) refuseOthers(options, files.map(inTable));
  if (saved === undefined && (theirs.length === 0 || theirs.length < found.length)) return undefined;
  const last = theirs.toSorted((a, b) => a.modifiedAtMs - b.modifiedAtMs).at(-1);
  const columns = saved?.columns ?? (last === undefined ? [] : await columnsOf(options, last));
  const paths = [...new Set(found.map((file) => parentOf(inTable(file))))];
  const names = namesOf(options, paths);
  const partitions = names.map((name) => ({
    name,
    spelling: spellingOf(paths.map((path) => valuesOfPath(path).get(name) ?? null)),
  }));
  const ourName = (path: string): string => {
    const values = valuesOfPath(path);
    return partitionPath(
      names,
      names.map((name) => values.get(name) ?? null),
    );
  };
  return {
    columns,
    partitions,
    folders: new Map(paths.map((path) => [ourName(path), path])),
    summaries: files.filter((file) => SUMMARY.test(inTable(file))).map(({ path }) => path),
  };
}

function refuseOthers({ store, table }: ForeignOptions, paths: readonly string[]): void {
  const refuse = (why: string): never => {
    throw new StreamkitError(
      "job",
      `the table ${table} in ${store.url} ${why}, and was left as it is.\n  Way out: write to another table`,
    );
  };
  for (const [pattern, what] of LOGS) if (paths.some((path) => pattern.test(path))) refuse(`is ${what}`);
  const isHidden = (path: string): boolean => path.split("/").some((name) => /^[._]/.test(name));
  const others = paths.filter((path) => !isHidden(path) && !path.endsWith(".parquet"));
  const shown = others.slice(0, MAX_SHOWN).join(", ");
  if (others.length > 0)
    refuse(
      `has files that don't end in .parquet, which \`query\` and others by their names pass over: ${shown}` +
        (others.length > MAX_SHOWN ? ` and ${others.length - MAX_SHOWN} more` : ""),
    );
}

/** The partition columns, which all folders must have in one order. */
function namesOf({ store, table }: ForeignOptions, paths: readonly string[]): readonly string[] {
  const orders = new Map(paths.map((path) => [[...valuesOfPath(path).keys()].join("/"), path]));
  if (orders.size > 1) {
    const examples = [...orders.values()].slice(0, MAX_SHOWN).map((path) => path || "the table's own folder");
    throw new StreamkitError(
      "job",
      `the table ${table} in ${store.url} has files in folders of several kinds, and was left as it is: ` +
        examples.join(", "),
    );
  }
  return [...valuesOfPath(paths[0] ?? "").keys()];
}

/** The types to write, so that readers find one type in all files. */
async function columnsOf(
  { store, database, workingFolder }: ForeignOptions,
  { path }: StoredFile,
): Promise<Column[]> {
  const local = nodePath.join(workingFolder, "foreign.parquet");
  await mkdir(workingFolder, { recursive: true });
  try {
    await store.download(path, local);
    const columns = await database.describe(
      sql`SELECT * FROM read_parquet(${local}, hive_partitioning = false)`,
    );
    const old = await database.rows(sql`SELECT name FROM parquet_schema(${local}) WHERE type = 'INT96'`);
    const isOld = new Set(old.map(({ name }) => String(name)));
    // Times in 96 bits are instants to all who write them; DuckDB writes no such ones.
    return columns.map(({ name, type }) => ({
      name,
      type: isOld.has(name) ? "TIMESTAMP WITH TIME ZONE" : type,
    }));
  } finally {
    await rm(local, { force: true });
  }
}
