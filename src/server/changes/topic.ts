/**
 * A topic: the changes of one query, or those of some of its keys, as text. It is encoded once for all its
 * readers: those who have come equally far are given the same string.
 */

import { type Json, writeExactJson } from "../../base/exact-json.ts";
import { plainText } from "../protocol.ts";
import type { Change, ChangeLog, ChangesPart, Cursor, Matcher } from "./change-log.ts";

/** Column → the values that are wanted, any of them. No column: all rows. */
export type KeyFilter = Readonly<Record<string, readonly Json[]>>;

/** What a reader is given. */
export interface Part extends ChangesPart {
  /** As JSON; made when it is first asked for. */
  readonly text: () => string;
}

export interface Topic {
  readonly id: number;
  readonly log: ChangeLog;
  /** Its last rows, at most `maxRows`. */
  rows(maxRows: number): readonly Change[];
  /** Undefined where there is nothing new. */
  next(cursor: Cursor | undefined): Part | undefined;
}

/** Of the rows of one message, about; a client that does not read holds one message and no more. */
const MAX_MESSAGE_CHARS = 64 * 1024;

export function openTopic(id: number, log: ChangeLog, filter: KeyFilter): Topic {
  const matches = matcherOf(log, filter);
  const parts = new Map<string, Part>();
  let partsOf = -1;
  return {
    id,
    log,
    rows: (maxRows) => log.rows(matches, maxRows),
    next(cursor) {
      if (cursor !== undefined && cursor.sequence === log.sequence) return undefined;
      if (partsOf !== log.sequence) parts.clear();
      partsOf = log.sequence;
      const name = cursor === undefined ? "" : `${cursor.sequence} ${cursor.base}`;
      let part = parts.get(name);
      if (part === undefined) {
        part = encodedOnce(id, log, log.after(cursor, matches, MAX_MESSAGE_CHARS));
        parts.set(name, part);
      }
      return part;
    },
  };
}

function encodedOnce(topic: number, log: ChangeLog, part: ChangesPart): Part {
  let text: string | undefined;
  return {
    ...part,
    text() {
      text ??= messageText(topic, log, part);
      return text;
    },
  };
}

function messageText(topic: number, log: ChangeLog, part: ChangesPart): string {
  const head = {
    type: part.isSnapshot ? "snapshot" : "delta",
    topic,
    sequence: part.cursor.sequence,
    more: part.hasMore,
    omitted: part.omittedRows,
    // They change where a job that was changed goes on.
    ...(part.isSnapshot ? { query: log.query, mode: log.mode, key: log.key, columns: log.columns } : {}),
  };
  const rows = part.changes.filter((change) => !change.isDeleted).map(textOf);
  const deleted = part.changes.filter((change) => change.isDeleted).map(textOf);
  return `${writeExactJson(head).slice(0, -1)},"rows":[${rows.join(",")}],"deleted":[${deleted.join(",")}]}`;
}

function textOf({ text }: Change): string {
  return text;
}

function matcherOf(log: ChangeLog, filter: KeyFilter): Matcher {
  const wanted = Object.entries(filter).map(
    ([name, values]) => [name, new Set(values.map((value) => plainText(value)))] as const,
  );
  if (wanted.length === 0) return (changes) => changes;
  return (changes) => {
    const columns = wanted.map(
      ([name, values]) => [log.columns.findIndex((column) => column.name === name), values] as const,
    );
    return changes.filter(({ values }) => columns.every(([at, texts]) => texts.has(plainText(values[at]))));
  };
}

/** One text for all ways to write the same filter. */
export function filterText(filter: KeyFilter): string {
  return JSON.stringify(
    Object.entries(filter)
      .map(
        ([name, values]) => [name, [...new Set(values.map((value) => plainText(value)))].toSorted()] as const,
      )
      .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
  );
}
