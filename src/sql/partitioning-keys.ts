/**
 * Locality: by which columns a query's answer splits. Where it splits by a column, each row of the answer
 * depends only on those rows of its inputs that share one value of the column: a window can be answered when
 * it closes, and a batch touches only the keys it brings.
 *
 * The rules are those of relational algebra: a group, an OVER partition or a DISTINCT splits by what it
 * names; a join of two inputs by what its equality compares; LIMIT by nothing.
 */

import { type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { type ColumnLineage, lineageOf, meaningOf, passedOn } from "./lineage.ts";
import { relationOf } from "./query-analysis.ts";
import { scanNumberOf, scanNumbersOf } from "./scan-numbering.ts";
import {
  type Catalog,
  clausesOf,
  groupKeysOf,
  hasGroupingSets,
  hasModifier,
  isGrouped,
  modifiersOf,
  outputsOf,
  selectListOf,
  targetsOf,
  windowFunctionsOf,
} from "./syntax-facts.ts";

/** For each place where the query reads, by its number: the column whose values split the answer. */
export type PartitioningKey = ReadonlyMap<number, string>;

export interface Partitioning {
  readonly keys: readonly PartitioningKey[];
  /** By an output column's name in lower case: the keys whose value it holds. */
  readonly lineages: ReadonlyMap<string, readonly PartitioningKey[]>;
}

/** The columns of a place by which its own rows may be split, with their types, names in lower case. */
export type PartitioningColumns = (scan: number) => ReadonlyMap<string, string>;

type Keys = readonly PartitioningKey[];
interface Scope {
  readonly keys: Keys;
  readonly columns: readonly ColumnLineage<Keys>[];
}

const NOTHING: Scope = { keys: [], columns: [] };
const NOWHERE: Partitioning = { keys: [], lineages: new Map() };

/** `tree` is a query without CTEs, in resolved names, whose places are marked. */
export function partitioningOf(
  tree: TreeNode,
  splitColumns: PartitioningColumns,
  catalog: Catalog,
): Partitioning {
  const ofQuery = (node: TreeNode): Partitioning => {
    if (node["type"] === "SET_OPERATION_NODE") return ofSetOperation(node);
    if (node["type"] !== "SELECT_NODE" || hasModifier(node, "LIMIT")) return NOWHERE;
    if (scanNumbersOf(clausesOf(node)).length > 0) return NOWHERE;
    const scope = ofFrom(node["from_table"] as TreeNode, equalitiesOf(node["where_clause"] ?? null));
    const keptBy = (expressions: readonly TreeNode[]) => {
      const named = new Set(expressions.flatMap((expression) => meaningOf(expression, scope.columns) ?? []));
      return (key: PartitioningKey): boolean => named.has(key);
    };
    let keys = scope.keys;
    if (isGrouped(node, catalog)) {
      keys = keys.filter(keptBy(groupKeysOf(node, [], catalog)));
    }
    for (const call of windowFunctionsOf(clausesOf(node)))
      keys = keys.filter(keptBy(call["partitions"] as readonly TreeNode[]));
    const output = passedOn(node, scope.columns);
    for (const modifier of modifiersOf(node)) {
      if (modifier["type"] !== "DISTINCT_MODIFIER") continue;
      const on = targetsOf(modifier, node);
      const inOutput = (key: PartitioningKey): boolean =>
        [...output.values()].some((held) => held.includes(key));
      keys = keys.filter(on.length === 0 ? inOutput : keptBy(on));
    }
    // What is not a key of every grouping set is NULL in some.
    const isSplit = (held: Keys): boolean => held.every((key) => keys.includes(key));
    const passed = hasGroupingSets(node) ? [...output].filter(([, held]) => isSplit(held)) : output;
    return { keys, lineages: new Map(passed) };
  };

  const isSameType = (...keys: readonly PartitioningKey[]): boolean => {
    const types = keys.flatMap((key) => [...key].map(([scan, column]) => splitColumns(scan).get(column)));
    return new Set(types).size === 1;
  };

  /** Rows of both sides meet where a column of the same place in both lists is the same. */
  const ofSetOperation = (node: TreeNode): Partitioning => {
    const [left, right] = [node["left"], node["right"]] as readonly TreeNode[];
    if (left === undefined || right === undefined || hasModifier(node, "LIMIT")) return NOWHERE;
    if (!["UNION", "EXCEPT", "INTERSECT"].includes(textIn(node, "setop_type"))) return NOWHERE;
    if (modifiersOf(node).some((modifier) => modifier["type"] === "DISTINCT_MODIFIER")) return NOWHERE;
    const names = [left, right].map(outputNamesOf);
    const [leftNames, rightNames] = names;
    if (leftNames === undefined || rightNames === undefined) return NOWHERE;
    const [a, b] = [ofQuery(left), ofQuery(right)];
    const lineages = new Map<string, Keys>();
    for (const [index, name] of leftNames.entries()) {
      const other = rightNames[index] ?? "";
      // Of columns of one name only the first can be told.
      const isFirst = leftNames.indexOf(name) === index && rightNames.indexOf(other) === index;
      const pairs = (a.lineages.get(name) ?? []).flatMap((one) =>
        isFirst && a.keys.includes(one)
          ? (b.lineages.get(other) ?? [])
              .filter((two) => b.keys.includes(two))
              .flatMap((two) => (isSameType(one, two) ? joined(one, two) : []))
          : [],
      );
      if (pairs.length > 0 && !lineages.has(name)) lineages.set(name, pairs);
    }
    return { keys: [...lineages.values()].flat(), lineages };
  };

  const ofFrom = (from: TreeNode, conditions: readonly Equality[]): Scope => {
    const scan = scanNumberOf(from);
    if (scan !== undefined) return ofScan(from, scan);
    if (from["type"] === "SUBQUERY") {
      if (((from["column_name_alias"] ?? []) as readonly string[]).length > 0) return NOTHING;
      const inner = ofQuery((from["subquery"] as TreeNode)["node"] as TreeNode);
      const relation = textIn(from, "alias").toLowerCase();
      return { keys: inner.keys, columns: lineagesOf(relation, inner.lineages) };
    }
    return from["type"] === "JOIN" ? ofJoin(from, conditions) : NOTHING;
  };

  const ofScan = (from: TreeNode, scan: number): Scope => {
    if (((from["column_name_alias"] ?? []) as readonly string[]).length > 0) return NOTHING;
    const held = new Map<string, Keys>(
      [...splitColumns(scan).keys()].map((column) => [column, [new Map([[scan, column]])]]),
    );
    return { keys: [...held.values()].flat(), columns: lineagesOf(relationOf(from).toLowerCase(), held) };
  };

  const ofJoin = (join: TreeNode, conditions: readonly Equality[]): Scope => {
    const [left, right] = [join["left"], join["right"]] as readonly TreeNode[];
    const type = textIn(join, "join_type");
    const kind = textIn(join, "ref_type");
    if (left === undefined || right === undefined || kind === "POSITIONAL" || kind === "NATURAL")
      return NOTHING;
    if (scanNumbersOf(join["condition"] ?? null).length > 0) return NOTHING;
    const isInner = type === "INNER" && kind !== "ASOF";
    const passed = isInner ? conditions : [];
    const [hasLeft, hasRight] = [left, right].map((side) => scanNumbersOf(side).length > 0);
    if (hasLeft !== hasRight) {
      const isKept = type === "INNER" || (hasLeft === true ? isLeftKept(type) : type === "RIGHT");
      if (!isKept || (kind === "ASOF" && hasRight === true)) return NOTHING;
      const side = ofFrom(hasLeft === true ? left : right, passed);
      return side;
    }
    const [a, b] = [ofFrom(left, passed), ofFrom(right, passed)];
    return joinScopes(a, b, type, [...equalitiesOf(join["condition"] ?? null), ...passed], usingOf(join));
  };

  const joinScopes = (
    a: Scope,
    b: Scope,
    type: string,
    equalities: readonly Equality[],
    using: readonly string[],
  ): Scope => {
    const pairs: { readonly left: ColumnLineage<Keys>; readonly right: ColumnLineage<Keys> }[] =
      using.flatMap((name) => {
        const left = a.columns.find(({ column }) => column === name);
        const right = b.columns.find(({ column }) => column === name);
        return left === undefined || right === undefined ? [] : [{ left, right }];
      });
    for (const [x, y] of equalities) {
      for (const [one, other] of [
        [x, y],
        [y, x],
      ] as const) {
        const left = lineageOf(one, a.columns);
        const right = lineageOf(other, b.columns);
        if (left !== undefined && right !== undefined) pairs.push({ left, right });
      }
    }
    const keys: PartitioningKey[] = [];
    const columns: ColumnLineage<Keys>[] = [];
    for (const { left, right } of pairs) {
      for (const one of left.meaning) {
        for (const other of right.meaning) {
          const isSplit = a.keys.includes(one) && b.keys.includes(other) && isSameType(one, other);
          if (!isSplit) continue;
          const key = joined(one, other);
          keys.push(key);
          // A column of the side that may be missing is NULL there: it does not hold the key's value.
          if (type !== "RIGHT" && type !== "FULL" && type !== "OUTER")
            columns.push({ ...left, meaning: [key] });
          if (type === "INNER" || type === "RIGHT") columns.push({ ...right, meaning: [key] });
          if ((type === "FULL" || type === "OUTER") && using.includes(left.column))
            columns.push({ relation: "", column: left.column, meaning: [key] });
        }
      }
    }
    return { keys, columns: gathered(columns) };
  };
  return ofQuery(tree);
}

/** Two columns that are said to be equal. */
type Equality = readonly [TreeNode, TreeNode];

/** The equalities of columns that hold for every row that passes a condition. */
function equalitiesOf(condition: Tree): readonly Equality[] {
  if (condition === null || typeof condition !== "object" || Array.isArray(condition)) return [];
  const node = condition as TreeNode;
  if (node["type"] === "CONJUNCTION_AND")
    return (node["children"] as readonly TreeNode[]).flatMap((child) => equalitiesOf(child));
  if (node["type"] !== "COMPARE_EQUAL" && node["type"] !== "COMPARE_NOT_DISTINCT_FROM") return [];
  // NULLs meet NULLs, which an outer join's key would not.
  const [left, right] = [node["left"], node["right"]] as readonly TreeNode[];
  return left?.["class"] === "COLUMN_REF" && right?.["class"] === "COLUMN_REF" ? [[left, right]] : [];
}

function joined(a: PartitioningKey, b: PartitioningKey): PartitioningKey {
  return new Map([...a, ...b]);
}

function gathered(columns: readonly ColumnLineage<Keys>[]): readonly ColumnLineage<Keys>[] {
  const byName = new Map<string, ColumnLineage<Keys>>();
  for (const column of columns) {
    const name = `${column.relation}\0${column.column}`;
    const known = byName.get(name);
    byName.set(
      name,
      known === undefined ? column : { ...known, meaning: [...known.meaning, ...column.meaning] },
    );
  }
  return [...byName.values()];
}

function lineagesOf(relation: string, held: ReadonlyMap<string, Keys>): readonly ColumnLineage<Keys>[] {
  return [...held].map(([column, meaning]) => ({ relation, column, meaning }));
}

function isLeftKept(type: string): boolean {
  return ["LEFT", "SEMI", "ANTI"].includes(type);
}

function usingOf(join: TreeNode): readonly string[] {
  return ((join["using_columns"] ?? []) as readonly string[]).map((name) => name.toLowerCase());
}

/** The names of a query's columns, in lower case; undefined where only `*` tells them. */
function outputNamesOf(node: TreeNode): readonly string[] | undefined {
  if (node["type"] === "SET_OPERATION_NODE") return outputNamesOf(node["left"] as TreeNode);
  if (node["type"] !== "SELECT_NODE") return undefined;
  if (selectListOf(node).some((item) => textIn(item, "function_name") === "unnest")) return undefined;
  return outputsOf(node)?.map(({ name }) => (name ?? "").toLowerCase());
}
