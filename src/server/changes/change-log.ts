/**
 * A compacted log of one query's changes: the latest change of each row, in the order of their numbers. From
 * any number on it tells what has changed since, each row once. So a slow reader is given fewer and newer
 * rows, and nothing is kept for a reader but the number that it has reached.
 */

import { type Json, writeExactJson } from "../../base/exact-json.ts";
import { sizeOfRow } from "../cut.ts";
import type { Column, TableDelta, Values } from "../protocol.ts";
import { rowNamer } from "../state.ts";

export interface LogBounds {
  readonly maxRows: number;
  /** Of an append query without a key; its oldest row goes first. */
  readonly maxAppendRows: number;
  readonly maxChars: number;
  /** Deletions that are remembered for readers who have not heard of them. */
  readonly maxDeletions: number;
}

export const LOG_BOUNDS: LogBounds = {
  maxRows: 20_000,
  maxAppendRows: 10_000,
  maxChars: 4 * 2 ** 20,
  maxDeletions: 10_000,
};

export interface Change {
  /** Counts the query's changes from 1; rows that were left out before they came here have numbers too. */
  readonly sequence: number;
  readonly batch: number;
  readonly isDeleted: boolean;
  readonly values: Values;
  /** The row as a JSON object. */
  readonly text: string;
  /** The query's rows that were left out up to here. */
  readonly omittedRows: number;
}

/** How far a reader has come. */
export interface Cursor {
  /** Of the last change it was given, or passed over. */
  readonly sequence: number;
  /** The last change when its snapshot began: of what was forgotten up to there it needs nothing. */
  readonly base: number;
}

export interface ChangesPart {
  readonly changes: readonly Change[];
  /** Where to go on. */
  readonly cursor: Cursor;
  /** Whether what the reader has is void: the changes are all rows there are, or the first of them. */
  readonly isSnapshot: boolean;
  /** Whether there is more already. */
  readonly hasMore: boolean;
  /** Rows of the query that the reader can't have any more. */
  readonly omittedRows: number;
}

export interface ChangeLog {
  readonly query: string;
  readonly mode: TableDelta["mode"];
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  /** Of the last change; 0 before the first. */
  readonly sequence: number;
  readonly rowCount: number;
  readonly omittedRows: number;
  readonly chars: number;
  apply(batch: number, delta: TableDelta): void;
  /** From the start without a cursor. `maxChars` bounds the rows; a single larger one is given too. */
  after(cursor: Cursor | undefined, matches: Matcher, maxChars: number): ChangesPart;
  /** The last rows, at most `maxRows`. */
  rows(matches: Matcher, maxRows: number): readonly Change[];
  /** Forgets the oldest rows until the others take so much. */
  shrinkTo(maxChars: number): void;
}

/** Which of some changes a reader wants; it may use an index, and keeps their order. */
export type Matcher = (changes: readonly Change[]) => readonly Change[];

interface Entry extends Change {
  readonly name: string;
  readonly size: number;
  isSuperseded: boolean;
}

const MIN_COMPACTED = 256;

