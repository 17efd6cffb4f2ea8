/**
 * Names that a column which is found in the input can't have, though a key of it may be so called: one odd
 * line must not make a job wrong that is right without it.
 */

import type { LoadedJob } from "../job/load.ts";
import { resolveSource } from "../sources/list.ts";
import { includesName } from "../sql/syntax-facts.ts";
import { WINDOW_COLUMNS } from "../sql/windows.ts";

/** What the job itself names is its own affair: it says what is wrong with that. */
export function takenNames({ config }: LoadedJob, source: string): (name: string) => boolean {
  const own = config.sources[source];
  const { kind, options } = own === undefined ? { kind: undefined, options: {} } : resolveSource(own.from);
  const beside = [
    ...(kind?.attributes?.(options) ?? []).map(({ name }) => name),
    ...(own?.received === undefined ? [] : [own.received]),
  ];
  const words = new Set(
    JSON.stringify(config)
      .toLowerCase()
      .match(/[\p{L}\p{N}_$]+/gu),
  );
  const hasWindows = ["tumble", "hop", "cumulate", "session"].some((word) => words.has(word));
  return (name) => {
    if (includesName(beside, name)) return true;
    if (words.has(name.toLowerCase()) && !includesName(WINDOW_COLUMNS, name)) return false;
    if (kind?.hasPartitions === true && includesName(["rowid"], name)) return true;
    return name.startsWith("_") || (hasWindows && includesName(WINDOW_COLUMNS, name));
  };
}
