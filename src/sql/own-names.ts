/** The names in a query and in what it reads that look like ours: ours give way to them. */

import { type Database, DuckdbError } from "../duckdb/database.ts";
import { id, sql } from "../duckdb/sql.ts";
import { nodesOf, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import type { Catalog } from "./syntax-facts.ts";

export interface NamesRead {
  readonly database: Database;
  readonly catalog: Catalog;
  readonly streams: ReadonlyMap<string, { readonly columns: readonly { readonly name: string }[] }>;
}

/** In lower case, those that begin with an underscore. `columns` are those of the answer. */
export async function namesTaken(
  { database, catalog, streams }: NamesRead,
  tree: TreeNode,
  columns: readonly { readonly name: string }[],
): Promise<ReadonlySet<string>> {
  const names = [...textsIn(tree), ...columns.map(({ name }) => name)];
  for (const node of nodesOf(tree)) {
    const table = node["type"] === "BASE_TABLE" ? textIn(node, "table_name") : "";
    if (table !== "" && catalog.streamOf(table) === undefined)
      names.push(...(await columnsOf(database, table)));
  }
  for (const stream of streams.values()) names.push(...stream.columns.map(({ name }) => name));
  return underscored(names);
}

/** Those of some names that begin with an underscore, in lower case. */
export function underscored(names: Iterable<string>): ReadonlySet<string> {
  return new Set([...names].filter((name) => name.startsWith("_")).map((name) => name.toLowerCase()));
}

async function columnsOf(database: Database, table: string): Promise<readonly string[]> {
  try {
    return (await database.describe(sql`FROM ${id(table)}`)).map(({ name }) => name);
  } catch (error) {
    if (error instanceof DuckdbError) return [];
    throw error;
  }
}

function* textsIn(tree: Tree): Generator<string> {
  if (typeof tree === "string") yield tree;
  else if (Array.isArray(tree)) for (const item of tree as readonly Tree[]) yield* textsIn(item);
  else if (tree !== null && typeof tree === "object")
    for (const value of Object.values(tree as TreeNode)) yield* textsIn(value);
}
