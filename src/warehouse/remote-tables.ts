/**
 * Tables of a warehouse that is elsewhere, for a query on this machine: the files that the query needs are
 * fetched into a folder. A table's partitions that a WHERE over its partition columns rules out are not.
 */

import { mkdir } from "node:fs/promises";
import path from "node:path";
import { StreamkitError } from "../base/error.ts";
import type { Database } from "../duckdb/database.ts";
import { id, join, literal, type Sql, sql } from "../duckdb/sql.ts";
import {
  expressionText,
  nodesOf,
  parseSelect,
  replaceNodes,
  type TreeNode,
  textIn,
} from "../duckdb/syntax.ts";
import { type TableFile, tableFiles } from "./compaction/table-files.ts";
import { valuesOfPath } from "./partition-path.ts";
import { SCHEMA_FILE, savedSchema } from "./schema-log.ts";
import { joinPath, parentOf, type Store } from "./store.ts";
import { inParallel } from "./transfers.ts";

/** More than that is for an engine that is where the files are. */
const MAX_FETCHED_BYTES = 8 * 2 ** 30;
const MAX_TRANSFERS = 4;

export interface RemoteTables {
  /** All that the warehouse has, as `NAME` or `DATABASE.NAME`. */
  readonly names: readonly string[];
}

/** Fetches what the query needs into `folder`, which is laid out as the warehouse is. */
export async function fetchTables(
  database: Database,
  store: Store,
  query: string,
  folder: string,
): Promise<RemoteTables> {
  const tables = await tablesIn(store);
  let fetchedBytes = 0;
  for (const table of tables.filter(({ name }) => isMentioned(query, name))) {
    const files = await tableFiles(store, table.folder);
    const schema = await savedSchema(store, table.folder);
    const types = new Map(schema?.partitions.map(({ name, type }) => [name, type]));
    const needed = await neededFiles(database, query, table, files, types);
    fetchedBytes += needed.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
    if (fetchedBytes > MAX_FETCHED_BYTES)
      throw new StreamkitError(
        "usage",
        `The query needs more than ${MAX_FETCHED_BYTES / 2 ** 30} GiB of files from ${store.url}: ` +
          "let its WHERE name fewer partitions, or query it with an engine that is there",
      );
    const schemaFile = joinPath(table.folder, SCHEMA_FILE);
    const wanted = [...needed, ...(schema === undefined ? [] : [{ path: schemaFile, place: schemaFile }])];
    await inParallel(wanted, MAX_TRANSFERS, async ({ path: from, place }) => {
      await mkdir(path.join(folder, parentOf(place)), { recursive: true });
      await store.download(from, path.join(folder, place));
    });
  }
  return { names: tables.map(({ name }) => name) };
}

interface Table {
  readonly name: string;
  readonly folder: string;
}

async function tablesIn(store: Store): Promise<readonly Table[]> {
  const isShown = (name: string): boolean => !/^[._]/.test(name);
  const tables: Table[] = [];
  for (const folder of (await store.folders("")).filter(isShown)) {
    const schema = /^(.+)\.db$/.exec(folder)?.[1];
    if (schema === undefined) tables.push({ name: folder, folder });
    else
      for (const table of (await store.folders(folder)).filter(isShown))
        tables.push({ name: `${schema}.${table}`, folder: joinPath(folder, table) });
  }
  return tables;
}

/** Whether the name stands in the text: if only as a word of another meaning, too much is fetched. */
export function isMentioned(query: string, name: string): boolean {
  const words = new Set(query.toLowerCase().match(/\w+/g));
  return words.has((name.split(".").at(-1) ?? name).toLowerCase());
}

async function neededFiles(
  database: Database,
  query: string,
  table: Table,
  files: readonly TableFile[],
  types: ReadonlyMap<string, string>,
): Promise<readonly TableFile[]> {
  const condition = await partitionCondition(database, query, table, [...types.keys()]);
  if (condition === undefined || files.length === 0) return files;
  const rows = files.map(({ place: name }, index) => {
    const values = valuesOfPath(name.slice(table.folder.length + 1));
    const typed = [...types].map(([column, type]) => {
      const value = values.get(column) ?? null;
      return sql`TRY_CAST(${value === null ? null : literal(value)} AS ${{ text: type }})`;
    });
    return sql`(${[sql`${index}`, ...typed]})`;
  });
  const names = ["_index", ...types.keys()].map((name) => id(name));
  const kept =
    await database.rows(sql`SELECT _index FROM (VALUES ${rows}) AS ${id(table.name.split(".").at(-1) ?? "")}
    (${names}) WHERE ${condition}`);
  const needed = kept.flatMap((row) => files[Number(row["_index"])] ?? []);
  // Without any there would be no table; its rows are ruled out all the same.
  return needed.length > 0 ? needed : files.slice(0, 1);
}

/** What a query's WHERE says of a table's partition columns alone; undefined where that can't be told. */
async function partitionCondition(
  database: Database,
  query: string,
  table: Table,
  partitions: readonly string[],
): Promise<Sql | undefined> {
  if (partitions.length === 0) return undefined;
  let tree: TreeNode;
  try {
    tree = await parseSelect(database, query);
  } catch {
    // DESCRIBE, SHOW and the like.
    return undefined;
  }
  const name = table.name.split(".").at(-1)?.toLowerCase() ?? "";
  const isOurs = (node: TreeNode): boolean =>
    node["type"] === "BASE_TABLE" && textIn(node, "table_name").toLowerCase() === name;
  if ([...nodesOf(tree)].filter(isOurs).length !== 1) return undefined;
  const select = [...nodesOf(tree)].find(
    (node) => node["type"] === "SELECT_NODE" && isOurs(node["from_table"] as TreeNode),
  );
  const where = select?.["where_clause"] as TreeNode | null | undefined;
  if (select === undefined || where === null || where === undefined) return undefined;
  const known = new Set(partitions.map((column) => column.toLowerCase()));
  const isOfPartitions = (node: TreeNode): boolean =>
    [...nodesOf(node)].every(
      (inner) =>
        inner["class"] !== "SUBQUERY" &&
        (inner["type"] !== "COLUMN_REF" ||
          known.has((inner["column_names"] as readonly string[]).at(-1)?.toLowerCase() ?? "")),
    );
  const terms = where["type"] === "CONJUNCTION_AND" ? (where["children"] as readonly TreeNode[]) : [where];
  const texts: Sql[] = [];
  for (const term of terms.filter(isOfPartitions))
    texts.push(await expressionText(database, tree, unqualified(term)));
  return texts.length === 0
    ? undefined
    : join(
        texts.map((text) => sql`(${text})`),
        " AND ",
      );
}

/** Columns without the name or alias of their table. */
function unqualified(term: TreeNode): TreeNode {
  return replaceNodes(term, (node) =>
    node["type"] === "COLUMN_REF"
      ? { ...node, column_names: (node["column_names"] as readonly string[]).slice(-1) }
      : undefined,
  ) as TreeNode;
}
