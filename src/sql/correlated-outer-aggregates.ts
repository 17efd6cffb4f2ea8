/**
 * Aggregates that stand in a subquery and belong to the query around it: `(SELECT sum(t.price))` adds up the
 * rows of the outer `t`. The syntax alone does not tell them; DuckDB's binder does.
 */

import { type Database, DuckdbError } from "../duckdb/database.ts";
import { type Sql, sql } from "../duckdb/sql.ts";
import {
  expressionText,
  fromClause,
  nodesOf,
  replaceNodes,
  type Tree,
  type TreeNode,
  textIn,
} from "../duckdb/syntax.ts";
import { type Catalog, includesName, isAggregateCall, modifiersOf } from "./syntax-facts.ts";

/**
 * An aggregate of a subquery expression that does not stand on the subquery's own rows; undefined if there is
 * none. The query has no CTEs.
 */
export async function correlatedOuterAggregate(
  database: Database,
  select: TreeNode,
  catalog: Catalog,
): Promise<Sql | undefined> {
  for (const node of nodesOf(select)) {
    if (node["class"] !== "SUBQUERY") continue;
    for (const inner of nodesOf(node)) {
      if (inner["type"] !== "SELECT_NODE") continue;
      for (const call of ownAggregates(inner, catalog)) {
        const text = await expressionText(database, inner, call);
        if ((await binds(database, text, inner)) || (await isOfOwnRows(database, call, inner, select)))
          continue;
        return text;
      }
    }
  }
  return undefined;
}

function ownAggregates(select: TreeNode, catalog: Catalog): TreeNode[] {
  const calls: TreeNode[] = [];
  replaceNodes([select["select_list"], select["having"], modifiersOf(select)] as Tree, (node) => {
    if (node["class"] === "SUBQUERY") return node;
    if (!isAggregateCall(node, catalog)) return undefined;
    calls.push(node);
    return node;
  });
  return calls;
}

/**
 * Whether a column of the subquery's own FROM stands in the aggregate, or none at all: then it is the
 * subquery's, whatever else it names. A FROM that names columns of the query around it is described beside
 * that query's.
 */
async function isOfOwnRows(
  database: Database,
  call: TreeNode,
  inner: TreeNode,
  outer: TreeNode,
): Promise<boolean> {
  const names = [...nodesOf(call)].flatMap((node) =>
    node["class"] === "COLUMN_REF" ? [node["column_names"] as readonly string[]] : [],
  );
  if (names.length === 0) return true;
  const from = inner["from_table"] as TreeNode;
  const aliases = new Set(
    [...nodesOf(from)].map((item) => (textIn(item, "alias") || textIn(item, "table_name")).toLowerCase()),
  );
  const own = await columnsOf(database, inner, outer);
  return names.some(([first = "", second]) => {
    const isQualified = second !== undefined && aliases.has(first.toLowerCase());
    return includesName(own, isQualified ? second : first);
  });
}

async function columnsOf(database: Database, inner: TreeNode, outer: TreeNode): Promise<readonly string[]> {
  const own = await fromClause(database, inner, inner["from_table"] as TreeNode);
  const alone = await namesOf(database, sql`SELECT * ${own}`);
  if (alone !== undefined || outer["type"] !== "SELECT_NODE") return alone ?? [];
  const around = await fromClause(database, outer, outer["from_table"] as TreeNode);
  return (await namesOf(database, sql`SELECT own.* ${around}, LATERAL (SELECT * ${own}) AS own`)) ?? [];
}

/** The names of a query's columns; undefined where it can't stand alone. */
async function namesOf(database: Database, query: Sql): Promise<readonly string[] | undefined> {
  try {
    return (await database.describe(query)).map(({ name }) => name);
  } catch (error) {
    if (error instanceof DuckdbError) return undefined;
    throw error;
  }
}

async function binds(database: Database, aggregate: Sql, select: TreeNode): Promise<boolean> {
  const from = await fromClause(database, select, select["from_table"] as TreeNode);
  return (await namesOf(database, sql`SELECT ${aggregate} ${from}`)) !== undefined;
}
