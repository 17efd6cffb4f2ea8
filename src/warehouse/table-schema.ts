/**
 * What a table's files hold, kept in the table itself (`schema-log.ts`), so that whoever writes next is held
 * to it. Columns may be added: older files lack them, and readers see NULL. Everything else would make the
 * files of one table disagree, and is refused before a file is written.
 */

import { rm } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";
import { type Holder, isGone, markOf } from "../base/process-mark.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { type Sql, sql } from "../duckdb/sql.ts";
import { isVisibleFile } from "./hive-layout.ts";
import { valuesOfPath } from "./partition-path.ts";
import { addEntry, type BegunBy, lastEntry, type SchemaEntry, type TableSchema } from "./schema-log.ts";
import type { Store, StoredFile } from "./store.ts";

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
  readonly clock: Clock;
  readonly owner: Holder;
  /** What the files of a table hold that others have begun. */
  readonly foreign?: readonly Column[] | undefined;
}

/** A writer's columns, which fit what the table has. */
export interface HeldSchema {
  /**
   * Before rows are written, and as often as you like: from then on the table is held to their columns.
   * Throws code `job` where somebody else's came first, and these don't fit them.
   */
  adopt(): Promise<void>;
}

/** A table without files is held to columns for so long, where nothing is known of who has begun it. */
const LEASE_MS = 30 * 60_000;
/**
 * So often a writer looks whether the table is still what it has adopted: long before the lease has passed.
 */
const LOOK_MS = 5 * 60_000;
const MAX_TRIES = 1000;

/**
 * Holds the writer to the table's schema. Throws code `job` where they don't fit. Only rows make a schema the
 * table's own: what a run has that finds none is forgotten.
 */
export async function heldSchema(options: SchemaOptions): Promise<HeldSchema> {
  const { store, folder, clock } = options;
  const ours = { columns: await columnsInFile(options), partitions: options.partitions };
  await nextSchema(options, await lastEntry(store, folder), { ours, mayLack: false, hasFiles: false });
  let adopted: number | undefined;
  let lookedMs = Number.NEGATIVE_INFINITY;
  let hasFiles = false;
  /** True where the entry, or the one that now follows it, is what the rows are written by. */
  const take = async (entry: SchemaEntry): Promise<boolean> => {
    hasFiles ||= (await lastFile(options)) !== undefined;
    // What others have added since is theirs to fill.
    const next = await nextSchema(options, entry, { ours, mayLack: adopted !== undefined, hasFiles });
    const isSame = JSON.stringify(next) === JSON.stringify(entry.schema);
    if (!isSame && !(await addEntry(store, folder, entry, next))) return false;
    adopted = isSame ? entry.number : entry.number + 1;
    return true;
  };
  return {
    async adopt() {
      if (clock.nowMs() - lookedMs < LOOK_MS) return;
      for (let tries = 1; ; tries += 1) {
        const entry = await lastEntry(store, folder);
        if ((entry.number === adopted && hasFiles) || (await take(entry))) break;
        if (tries === MAX_TRIES)
          throw new StreamkitError("io", `The columns of ${options.table} change faster than they are read`);
      }
      lookedMs = clock.nowMs();
    },
  };
}

interface Wanted {
  readonly ours: Shape;
  /** Whether the rows may lack columns that the table has. */
  readonly mayLack: boolean;
  /** Whether the table is known to have files. */
  readonly hasFiles: boolean;
}

/** What is to be: the columns that were there, in their order, then those that came. */
async function nextSchema(
  options: SchemaOptions,
  { schema: saved }: SchemaEntry,
  { ours, mayLack, hasFiles }: Wanted,
): Promise<TableSchema> {
  const { store, table, partitions } = options;
  let theirs: Shape | undefined = saved ?? (await schemaOfFiles(options));
  // Of some types the files' own is not the one to write.
  if (theirs !== undefined && saved === undefined && options.foreign !== undefined)
    theirs = { ...theirs, columns: options.foreign };
  const reasons = theirs === undefined ? [] : differences(theirs, ours, mayLack);
  if (reasons.length > 0) {
    const holder = await holderOf(options, saved);
    if (holder !== undefined)
      throw new StreamkitError(
        "job",
        `the table ${table} in ${store.url} ${holder}, and was left as it is:\n` +
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
  const lacks = theirs !== undefined && columns.length > ours.columns.length;
  const hasGrown =
    isNew || lacks || (saved === undefined ? theirs !== undefined : theirs !== undefined && saved.hasGrown);
  const begunBy = hasFiles ? saved?.begunBy : begunNext(options, saved);
  const isTakenOver = saved === undefined ? options.foreign !== undefined : saved.isTakenOver === true;
  return {
    version: 1,
    columns,
    partitions,
    hasGrown,
    ...(isTakenOver ? { isTakenOver } : {}),
    ...(begunBy === undefined ? {} : { begunBy }),
  };
}

/** What holds the table to its columns, in words; undefined where nothing does. */
async function holderOf(options: SchemaOptions, saved: TableSchema | undefined): Promise<string | undefined> {
  if (saved === undefined || (await options.hasRows()) || (await lastFile(options)) !== undefined)
    return "has files that don't fit these rows";
  const [first] = othersAtWork(options, saved);
  return first === undefined
    ? undefined
    : `is being begun by the process ${first.pid} on ${first.host} with columns that don't fit these rows`;
}

/** Those who may still write the first file. */
function othersAtWork(options: SchemaOptions, saved: TableSchema | undefined): readonly BegunBy[] {
  const { owner, clock } = options;
  return (saved?.begunBy ?? []).filter(
    (mark) =>
      !isOwn(options, mark) &&
      !isGone(mark, owner, { silentMs: clock.nowMs() - mark.atMs, leaseMs: LEASE_MS }),
  );
}

function isOwn({ owner }: SchemaOptions, mark: BegunBy): boolean {
  const own = markOf(owner);
  return mark.host === own.host && mark.machine === own.machine && mark.identity === own.identity;
}

/** Until the table has a file, each who is about to write it is named. */
function begunNext(options: SchemaOptions, saved: TableSchema | undefined): readonly BegunBy[] {
  const { owner, clock } = options;
  const isFresh = (mark: BegunBy): boolean => isOwn(options, mark) && clock.nowMs() - mark.atMs < LOOK_MS;
  if (saved?.begunBy?.some(isFresh) === true) return saved.begunBy;
  return [...othersAtWork(options, saved), { ...markOf(owner), atMs: clock.nowMs() }];
}

/** Earlier versions wrote times without a zone, which readers take for those of their own. */
function asInstants(type: string): string {
  return type.replaceAll(/\bTIMESTAMP\b(?! WITH)/g, "TIMESTAMP WITH TIME ZONE");
}

type Shape = Pick<TableSchema, "columns" | "partitions">;

function differences(theirs: Shape, ours: Shape, mayLack: boolean): string[] {
  const folders = (shape: Shape): string => shape.partitions.map(({ name }) => name).join(", ") || "nothing";
  if (folders(theirs) !== folders(ours))
    return [`it is partitioned by ${folders(theirs)}, the rows by ${folders(ours)}`];
  return [
    ...theirs.columns.flatMap(({ name, type }) => {
      const own = ours.columns.find((column) => column.name === name);
      if (own === undefined)
        return mayLack ? [] : [`column ${name}: it is missing from the rows (was it renamed?)`];
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
