/**
 * Rows of one query that match some columns: older ones from wherever they are stored, then the hub's own.
 */

import type { Json } from "../engine/batch-progress.ts";
import type { Hub } from "./hub.ts";
import { type HistoryAnswer, plainText, type Values } from "./protocol.ts";
import { type LiveTable, rowNamer } from "./state.ts";

interface HistoryRequest {
  readonly query: string;
  /** Column → the text its value must have. */
  readonly filter: Readonly<Record<string, string>>;
  /** The newest rows count where there are more. */
  readonly maxRows: number;
}

/** Rows that were stored, in any order, at most `maxRows`; the hub's rows win over these, by key. */
export type HistorySource = (request: HistoryRequest) => Promise<readonly Readonly<Record<string, Json>>[]>;

/** A week of minutes. */
const MAX_HISTORY_ROWS = 10_080;

/** Undefined where the hub has no such query. */
export async function historyAnswer(
  hub: Hub,
  query: string,
  filter: Readonly<Record<string, string>>,
  source: HistorySource | undefined,
): Promise<HistoryAnswer | undefined> {
  if (!hub.state.tables.has(query)) return undefined;
  const stored = (await source?.({ query, filter, maxRows: MAX_HISTORY_ROWS })) ?? [];
  // Only now, with nothing to wait for any more: the hub's rows and its sequence number belong together.
  const table = hub.state.tables.get(query);
  if (table === undefined) return undefined;
  const names = table.columns.map((column) => column.name);
  const older = stored.map((row) => names.map((name) => row[name] ?? null));
  const rows = inWindowOrder(table, merged(table, older, matching(table, filter))).slice(-MAX_HISTORY_ROWS);
  return { instance: hub.instance, sequence: hub.sequence, query, columns: table.columns, rows };
}

function matching(table: LiveTable, filter: Readonly<Record<string, string>>): Values[] {
  const wanted = Object.entries(filter).map(
    ([name, text]) => [table.columns.findIndex((column) => column.name === name), text] as const,
  );
  return [...table.rows.values()].filter((values) =>
    wanted.every(([index, text]) => plainText(values[index]) === text),
  );
}

function merged(table: LiveTable, older: readonly Values[], live: readonly Values[]): Values[] {
  const nameOf = rowNamer(table);
  if (nameOf === undefined) return [...older, ...live];
  return [...new Map([...older, ...live].map((values) => [nameOf(values), values])).values()];
}

function inWindowOrder(table: LiveTable, rows: Values[]): Values[] {
  const at = table.columns.findIndex((column) => column.name === "window_start");
  if (at === -1) return rows;
  const startOf = (values: Values) => plainText(values[at]);
  return rows.toSorted((a, b) => (startOf(a) < startOf(b) ? -1 : startOf(a) > startOf(b) ? 1 : 0));
}
