/** The passes of a join of streams, as trees. See `join-query.ts` for why they find each row once. */

import type { Database } from "../duckdb/database.ts";
import { id, raw, sql } from "../duckdb/sql.ts";
import { nodesOf, parseSelect, replaceNodes, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { type JoinPass, passRelation, type Rows } from "../operators/join.ts";
import type { TimeColumns } from "../sql/join-bounds.ts";
import { relationOf } from "../sql/query-analysis.ts";
import { refusal } from "../sql/refusals.ts";
import { scanNumberOf, scanNumbersOf, withRelations } from "../sql/scan-numbering.ts";

/** A pass before it is text: the query with some of its parts changed, and what each place reads. */
export interface PassTree {
  readonly tree: TreeNode;
  rowsAt(place: number): Rows;
  readonly needs: JoinPass["needs"];
}

/** The join of two streams that is more than the pairs of their rows; undefined if there is none. */
export function outerJoinOf(tree: TreeNode): TreeNode | undefined {
  return joinsOfStreams(tree).find(
    (join) => textIn(join, "join_type") !== "INNER" || textIn(join, "ref_type") === "ASOF",
  );
}

function joinsOfStreams(tree: TreeNode): TreeNode[] {
  return [...nodesOf(tree)].filter(
    (node) =>
      node["type"] === "JOIN" &&
      scanNumbersOf(node["left"] ?? null).length > 0 &&
      scanNumbersOf(node["right"] ?? null).length > 0,
  );
}

export async function passesOf(
  database: Database,
  query: string,
  tree: TreeNode,
  count: number,
  outer: TreeNode | undefined,
): Promise<readonly PassTree[]> {
  if (outer === undefined) return pairs(tree, count);
  const type = textIn(outer, "join_type");
  const [left, right] = [outer["left"], outer["right"]] as readonly TreeNode[];
  const leftScan = scanNumbersOf(left ?? null)[0];
  const rightScan = scanNumbersOf(right ?? null)[0];
  if (left === undefined || right === undefined || leftScan === undefined || rightScan === undefined)
    return [];
  const instead = (join: TreeNode): TreeNode =>
    replaceNodes(tree, (node) => (node === outer ? join : undefined)) as TreeNode;
  if (textIn(outer, "ref_type") === "ASOF" || type === "ANTI")
    return [pass(tree, { [leftScan]: "final", [rightScan]: "all" }, [{ place: leftScan, rows: "final" }])];

  /** The rows of one side that meet none of the other. */
  const alone = async (side: "left" | "right", rows: Rows, others: Rows): Promise<TreeNode> => {
    const [own, other] = side === "left" ? [left, right] : [right, left];
    const relation = (kind: Rows) => (scan: number) => passRelation(query, scan, kind);
    const join = {
      ...outer,
      join_type: "ANTI",
      left: withRelations(own, relation(rows)),
      right: withRelations(other, relation(others)),
    };
    return subquery(database, join, own);
  };
  if (type === "SEMI")
    return [
      pass(tree, { [leftScan]: "new", [rightScan]: "all" }, [{ place: leftScan, rows: "new" }]),
      pass(instead({ ...outer, left: await alone("left", "old", "old") }), { [rightScan]: "new" }, [
        { place: rightScan, rows: "new" },
      ]),
    ];
  const passes = [...pairs(instead({ ...outer, join_type: "INNER" }), count)];
  if (type !== "RIGHT")
    passes.push(
      pass(instead({ ...outer, left: await alone("left", "final", "all") }), { [rightScan]: "none" }, [
        { place: leftScan, rows: "final" },
      ]),
    );
  if (type !== "LEFT")
    passes.push(
      pass(instead({ ...outer, right: await alone("right", "final", "all") }), { [leftScan]: "none" }, [
        { place: rightScan, rows: "final" },
      ]),
    );
  return passes;
}

/** New rows of each place with what all places before it have now, and those after it had before. */
function pairs(tree: TreeNode, count: number): readonly PassTree[] {
  return Array.from({ length: count }, (_, place) => ({
    tree,
    rowsAt: (other: number): Rows => (other < place ? "all" : other === place ? "new" : "old"),
    needs: [{ place, rows: "new" as const }],
  }));
}

function pass(tree: TreeNode, rows: Readonly<Record<number, Rows>>, needs: PassTree["needs"]): PassTree {
  return { tree, rowsAt: (place) => rows[place] ?? "none", needs };
}

/** `(SELECT * FROM join) AS …` in place of a side of it, under the side's name. */
async function subquery(database: Database, join: TreeNode, side: TreeNode): Promise<TreeNode> {
  if (side["type"] === "JOIN")
    throw refusal(
      "a side of its outer join is itself a join",
      "put that into a query of its own before this one",
    );
  const template = await parseSelect(database, "SELECT * FROM (SELECT * FROM _join) AS _side");
  const item = template["from_table"] as TreeNode;
  const inner = item["subquery"] as TreeNode;
  const select = { ...(inner["node"] as TreeNode), from_table: join };
  return { ...item, alias: relationOf(side), subquery: { ...inner, node: select } };
}

/** The query with its join bounded in time: rows meet that are at most so far apart. */
export async function keptApart(
  database: Database,
  tree: TreeNode,
  timeColumns: TimeColumns,
  keepMs: number,
): Promise<TreeNode> {
  const [join, another] = joinsOfStreams(tree);
  const sides = [join?.["left"], join?.["right"]] as readonly (TreeNode | undefined)[];
  const times = sides.map((side) => {
    const scan = side === undefined ? undefined : scanNumberOf(side);
    const [column] = scan === undefined ? [] : timeColumns(scan);
    return side === undefined || column === undefined ? undefined : id(relationOf(side), column);
  });
  const [left, right] = times;
  const isRenamed = sides.some(
    (side) => ((side?.["column_name_alias"] ?? []) as readonly string[]).length > 0,
  );
  const isPlain = ["REGULAR", "CROSS"].includes(textIn(join, "ref_type")) && !isRenamed;
  const hasUsing = ((join?.["using_columns"] ?? []) as readonly string[]).length > 0;
  if (
    join === undefined ||
    another !== undefined ||
    left === undefined ||
    right === undefined ||
    hasUsing ||
    !isPlain
  )
    throw refusal(
      "state: {keep: …} is for one join of two streams with event times, joined ON",
      "write the bound into the query: b.ts BETWEEN a.ts - INTERVAL 1 HOUR AND a.ts + INTERVAL 1 HOUR",
    );
  const apart = raw(`to_microseconds(${Math.round(keepMs * 1000)})`);
  const bounded = await parseSelect(
    database,
    sql`SELECT 1 FROM a WHERE true AND ${left} BETWEEN ${right} - ${apart} AND ${right} + ${apart}`.text,
  );
  const both = bounded["where_clause"] as TreeNode;
  const [, between] = both["children"] as readonly TreeNode[];
  const condition = join["condition"] ?? null;
  const conjuncts = condition === null ? [between ?? null] : [condition, between ?? null];
  const more = { ...join, condition: { ...both, children: conjuncts }, ref_type: "REGULAR" };
  return replaceNodes(tree, (node) => (node === join ? more : undefined)) as TreeNode;
}
