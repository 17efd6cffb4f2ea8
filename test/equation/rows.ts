/** Comparing answers: rows as multisets, changes applied by key. Tested itself, in `rows.test.ts`. */

import { readTree, type TreeNode } from "../../src/duckdb/syntax.ts";
import type { Answer } from "./batch-answer.ts";

/** Doubles are equal up to this share of their size. */
const TOLERANCE = 1e-9;

/** What differs, in words; undefined where the two are the same multiset. */
export function difference(found: readonly string[], expected: Answer): string | undefined {
  const foundRows = inOrder(found, expected.inexact);
  const expectedRows = inOrder(expected.rows, expected.inexact);
  if (
    foundRows.length !== expectedRows.length ||
    !foundRows.every((row, index) => isSame(row, expectedRows[index]))
  )
    return describe(found, expected.rows);
  return undefined;
}

const OPERATION = /,"_op":"\w+","_batch":\d+\}$/;

/** The rows that remain when the changes of an update-mode query are applied by key. */
export function applied(lines: readonly string[], key: readonly string[]): readonly string[] {
  const rows = new Map<string, string>();
  for (const line of lines) {
    const row = readTree(line) as TreeNode;
    const name = JSON.stringify(key.map((column) => row[column] ?? null));
    if (row["_op"] === "delete") {
      if (!rows.delete(name)) throw new Error(`A row that was not there is deleted: ${line}`);
    } else rows.set(name, line.replace(OPERATION, "}"));
  }
  return [...rows.values()];
}

export function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}

interface Parsed {
  readonly exact: string;
  readonly inexact: readonly unknown[];
}

function inOrder(rows: readonly string[], inexact: readonly string[]): readonly Parsed[] {
  return rows
    .map((row): Parsed => {
      const parsed = readTree(row) as TreeNode;
      const others = Object.entries(parsed).filter(([name]) => !inexact.includes(name));
      return { exact: JSON.stringify(others), inexact: inexact.map((name) => parsed[name]) };
    })
    .toSorted((a, b) => order(a.exact, b.exact) || orderOfValues(a.inexact, b.inexact));
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

function isSame(found: Parsed, expected: Parsed | undefined): boolean {
  return (
    expected !== undefined &&
    found.exact === expected.exact &&
    found.inexact.every((value, index) => isClose(value, expected.inexact[index]))
  );
}

function isClose(a: unknown, b: unknown): boolean {
  if (typeof a === "number" && typeof b === "number")
    return a === b || Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((value, index) => isClose(value, b[index]));
  return JSON.stringify(a) === JSON.stringify(b);
}

const SHOWN_ROWS = 6;

function describe(found: readonly string[], expected: readonly string[]): string {
  const without = (rows: readonly string[], others: readonly string[]): string => {
    const left = [...others];
    const only = rows.filter((row) => {
      const index = left.indexOf(row);
      if (index >= 0) left.splice(index, 1);
      return index < 0;
    });
    return only
      .slice(0, SHOWN_ROWS)
      .map((row) => `\n    ${row}`)
      .join("");
  };
  return `${found.length} rows, ${expected.length} expected
  only in the stream: ${without(found, expected)}
  only in the batch: ${without(expected, found)}`;
}
