/** Comparing answers: rows as multisets, changes applied by key. */

import { StreamkitError } from "../base/error.ts";
import { readTree, type TreeNode } from "../duckdb/syntax.ts";

/** What a query must answer. */
export interface Answer {
  /** Rows as JSON text. */
  readonly rows: readonly string[];
  /** Columns whose values may differ in their last digits, as sums of doubles depend on their order. */
  readonly inexact: readonly string[];
}

export interface Difference {
  readonly foundRows: number;
  readonly expectedRows: number;
  /** Rows that have no equal on the other side, each as often as it is too many. */
  readonly onlyFound: readonly string[];
  readonly onlyExpected: readonly string[];
}

/** Doubles are equal up to this share of their size. */
const TOLERANCE = 1e-9;

/** What differs; undefined where the two are the same multiset. */
export function compareRows(found: readonly string[], expected: Answer): Difference | undefined {
  // Most rows are equal to their last letter: only what is left must be taken apart.
  const [leftFound, leftExpected] = withoutTwins(found, expected.rows);
  const pairs = [inOrder(leftFound, expected.inexact), inOrder(leftExpected, expected.inexact)] as const;
  const [onlyFound, onlyExpected] = withoutCloseAnywhere(...withoutClose(...pairs));
  if (onlyFound.length === 0 && onlyExpected.length === 0) return undefined;
  return {
    foundRows: found.length,
    expectedRows: expected.rows.length,
    onlyFound: onlyFound.map(({ text }) => text),
    onlyExpected: onlyExpected.map(({ text }) => text),
  };
}

const OPERATION = /,"_op":"\w+","_batch":\d+\}$/;

/**
 * The rows that remain when the changes of an update-mode query are applied by key. Throws where a row is
 * deleted that is not there.
 */
export function appliedRows(lines: readonly string[], key: readonly string[]): readonly string[] {
  const rows = new Map<string, string>();
  for (const line of lines) {
    const row = readTree(line) as TreeNode;
    const name = JSON.stringify(key.map((column) => row[column] ?? null));
    if (row["_op"] === "delete") {
      if (!rows.delete(name))
        throw new StreamkitError("engine", `A row that was not there is deleted: ${line}`);
    } else rows.set(name, line.replace(OPERATION, "}"));
  }
  return [...rows.values()];
}

/** The rows of NDJSON. */
export function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** The rows that are left on each side when every row has taken an equal one of the other side with it. */
function withoutTwins(
  a: readonly string[],
  b: readonly string[],
): readonly [leftOfA: readonly string[], leftOfB: readonly string[]] {
  const surplus = new Map<string, number>();
  for (const row of a) surplus.set(row, (surplus.get(row) ?? 0) + 1);
  const leftOfB = b.filter((row) => {
    const count = surplus.get(row) ?? 0;
    if (count > 0) surplus.set(row, count - 1);
    return count === 0;
  });
  const leftOfA = [...surplus].flatMap(([row, count]) => Array<string>(count).fill(row));
  return [leftOfA, leftOfB];
}

interface Parsed {
  readonly text: string;
  readonly exact: string;
  readonly inexact: readonly unknown[];
}

type Pair = readonly [leftOfA: readonly Parsed[], leftOfB: readonly Parsed[]];

function inOrder(rows: readonly string[], inexact: readonly string[]): readonly Parsed[] {
  return rows
    .map((text): Parsed => {
      const parsed = readTree(text) as TreeNode;
      const others = Object.entries(parsed).filter(([name]) => !inexact.includes(name));
      return { text, exact: JSON.stringify(others), inexact: inexact.map((name) => parsed[name]) };
    })
    .toSorted(orderOfRows);
}

/** What is left when two sorted lists have given each other what is close enough. */
function withoutClose(a: readonly Parsed[], b: readonly Parsed[]): Pair {
  const leftOfA: Parsed[] = [];
  const leftOfB: Parsed[] = [];
  for (let at = 0, bt = 0; at < a.length || bt < b.length; ) {
    const [first, second] = [a[at], b[bt]];
    if (first !== undefined && second !== undefined && isSame(first, second)) {
      at += 1;
      bt += 1;
    } else if (second === undefined || (first !== undefined && orderOfRows(first, second) < 0)) {
      if (first !== undefined) leftOfA.push(first);
      at += 1;
    } else {
      leftOfB.push(second);
      bt += 1;
    }
  }
  return [leftOfA, leftOfB];
}

/** More rows than this differ in earnest. */
const MAX_ROWS_TRIED = 500;

/**
 * The same for rows whose order hangs on a last digit: two columns of doubles may put equal rows in two
 * places.
 */
function withoutCloseAnywhere(a: readonly Parsed[], b: readonly Parsed[]): Pair {
  if (a.length > MAX_ROWS_TRIED || b.length > MAX_ROWS_TRIED) return [a, b];
  const leftOfB = [...b];
  const leftOfA = a.filter((row) => {
    const twin = leftOfB.findIndex((other) => isSame(row, other));
    if (twin >= 0) leftOfB.splice(twin, 1);
    return twin < 0;
  });
  return [leftOfA, leftOfB];
}

function orderOfRows(a: Parsed, b: Parsed): number {
  return order(a.exact, b.exact) || orderOfValues(a.inexact, b.inexact);
}

function orderOfValues(a: readonly unknown[], b: readonly unknown[]): number {
  for (const [index, value] of a.entries()) {
    const other = b[index];
    const by =
      typeof value === "number" && typeof other === "number"
        ? value - other
        : order(JSON.stringify(value) ?? "", JSON.stringify(other) ?? "");
    if (by !== 0) return by;
  }
  return 0;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isSame(a: Parsed, b: Parsed): boolean {
  return a.exact === b.exact && a.inexact.every((value, index) => isClose(value, b.inexact[index]));
}

function isClose(a: unknown, b: unknown): boolean {
  if (typeof a === "number" && typeof b === "number")
    return a === b || Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((value, index) => isClose(value, b[index]));
  if (isNode(a) && isNode(b)) {
    const names = Object.keys(a);
    return names.join("\0") === Object.keys(b).join("\0") && names.every((name) => isClose(a[name], b[name]));
  }
  return JSON.stringify(a) === JSON.stringify(b);
}

function isNode(value: unknown): value is TreeNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
