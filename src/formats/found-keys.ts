/**
 * From the keys of the first records to columns. Whatever a key is, it costs no more than itself: one that
 * can be no column is left out, and one whose name is taken gets another. Both are told.
 */

import { type KeyedColumn, namesInHeader } from "./column-names.ts";

/** A record may have more keys: those beyond, of the keys that the fewest lines have, are left out. */
const MAX_FOUND_COLUMNS = 1000;
const MAX_KEY_CHARACTERS = 255;
const MAX_KEYS_TOLD = 5;

/** A key, and how many lines have it. */
interface FoundKey {
  readonly key: string;
  /** As the input has it, where the key is another one. */
  readonly written?: string;
  readonly lines: number;
}

interface FoundNames {
  readonly columns: readonly Required<Pick<KeyedColumn, "name" | "key">>[];
  /** What a person must know of them. */
  readonly notes: readonly string[];
}

/** The keys are in the order of their columns. `isTaken`: whether a column can't have this name. */
export function namesOfKeys(keys: readonly FoundKey[], isTaken: (name: string) => boolean): FoundNames {
  const usable = keys.filter(({ key }) => isUsable(key));
  const common = new Set(usable.toSorted((a, b) => b.lines - a.lines).slice(0, MAX_FOUND_COLUMNS));
  const kept = usable.filter((found) => common.has(found));
  const used = new Set<string>();
  const own = new Set<string>();
  for (const { key } of kept) {
    if (isTaken(key) || used.has(key.toLowerCase())) continue;
    used.add(key.toLowerCase());
    own.add(key);
  }
  const named = kept.map((found) => ({ found, name: own.has(found.key) ? found.key : freeName(found.key) }));
  return {
    columns: named.map(({ found: { key }, name }) => ({ key, name })),
    notes: notesOf(
      named.map(({ found, name }) => ({ name, written: writtenAs(found) })),
      keys.filter((found) => !common.has(found)),
    ),
  };

  function freeName(key: string): string {
    const base = key.replace(/^_+/, "") || "column";
    for (let number = 1; ; number += 1) {
      const name = number === 1 ? base : `${base}_${number}`;
      if (isTaken(name) || used.has(name.toLowerCase())) continue;
      used.add(name.toLowerCase());
      return name;
    }
  }
}

/** The same of the names in the first line of CSV. */
export function namesOfHeader(
  header: readonly string[],
  isTaken: (name: string) => boolean = () => false,
): FoundNames {
  const keys = namesInHeader(header).map((key, index) => ({ key, lines: 1, written: header[index] ?? key }));
  return namesOfKeys(keys, isTaken);
}

/** Columns with their keys, where those are others than their names. */
export function withKeys<T extends KeyedColumn>(
  columns: readonly T[],
  keyNamed: ReadonlyMap<string, string>,
): readonly T[] {
  return columns.map((column) => {
    const key = keyNamed.get(column.name);
    return key === undefined || key === column.name ? column : { ...column, key };
  });
}

/** SQL has no name without a letter, and its text would end at a NUL. */
function isUsable(key: string): boolean {
  return key !== "" && key.length <= MAX_KEY_CHARACTERS && !key.includes("\0");
}

function writtenAs({ key, written }: FoundKey): string {
  return written ?? key;
}

function notesOf(
  columns: readonly { readonly name: string; readonly written: string }[],
  leftOut: readonly FoundKey[],
): string[] {
  const renamed = columns
    .filter(({ name, written }) => name !== written)
    .map(({ name, written }) => `${shown(written)} is the column "${name}"`);
  const without = leftOut.map((found) => shown(writtenAs(found)));
  return [
    ...(renamed.length === 0 ? [] : [`other names for keys that can't be a column's: ${told(renamed)}`]),
    ...(without.length === 0 ? [] : [`keys of the first lines that are left out: ${told(without)}`]),
  ];
}

function told(texts: readonly string[]): string {
  const more = texts.length > MAX_KEYS_TOLD ? ` and ${texts.length - MAX_KEYS_TOLD} more` : "";
  return texts.slice(0, MAX_KEYS_TOLD).join(", ") + more;
}

function shown(key: string): string {
  return JSON.stringify(key.length > 40 ? `${key.slice(0, 40)}…` : key);
}
