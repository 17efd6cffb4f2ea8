/** Whether a table that is there can take a query's rows: all that is wrong is told at once. */

import { StreamkitError } from "../base/error.ts";

import type { Feed } from "./target.ts";

/** A column as the server has it. */
export interface TableColumn {
  readonly name: string;
  /** Its type as people write it. */
  readonly type: string;
  /** Takes neither NULL nor a default. */
  readonly isRequired: boolean;
  /** Why nobody can write to it: `generated`, `GENERATED ALWAYS AS IDENTITY`. */
  readonly unwritable?: string | undefined;
}

export interface UniqueIndex {
  readonly name: string;
  readonly columns: readonly string[];
}

interface TableFacts {
  readonly columns: readonly TableColumn[];
  readonly uniqueIndexes: readonly UniqueIndex[];
  /** Rights that are missing, as sentences. */
  readonly missingRights: readonly string[];
}

export interface Comparison {
  readonly table: string;
  readonly feed: Feed;
  readonly facts: TableFacts;
  /** Undefined where the column's type takes every value of the query's; else what would. */
  readonly narrower: (type: string, column: TableColumn) => string | undefined;
  readonly createIndex: (columns: readonly string[]) => string;
}

/** Throws code `job` with a line for each mismatch. */
export function compareTable({ table, feed, facts, narrower, createIndex }: Comparison): void {
  const wrong: string[] = [];
  const found = new Map(facts.columns.map((column) => [column.name, column]));
  for (const { name, type } of feed.columns) {
    const column = found.get(name);
    if (column === undefined) {
      const alike = [...found.keys()].find((other) => other.toLowerCase() === name.toLowerCase());
      const hint = alike === undefined ? "" : `: it has "${alike}"`;
      wrong.push(`it has no column "${name}" (${type} in the query)${hint}`);
      continue;
    }
    if (column.unwritable !== undefined) wrong.push(`column "${name}" is ${column.unwritable}: leave it out`);
    const wanted = narrower(type, column);
    if (wanted !== undefined)
      wrong.push(`column "${name}" is ${column.type}, which does not hold every ${type}: ${wanted}`);
  }
  const written = new Set(feed.columns.map(({ name }) => name));
  for (const { name, isRequired } of facts.columns)
    if (isRequired && !written.has(name))
      wrong.push(`column "${name}" is NOT NULL without a default, and the query has no such column`);
  if (feed.mode !== "append" && feed.key.length > 0 && !hasIndexOn(facts, feed.key))
    wrong.push(
      `it has no unique index on exactly the key (${feed.key.join(", ")}): ${createIndex(feed.key)}`,
    );
  wrong.push(...facts.missingRights);
  if (wrong.length === 0) return;
  throw new StreamkitError(
    "job",
    `${table} does not fit the query:${wrong.map((line) => `\n  ${line}`).join("")}`,
    { component: "database" },
  );
}

function hasIndexOn({ uniqueIndexes }: TableFacts, key: readonly string[]): boolean {
  const wanted = key.toSorted().join("\0");
  return uniqueIndexes.some(({ columns }) => columns.toSorted().join("\0") === wanted);
}
