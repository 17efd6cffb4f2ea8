/**
 * What a table says of its columns, as a list that only grows: the first entry is `_streamkit/schema.json`,
 * each later one `_streamkit/schema/N.json`, and each is made only where nothing has its name. So of two
 * writers that change the columns at once one comes second, and sees what the first one did: in a folder,
 * HDFS and S3 alike. `schema.json` is also a copy of the last entry, for people.
 */

import type { ProcessMark } from "../base/process-mark.ts";
import type { Column } from "../duckdb/database.ts";
import { joinPath, type Store } from "./store.ts";

/** In the table's folder. */
export const SCHEMA_FILE = "_streamkit/schema.json";
const LOG_FOLDER = "_streamkit/schema";

export interface TableSchema {
  readonly version: 1;
  /** As a reader of the files sees them. */
  readonly columns: readonly Column[];
  readonly partitions: readonly Column[];
  /** Whether files may lack columns, or have times of the older kind. */
  readonly hasGrown: boolean;
  /** Set where others have begun the table: their types and spellings go on. */
  readonly isTakenOver?: boolean;
  /** Who has begun to write by it before the table had any file. */
  readonly begunBy?: readonly BegunBy[];
}

export interface BegunBy extends ProcessMark {
  readonly atMs: number;
}

export interface SchemaEntry {
  /** 0 before the first one. */
  readonly number: number;
  readonly schema: TableSchema | undefined;
}

export async function lastEntry(store: Store, folder: string): Promise<SchemaEntry> {
  const number = await lastNumber(store, folder);
  const found = await store.read(pathOf(folder, Math.max(1, number)));
  if (found === undefined) return { number: 0, schema: undefined };
  return { number: Math.max(1, number), schema: JSON.parse(Buffer.from(found).toString()) as TableSchema };
}

/** What a table says of itself; undefined where it doesn't. */
export async function savedSchema(store: Store, folder: string): Promise<TableSchema | undefined> {
  return (await lastEntry(store, folder)).schema;
}

/** False, and nothing is done, where there is a later entry than the one that this follows. */
export async function addEntry(
  store: Store,
  folder: string,
  after: SchemaEntry,
  schema: TableSchema,
): Promise<boolean> {
  const number = after.number + 1;
  if (!(await store.create(pathOf(folder, number), textOf(schema)))) return false;
  for (let copied = number; copied > 1; ) {
    const last = await lastEntry(store, folder);
    if (last.schema !== undefined) await store.write(joinPath(folder, SCHEMA_FILE), textOf(last.schema));
    // A later one may have been copied before this.
    copied = (await lastNumber(store, folder)) === last.number ? 0 : last.number;
  }
  return true;
}

const textOf = (schema: TableSchema): string => `${JSON.stringify(schema, undefined, 2)}\n`;

function pathOf(folder: string, number: number): string {
  return joinPath(folder, number === 1 ? SCHEMA_FILE : `${LOG_FOLDER}/${number}.json`);
}

/** 0 where there are no later ones than the first. */
async function lastNumber(store: Store, folder: string): Promise<number> {
  const numbers = (await store.list(joinPath(folder, LOG_FOLDER))).map(({ path }) =>
    Number(/\/(\d+)\.json$/.exec(path)?.[1] ?? 0),
  );
  return Math.max(0, ...numbers);
}
