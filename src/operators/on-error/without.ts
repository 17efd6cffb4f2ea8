/** The user's SQL without groups or windows that were put aside: what a batch over the rest says. */

import type { Column, Database } from "../../duckdb/database.ts";
import { join, raw, type Sql, sql } from "../../duckdb/sql.ts";
import {
  expressionText,
  parseSelect,
  replaceNodes,
  selectText,
  type TreeNode,
  textIn,
} from "../../duckdb/syntax.ts";
import { relationOf } from "../../sql/query-analysis.ts";
import { windowCallOf } from "../../sql/windows.ts";

/**
 * From the dead letters' lines to SQL; `kind`: without what they name, or nothing but that. The database
 * writes trees as text.
 */
export type Rest = (database: Database, lines: readonly string[], kind: "without" | "only") => Promise<Sql>;

export interface GroupedQuery {
  readonly select: TreeNode;
  readonly keys: readonly TreeNode[];
  /** What the lines call the keys, and their types. */
  readonly columns: readonly Column[];
}

export function restOfGroups({ select, keys, columns }: GroupedQuery): Rest {
  return async (database, lines, kind) => {
    const texts: Sql[] = [];
    for (const key of keys) texts.push(await expressionText(database, select, key));
    const groups = lines.map((line) => {
      const values = JSON.parse(line) as Record<string, unknown>;
      const same = columns.map(
        ({ name, type }, index) =>
          sql`${texts[index] ?? raw("NULL")} IS NOT DISTINCT FROM ${valueOf(values[name], type)}`,
      );
      return sql`(${same.length === 0 ? raw("true") : join(same, " AND ")})`;
    });
    const named = sql`(${join(groups, " OR ")})`;
    const condition = await conditionTree(database, kind === "only" ? named : sql`NOT ${named}`);
    const where = await bothConditions(database, select["where_clause"] as TreeNode | null, condition);
    const text = await selectText(database, { ...select, where_clause: where });
    // Of no rows there is an answer too, where nothing is grouped.
    return keys.length === 0 && kind === "without" ? sql`SELECT * FROM (${text}) WHERE false` : text;
  };
}

/** `select`: without CTEs, whose windows are filtered where they are called. */
export function restOfWindows(select: TreeNode): Rest {
  return async (database, lines, kind) => {
    const ends = lines.map((line) => (JSON.parse(line) as { window_end: string | null }).window_end);
    const isNamed = sql`coalesce(window_end, '-infinity'::TIMESTAMP) IN
      (${ends.map((end) => sql`${end ?? "-infinity"}::TIMESTAMP`)})`;
    const outer = await parseSelect(
      database,
      sql`SELECT * FROM (SELECT * FROM _window WHERE ${kind === "only" ? isNamed : sql`NOT ${isNamed}`}) AS w`
        .text,
    );
    const item = outer["from_table"] as TreeNode;
    let hasWindows = false;
    const filtered = replaceNodes(select, (node) => {
      if (windowCallOf(node) === undefined) return undefined;
      hasWindows = true;
      const call = { ...node, alias: "" };
      const inner = item["subquery"] as TreeNode;
      const query = { ...(inner["node"] as TreeNode), from_table: call };
      const alias = textIn(node, "alias") === "" ? relationOf(node) : textIn(node, "alias");
      return {
        ...item,
        alias,
        column_name_alias: node["column_name_alias"] ?? [],
        subquery: { ...inner, node: query },
      };
    }) as TreeNode;
    const text = await selectText(database, filtered);
    // What has no windows is put aside as a whole.
    return hasWindows || kind === "only" ? text : sql`SELECT * FROM (${text}) WHERE false`;
  };
}

/** A value of a dead letter's line, as its type. */
function valueOf(value: unknown, type: string): Sql {
  if (value === null || value === undefined) return raw("NULL");
  if (typeof value === "string") return sql`${value}::${raw(type)}`;
  return sql`(${JSON.stringify(value)}::JSON)::${raw(type)}`;
}

async function conditionTree(database: Database, condition: Sql): Promise<TreeNode> {
  const select = await parseSelect(database, sql`SELECT 1 FROM t WHERE ${condition}`.text);
  return select["where_clause"] as TreeNode;
}

async function bothConditions(
  database: Database,
  first: TreeNode | null,
  second: TreeNode,
): Promise<TreeNode> {
  if (first === null) return second;
  const both = await conditionTree(database, raw("a AND b"));
  return { ...both, children: [first, second] };
}
