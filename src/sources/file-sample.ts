/**
 * Lines of files for finding their columns: of each its start, its middle and its end, so that a fraction or
 * a name that comes late is seen. Bounded in files and bytes.
 */

import { type Sample, type SamplePart, SPOTS } from "../formats/sample.ts";
import type { Header } from "./header.ts";

/** Of more files, so many that are spread over the list. */
const MAX_SAMPLED_FILES = 64;
const MAX_SAMPLED_BYTES = 3 * 1024 * 1024;

export interface Sampling {
  /** The header of a file; undefined where files have none. */
  readonly header: ((file: string) => Promise<Header | undefined>) | undefined;
  /** Runs of whole lines behind an offset of a file's content, of so many bytes each. */
  readonly spots: (file: string, start: number, spotBytes: number) => Promise<readonly Uint8Array[]>;
}

/** Undefined where there is no file with a byte in it. */
export async function sampleFiles(
  files: readonly string[],
  { header: headerOf, spots }: Sampling,
): Promise<Sample | undefined> {
  const chosen = spread(files, MAX_SAMPLED_FILES);
  const spotBytes = Math.floor(MAX_SAMPLED_BYTES / SPOTS / Math.max(1, chosen.length));
  const parts = new Map<string, SamplePart & { readonly spots: Uint8Array[] }>();
  for (const file of chosen) {
    const header = await headerOf?.(file);
    const found = await spots(file, header?.sizeBytes ?? 0, spotBytes);
    if (found.length === 0 && header === undefined) continue;
    const key = JSON.stringify([header?.names, header?.delimiter]);
    const part = parts.get(key) ?? { spots: [], header: header?.names, delimiter: header?.delimiter };
    parts.set(key, part);
    part.spots.push(...found);
  }
  return parts.size === 0 ? undefined : { parts: [...parts.values()], isWhole: true };
}

function spread<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  return Array.from(
    { length: most },
    (_, index) => items[Math.round((index * (items.length - 1)) / (most - 1))] as T,
  );
}
