/**
 * What a table's files hold, kept in the table itself as `_streamkit/schema.json`, so that whoever writes
 * next is held to it. Columns may be added: older files lack them, and readers see NULL. Everything else
 * would make the files of one table disagree, and is refused before a file is written.
 */

import { rm } from "node:fs/promises";
import path from "node:path";
import { StreamkitError } from "../base/error.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { type Sql, sql } from "../duckdb/sql.ts";
import { isVisibleFile } from "./hive-layout.ts";
import { valuesOfPath } from "./partition-path.ts";
import { joinPath, type Store, type StoredFile } from "./store.ts";

/** In the table's folder. */
export const SCHEMA_FILE = "_streamkit/schema.json";

interface TableSchema {
  readonly version: 1;
  /** As a reader of the files sees them. */
  readonly columns: readonly Column[];
  readonly partitions: readonly Column[];
  /** Whether files may lack columns, or have times of the older kind. */
  readonly hasGrown: boolean;
}

export interface SchemaOptions {
  readonly database: Database;
  readonly store: Store;
  readonly folder: string;
  /** What people call the table. */
  readonly table: string;
  /** A SELECT of what will be written, without the partition columns. */
  readonly rows: Sql;
  readonly partitions: readonly Column[];
  /** Whether rows of the table wait in the checkpoint. */
  readonly hasRows: () => Promise<boolean>;
  /** For a file on its way. */
  readonly workingFolder: string;
}

/** A writer's columns, which fit what the table has. */
export interface HeldSchema {
  /**
   * Before the first rows, and as often as you like: from then on the table is held to their columns. Throws
   * code `job` where somebody else's came first, and these don't fit them.
   */
  adopt(): Promise<void>;
}

/**
 * Holds the writer to the table's schema. Throws code `job` where they don't fit. Only rows make a schema the
 * table's own: what a run has that finds none is forgotten.
 */
export async function heldSchema(options: SchemaOptions): Promise<HeldSchema> {
  const ours = { columns: await columnsInFile(options), partitions: options.partitions };
  await nextSchema(options, ours);
  let isAdopted = false;
  return {
    async adopt() {
      if (isAdopted) return;
      const { saved, next } = await nextSchema(options, ours);
      const text = `${JSON.stringify(next, undefined, 2)}\n`;
      if (JSON.stringify(next) !== JSON.stringify(saved))
        await options.store.write(joinPath(options.folder, SCHEMA_FILE), text);
      isAdopted = true;
    },
  };
}

/** What is saved, and what is to be: the columns that were there, in their order, then those that came. */
async function nextSchema(
  options: SchemaOptions,
  ours: Shape,
): Promise<{ readonly saved: TableSchema | undefined; readonly next: TableSchema }> {
  const { store, folder, table, partitions } = options;
  const saved = await savedSchema(store, folder);
  let theirs = saved ?? (await schemaOfFiles(options));
  const reasons = theirs === undefined ? [] : differences(theirs, ours);
  if (reasons.length > 0) {
    if (saved === undefined || (await options.hasRows()) || (await lastFile(options)) !== undefined)
      throw new StreamkitError(
        "job",
        `the table ${table} in ${store.url} has files that don't fit these rows, and was left as it is:\n` +
          reasons.map((reason) => `  ${reason}`).join("\n") +
          "\n  Ways out: SELECT what the table has, or write to another table",
      );
    theirs = undefined;
  }
  const columns = [
    ...(theirs?.columns ?? []).map(
      (column) => ours.columns.find(({ name }) => name === column.name) ?? column,
    ),
    ...ours.columns.filter(({ name }) => theirs?.columns.every((column) => column.name !== name) ?? true),
  ];
  const isNew = theirs !== undefined && JSON.stringify(columns) !== JSON.stringify(theirs.columns);
  const hasGrown =
    isNew || (saved === undefined ? theirs !== undefined : theirs !== undefined && saved.hasGrown);
  return { saved, next: { version: 1, columns, partitions, hasGrown } };
}

/** Earlier versions wrote times without a zone, which readers take for those of their own. */
function asInstants(type: string): string {
  return type.replaceAll(/\bTIMESTAMP\b(?! WITH)/g, "TIMESTAMP WITH TIME ZONE");
}

/** What a table says of itself; undefined where it doesn't. */
export async function savedSchema(store: Store, folder: string): Promise<TableSchema | undefined> {
  const saved = await store.read(joinPath(folder, SCHEMA_FILE));
  return saved === undefined ? undefined : (JSON.parse(Buffer.from(saved).toString()) as TableSchema);
}

type Shape = Pick<TableSchema, "columns" | "partitions">;

function differences(theirs: Shape, ours: Shape): string[] {
  const folders = (shape: Shape): string => shape.partitions.map(({ name }) => name).join(", ") || "nothing";
  if (folders(theirs) !== folders(ours))
    return [`it is partitioned by ${folders(theirs)}, the rows by ${folders(ours)}`];
  return [
    ...theirs.columns.flatMap(({ name, type }) => {
      const own = ours.columns.find((column) => column.name === name);
      if (own === undefined) return [`column ${name}: it is missing from the rows (was it renamed?)`];
      return own.type === type || own.type === asInstants(type)
        ? []
        : [`column ${name}: it is ${type} in the files, ${own.type} in the rows`];
    }),
    ...theirs.partitions.flatMap(({ name, type }) => {
      const own = ours.partitions.find((column) => column.name === name);
      // A table that this was not written for says its partitions' names, but not their types.
      return own === undefined || type === "" || own.type === type
        ? []
        : [`partition ${name}: its values are ${type}, those of the rows ${own.type}`];
    }),
  ];
}

/** Written and read back: DuckDB's types are more than Parquet's. */
async function columnsInFile({ database, rows, workingFolder }: SchemaOptions): Promise<Column[]> {
  const file = path.join(workingFolder, "schema.parquet");
  try {
    await database.run(sql`COPY (FROM (${rows}) LIMIT 0) TO ${file} (FORMAT parquet)`);
    return await columnsOf(database, file);
  } finally {
    await rm(file, { force: true });
  }
}

/** Of a table that does not say it: its last file tells. Undefined where it has none. */
async function schemaOfFiles(options: SchemaOptions): Promise<Shape | undefined> {
  const { database, store, folder, workingFolder } = options;
  const last = await lastFile(options);
  if (last === undefined) return undefined;
  const local = path.join(workingFolder, "last.parquet");
  try {
    await store.download(last.path, local);
    const partitions = [...valuesOfPath(last.path.slice(folder.length + 1)).keys()];
    return {
      columns: await columnsOf(database, local),
      partitions: partitions.map((name) => ({ name, type: "" })),
    };
  } finally {
    await rm(local, { force: true });
  }
}

async function lastFile({ store, folder }: SchemaOptions): Promise<StoredFile | undefined> {
  const files = (await store.list(folder)).filter((file) =>
    isVisibleFile(file.path.slice(folder.length + 1)),
  );
  return files.toSorted((a, b) => a.modifiedAtMs - b.modifiedAtMs).at(-1);
}

function columnsOf(database: Database, file: string): Promise<Column[]> {
  return database.describe(sql`SELECT * FROM read_parquet(${file}, hive_partitioning = false)`);
}
