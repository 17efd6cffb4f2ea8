/** Whether a query's answer splits by windows, so that a window can be answered when it closes. */

import { writeTree } from "../duckdb/syntax.ts";
import type { StoredScan, StoredScans } from "../operators/stored-scans.ts";
import type { Partitioning, PartitioningKey } from "../sql/partitioning-keys.ts";
import { leastOf, type TimeBound } from "../sql/stream.ts";
import type { WindowColumns } from "../sql/window-time.ts";

/**
 * The output columns that hold the window; undefined where the answer does not split by windows, or its
 * places have windows of different kinds or sizes.
 */
export function localWindow(
  { places }: StoredScans,
  { keys, lineages }: Partitioning,
): WindowColumns | undefined {
  const [first] = places;
  if (first?.window === undefined) return undefined;
  const windowText = ({ window }: StoredScan): string =>
    window === undefined
      ? ""
      : `${window.kind} ${writeTree(window.parameters)} ${writeTree(window.origin ?? null)}`;
  if (places.some((place) => windowText(place) !== windowText(first))) return undefined;
  const columnOf = (key: PartitioningKey): string | undefined => {
    const names = new Set(places.map((_, index) => windowColumn(places[index], key.get(index))));
    const [only] = names;
    return names.size === 1 ? only : undefined;
  };
  const splits = new Set(keys.map(columnOf));
  // Sessions of different keys or streams may begin together and end apart.
  const isOneStore = new Set(places.map(({ storeName }) => storeName)).size === 1;
  const isByStart = first.window.kind !== "session" || (isOneStore && splits.has("session key"));
  const isLocal = splits.has("window_end") || (splits.has("window_start") && isByStart);
  if (!isLocal) return undefined;
  const held = new Map<string, "window_start" | "window_end">();
  for (const [name, holding] of lineages) {
    const column = holding.map(columnOf).find((one) => one === "window_start" || one === "window_end");
    if (column === "window_start" || column === "window_end") held.set(name, column);
  }
  return held;
}

/** What a place's column is to its window. A subquery's own names of window columns are its aggregation's. */
function windowColumn(place: StoredScan | undefined, column: string | undefined): string | undefined {
  if (place === undefined || column === undefined) return undefined;
  if (column === place.sessionKey) return "session key";
  return place.windowColumns.get(column);
}

/** What the watermark means for the windows of all places together: the least of what it means for each. */
export function leastBound(places: readonly StoredScan[]): TimeBound | undefined {
  return leastOf(places.flatMap(({ timing }) => timing?.bound ?? []));
}
