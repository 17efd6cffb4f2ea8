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
} from "../duckdb/syntax.ts";
import { type Catalog, isAggregateCall, modifiersOf } from "./syntax-facts.ts";

/**
 * An aggregate of a subquery expression that does not stand on the subquery's own rows; undefined if there is
 * none. The query has no CTEs.
 */
export async function hiddenAggregate(
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
        if (!(await binds(database, text, inner))) return text;
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

async function binds(database: Database, aggregate: Sql, select: TreeNode): Promise<boolean> {
  try {
    const from = await fromClause(database, select, select["from_table"] as TreeNode);
    await database.describe(sql`SELECT ${aggregate} ${from}`);
    return true;
  } catch (error) {
    if (error instanceof DuckdbError) return false;
    throw error;
  }
}
