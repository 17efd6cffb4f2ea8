/** Names of columns as SQL has them: in upper and lower case they are the same. */

import type { Column } from "../duckdb/database.ts";

/** A column of records whose values have keys. Where its key can't be its name, it has another one. */
export interface KeyedColumn extends Column {
  readonly key?: string;
}

/** What a record calls the column's value. */
export function keyOf({ name, key }: KeyedColumn): string {
  return key ?? name;
}

/** Two names that are one to SQL; undefined where each is its own. */
export function namesAlike(names: readonly string[]): readonly [string, string] | undefined {
  const seen = new Map<string, string>();
  for (const name of names) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) return [other, name];
    seen.set(name.toLowerCase(), name);
  }
  return undefined;
}

/**
 * The columns of a CSV header, each with a name of its own: an empty one is called by its place, one that is
 * there already gets a number, and a NUL, at which SQL would end, is left out.
 */
export function namesInHeader(header: readonly string[]): readonly string[] {
  const used = new Set(header.map((name) => name.toLowerCase()));
  const seen = new Set<string>();
  return header.map((written, index) => {
    const base = written.replaceAll("\0", "") || `column${index + 1}`;
    const isFirst = written === base && !seen.has(base.toLowerCase());
    const name = isFirst ? base : freeName(base, used);
    used.add(name.toLowerCase());
    seen.add(name.toLowerCase());
    return name;
  });
}

function freeName(base: string, used: ReadonlySet<string>): string {
  let name = base;
  for (let number = 2; used.has(name.toLowerCase()); number += 1) name = `${base}_${number}`;
  return name;
}

/** As few lists as can be, in each of which all keys are unlike; nearly always it is one. */
export function unlikeKeys<T extends KeyedColumn>(columns: readonly T[]): readonly (readonly T[])[] {
  const lists: { readonly columns: T[]; readonly keys: Set<string> }[] = [];
  for (const column of columns) {
    const key = keyOf(column).toLowerCase();
    let list = lists.find(({ keys }) => !keys.has(key));
    if (list === undefined) lists.push((list = { columns: [], keys: new Set() }));
    list.columns.push(column);
    list.keys.add(key);
  }
  return lists.map((list) => list.columns);
}
