/** A table of SQLite: what it is, compared with a query, or made for it. */

import { StreamkitError } from "../../base/error.ts";
import { logger } from "../../base/log.ts";
import { id, join, raw, sql } from "../../duckdb/sql.ts";
import type { Sqlite } from "../../runtime/sqlite.ts";
import { compareTable, type TableColumn, type UniqueIndex } from "../compare.ts";
import type { Feed } from "../target.ts";
import { fitsInto, type SqliteType, sqliteType } from "./types.ts";

/** A column that is written. */
interface WrittenColumn {
  readonly name: string;
  readonly type: SqliteType;
  readonly isText: boolean;
}

export interface Table {
  readonly name: string;
  readonly columns: readonly WrittenColumn[];
}

interface TableRequest {
  readonly name: string;
  readonly file: string;
  readonly creates: boolean;
  readonly feed: Feed;
}

/** Throws code `job` with all that does not fit. Nothing is written before. */
export function openTable(database: Sqlite, { name, file, creates, feed }: TableRequest): Table {
  const types = typesOf(feed);
  const find = () =>
    database.rows("SELECT * FROM pragma_table_list WHERE schema = 'main' AND lower(name) = lower(?)", [name]);
  let [found] = find();
  if (found === undefined) {
    if (!creates)
      throw new StreamkitError("job", `There is no table ${name} in "${file}": make it, or say create: true`);
    create(database, { name, feed, types });
    logger("sqlite").info(`The table ${name} was made in ${file}`);
    [found] = find();
  }
  const isStrict = Number(found?.["strict"] ?? 0) === 1;
  compareTable({
    table: `The table ${name} in "${file}"`,
    feed,
    facts: {
      columns: columnsOf(database, name, feed),
      uniqueIndexes: indexesOf(database, name, feed),
      missingRights: found?.["type"] === "table" ? [] : ["it is no table: rows are written to tables"],
    },
    narrower(type, column) {
      const wanted = types.get(type);
      if (wanted === undefined || fitsInto(wanted, column.type, isStrict)) return undefined;
      const other = wanted.created === "" ? "a column without a type" : wanted.created;
      return `make it ${other}, or cast the query's column`;
    },
    createIndex: (key) => sql`CREATE UNIQUE INDEX … ON ${id(name)} (${key.map((column) => id(column))})`.text,
  });
  return {
    name,
    columns: feed.columns.map((column) => ({
      name: column.name,
      type: types.get(column.type) as SqliteType,
      isText: column.type === "VARCHAR" || column.type.startsWith("ENUM("),
    })),
  };
}

/** By DuckDB's names. Throws code `job` with all columns that SQLite has nothing for. */
export function typesOf({ columns }: Pick<Feed, "columns">): ReadonlyMap<string, SqliteType> {
  const types = new Map(columns.map(({ type }) => [type, sqliteType(type)]));
  const without = columns.filter(({ type }) => types.get(type) === undefined);
  if (without.length > 0)
    throw new StreamkitError(
      "job",
      `SQLite has no type for ${without.map(({ name, type }) => `"${name}" (${type})`).join(", ")}: ` +
        "cast in the query, like ::VARCHAR or to_json(…)",
    );
  return types as ReadonlyMap<string, SqliteType>;
}

interface Creation {
  readonly name: string;
  readonly feed: Feed;
  readonly types: ReadonlyMap<string, SqliteType>;
}

function create(database: Sqlite, { name, feed, types }: Creation): void {
  const target = id("main", name);
  const columns = feed.columns.map(
    (column) => sql`${id(column.name)} ${raw(types.get(column.type)?.created ?? "")}`,
  );
  const key =
    feed.mode === "append" || feed.key.length === 0
      ? raw("")
      : sql`CREATE UNIQUE INDEX ${id("main", `${name}_key`)}
          ON ${id(name)} (${feed.key.map((column) => id(column))});`;
  database.run(sql`BEGIN IMMEDIATE; CREATE TABLE ${target} (${join(columns)}); ${key} COMMIT`.text);
}

/** Names that differ in case are one: they are spelled as the query does. */
function spelled(name: string, { columns }: Feed): string {
  return columns.find((column) => column.name.toLowerCase() === name.toLowerCase())?.name ?? name;
}

function columnsOf(database: Sqlite, table: string, feed: Feed): TableColumn[] {
  return database.rows("SELECT * FROM pragma_table_xinfo(?)", [table]).map((row) => ({
    name: spelled(String(row["name"]), feed),
    type: String(row["type"]),
    isRequired: Number(row["notnull"]) === 1 && row["dflt_value"] === null && Number(row["hidden"]) === 0,
    unwritable: Number(row["hidden"]) >= 2 ? "generated" : undefined,
  }));
}

/** Unique indexes over columns alone, which compare bytes: others would take two keys for one. */
function indexesOf(database: Sqlite, table: string, feed: Feed): UniqueIndex[] {
  const indexes = database.rows(`SELECT name FROM pragma_index_list(?) WHERE "unique" = 1 AND partial = 0`, [
    table,
  ]);
  const named = indexes.flatMap(({ name }) => {
    const parts = database.rows("SELECT * FROM pragma_index_xinfo(?) WHERE key = 1", [String(name)]);
    if (parts.some((part) => part["name"] === null || part["coll"] !== "BINARY")) return [];
    return [{ name: String(name), columns: parts.map((part) => spelled(String(part["name"]), feed)) }];
  });
  return [...named, ...rowidKey(database, table, feed)];
}

/** An INTEGER PRIMARY KEY is the row's own number, and has no index. */
function rowidKey(database: Sqlite, table: string, feed: Feed): UniqueIndex[] {
  const keys = database.rows("SELECT name, type FROM pragma_table_info(?) WHERE pk > 0", [table]);
  const [only] = keys;
  return keys.length === 1 && only !== undefined && String(only["type"]).toUpperCase() === "INTEGER"
    ? [{ name: "rowid", columns: [spelled(String(only["name"]), feed)] }]
    : [];
}