export function openChangeLog(first: TableDelta, bounds: LogBounds = LOG_BOUNDS): ChangeLog {
  let { mode, key, columns } = first;
  let nameOf = rowNamer(first);
  let entries: Entry[] = [];
  let latest = new Map<string, Entry>();
  let sequence = 0;
  let omittedRows = 0;
  let superseded = 0;
  let deletions = 0;
  let chars = 0;
  /** Readers who have not come past it lack something that is not here any more. */
  let forgottenUpTo = 0;

  function supersede(entry: Entry): void {
    entry.isSuperseded = true;
    superseded += 1;
    chars -= entry.size;
    if (entry.isDeleted) deletions -= 1;
    latest.delete(entry.name);
  }

  function forget(entry: Entry): void {
    supersede(entry);
    forgottenUpTo = Math.max(forgottenUpTo, entry.sequence);
  }

  function append(batch: number, values: Values, isDeleted: boolean): void {
    sequence += 1;
    const name = nameOf?.(values) ?? String(sequence);
    const before = latest.get(name);
    if (before !== undefined) supersede(before);
    const size = sizeOfRow(values);
    keep(entryOf({ name, sequence, batch, isDeleted, values, omittedRows, size, columns }));
  }

  function keep(entry: Entry): void {
    entries.push(entry);
    latest.set(entry.name, entry);
    chars += entry.size;
    if (entry.isDeleted) deletions += 1;
  }

  /** Rows keep their values by the columns' names. Keyed ones are new changes: their readers begin anew. */
  function reshape(delta: TableDelta): void {
    const from = delta.columns.map(({ name }) => columns.findIndex((old) => old.name === name));
    const wasAppended = nameOf === undefined;
    const kept = entries
      .filter((entry) => !entry.isSuperseded && !entry.isDeleted)
      .map((entry) => ({ ...entry, values: from.map((index): Json => entry.values[index] ?? null) }));
    ({ mode, key, columns } = delta);
    nameOf = rowNamer(delta);
    entries = [];
    latest = new Map();
    [chars, deletions, superseded] = [0, 0, 0];
    if (wasAppended && nameOf === undefined) {
      for (const entry of kept) keep(entryOf({ ...entry, size: sizeOfRow(entry.values), columns }));
      return;
    }
    sequence += 1;
    forgottenUpTo = sequence;
    for (const { batch, values } of kept) append(batch, values, false);
  }

  function compact(maxChars: number): void {
    const maxRows = nameOf === undefined ? bounds.maxAppendRows : bounds.maxRows;
    let excessRows = latest.size - deletions - maxRows;
    let excessDeletions = deletions - bounds.maxDeletions;
    for (const entry of entries) {
      if (excessRows <= 0 && excessDeletions <= 0 && chars <= maxChars) break;
      if (entry.isSuperseded) continue;
      const isExcess = entry.isDeleted ? excessDeletions > 0 : excessRows > 0 || chars > maxChars;
      if (!isExcess) continue;
      if (entry.isDeleted) excessDeletions -= 1;
      else excessRows -= 1;
      forget(entry);
    }
    if (superseded < MIN_COMPACTED || superseded * 2 < entries.length) return;
    entries = entries.filter((entry) => !entry.isSuperseded);
    superseded = 0;
  }

  /** The first entry whose number is beyond `after`. */
  function indexAfter(after: number): number {
    let [low, high] = [0, entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((entries[middle]?.sequence ?? 0) <= after) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Appended rows that are forgotten are left out, and counted; keyed ones would be wrong without it. */
  function lacksForgotten({ sequence: reached, base }: Cursor): boolean {
    return nameOf !== undefined && Math.max(reached, base) < forgottenUpTo;
  }

  function omittedBetween(after: number, last: number, passed: readonly Entry[]): number {
    // Each append row has its own number, and stays until it is forgotten.
    if (nameOf === undefined) return last - after - passed.length;
    const known = entries[indexAfter(after) - 1]?.omittedRows ?? 0;
    return Math.max(0, (passed.at(-1)?.omittedRows ?? known) - known);
  }

  return {
    query: first.query,
    get mode() {
      return mode;
    },
    get key() {
      return key;
    },
    get columns() {
      return columns;
    },
    get sequence() {
      return sequence;
    },
    get rowCount() {
      return latest.size - deletions;
    },
    get omittedRows() {
      return omittedRows;
    },
    get chars() {
      return chars;
    },
    apply(batch, delta) {
      const isSameShape =
        JSON.stringify([mode, key, columns]) === JSON.stringify([delta.mode, delta.key, delta.columns]);
      if (!isSameShape) reshape(delta);
      sequence += delta.omittedRows;
      omittedRows += delta.omittedRows;
      const isDeleted = new Set(delta.deleted);
      const replacesAll = mode === "complete" && key.length === 0 && delta.rows.length > 0;
      if (replacesAll) {
        const names = new Set(delta.rows.map((values) => nameOf?.(values)));
        const before = [...latest.values()];
        for (const entry of before)
          if (!entry.isDeleted && !names.has(entry.name)) append(batch, entry.values, true);
      }
      for (const [index, values] of delta.rows.entries()) append(batch, values, isDeleted.has(index));
      compact(bounds.maxChars);
    },
    after(cursor, matches, maxChars) {
      const isVoid = cursor === undefined || cursor.sequence > sequence || lacksForgotten(cursor);
      const { sequence: start, base } = isVoid ? { sequence: 0, base: sequence } : cursor;
      const passed: Entry[] = [];
      let taken = 0;
      let index = indexAfter(start);
      for (; index < entries.length && taken < maxChars; index += 1) {
        const entry = entries[index];
        if (entry === undefined || entry.isSuperseded || (isVoid && entry.isDeleted)) continue;
        passed.push(entry);
        taken += entry.size;
      }
      const hasMore = index < entries.length;
      const last = hasMore ? (passed.at(-1)?.sequence ?? sequence) : sequence;
      return {
        changes: matches(passed),
        cursor: { sequence: last, base },
        isSnapshot: isVoid,
        hasMore,
        omittedRows: isVoid ? 0 : omittedBetween(start, last, passed),
      };
    },
    rows(matches, maxRows) {
      const all = entries.filter((entry) => !entry.isSuperseded && !entry.isDeleted);
      return matches(all).slice(-maxRows);
    },
    shrinkTo: compact,
  };
}

type EntryParts = Omit<Entry, "text" | "isSuperseded"> & { readonly columns: readonly Column[] };

/** Its text is made when somebody first wants it, once for all. */
function entryOf({ columns, ...parts }: EntryParts): Entry {
  let text: string | undefined;
  return {
    ...parts,
    isSuperseded: false,
    get text() {
      text ??= writeExactJson(
        Object.fromEntries(columns.map(({ name }, index) => [name, parts.values[index] ?? null])),
      );
      return text;
    },
  };
}
