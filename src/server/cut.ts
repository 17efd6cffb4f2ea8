/**
 * What a page can show of a row: the first columns, and of each value its first characters, with a mark where
 * something was cut off.
 */

import { digitsOf, type Json, writeExactJson } from "../base/exact-json.ts";
import type { QueryOutput } from "../engine/batch-progress.ts";
import type { Column } from "./protocol.ts";

export interface CellBounds {
  readonly maxColumns: number;
  readonly maxCellChars: number;
}

/** Stands in the place of all columns beyond the bound. */
const MORE_COLUMNS: Column = { name: "…", type: "VARCHAR" };

/** The columns of the key, then the others, as many as there may be. */
export function shownColumns(
  { columns, key }: Pick<QueryOutput, "columns" | "key">,
  { maxColumns }: CellBounds,
): readonly Column[] {
  if (columns.length <= maxColumns) return columns;
  const named = new Set(key.slice(0, maxColumns));
  let room = maxColumns - named.size;
  const shown = columns.filter(({ name }) => {
    if (named.has(name)) return true;
    room -= 1;
    return room >= 0;
  });
  return [...shown, MORE_COLUMNS];
}

/** Of values that differ, what is shown differs too: it may be a row's name. */
export function cutCell(value: Json, { maxCellChars }: CellBounds): Json {
  if (value === null || typeof value === "number" || typeof value === "boolean") return value;
  const text = typeof value === "string" ? value : writeExactJson(value);
  if (text.length <= maxCellChars) return value;
  if (digitsOf(value) !== undefined) return value;
  return `${text.slice(0, maxCellChars)}… (${text.length} characters, ${fingerprint(text)})`;
}

/** Characters that a row takes, about. */
export function sizeOfRow(values: readonly Json[]): number {
  let size = 0;
  for (const value of values) size += sizeOfCell(value);
  return size;
}

/** What a number or a quoted nothing takes. */
const LEAST_CELL_CHARS = 8;

function sizeOfCell(value: Json): number {
  if (typeof value === "string") return value.length + LEAST_CELL_CHARS;
  return value !== null && typeof value === "object" ? writeExactJson(value).length : LEAST_CELL_CHARS;
}

/** FNV-1a. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
