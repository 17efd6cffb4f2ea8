/**
 * Which files of a table a query can need: what its WHERE says of partition columns rules others out before
 * any file is opened or fetched.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { id, join, literal, type Sql, sql } from "../duckdb/sql.ts";
import {
  expressionText,
  nodesOf,
  parseSelect,
  replaceNodes,
  type TreeNode,
  textIn,
} from "../duckdb/syntax.ts";
import { valuesOfPath } from "./partition-path.ts";
import { explainedIn } from "./statements.ts";

export interface PrunedTable {
  /** Without its database. */
  readonly name: string;
  readonly partitions: readonly Column[];
}

/** Those that a query may need; `pathOf` is a file's path in the table. */
export async function neededFiles<File>(
  database: Database,
  query: string,
  { name, partitions }: PrunedTable,
  files: readonly File[],
  pathOf: (file: File) => string,
): Promise<readonly File[]> {
  const condition = await partitionCondition(
    database,
    explainedIn(query) ?? query,
    name,
    partitions.map((column) => column.name),
  );
  if (condition === undefined || files.length === 0) return files;
  const rows = files.map((file, index) => {
    const values = valuesOfPath(pathOf(file));
    const typed = partitions.map((column) => {
      const value = values.get(column.name) ?? null;
      return sql`TRY_CAST(${value === null ? null : literal(value)} AS ${{ text: column.type }})`;
    });
    return sql`(${[sql`${index}`, ...typed]})`;
  });
  const names = ["_index", ...partitions.map((column) => column.name)].map((column) => id(column));
  const kept = await database.rows(
    sql`SELECT _index FROM (VALUES ${rows}) AS ${id(name)}(${names}) WHERE ${condition}`,
  );
  const needed = kept.flatMap((row) => files[Number(row["_index"])] ?? []);
  // Without any there would be no table; its rows are ruled out all the same.
  return needed.length > 0 ? needed : files.slice(0, 1);
}

/** What a query's WHERE says of a table's partition columns alone; undefined where that can't be told. */
async function partitionCondition(
  database: Database,
  query: string,
  table: string,
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
  const isOurs = (node: TreeNode): boolean =>
    node["type"] === "BASE_TABLE" && textIn(node, "table_name").toLowerCase() === table.toLowerCase();
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
