/**
 * Where rotation put what the globs don't match: beside the log, under a name that begins like it. A folder
 * is read once, however many of its files are looked for.
 */

import { readdirSync, realpathSync } from "node:fs";
import path from "node:path";
import type { Listed } from "./listing.ts";
import { stemOf } from "./names.ts";

export interface Search {
  /** Looks for what became of the file, for a while. */
  add(file: string, untilMs: number): void;
  /** Everything that may be it. */
  found(look: (file: string) => Listed | undefined): readonly Listed[];
  /** Ends what was looked for long enough; says of a file whether that was among it. */
  end(nowMs: number): ((file: string) => boolean) | undefined;
}

export function openSearch(): Search {
  /** By folder, the names' beginnings, and until when each is looked for. */
  const folders = new Map<string, Map<string, number>>();
  return {
    add(file, untilMs) {
      for (const place of placesOf(file)) {
        const folder = path.dirname(place);
        const stems = folders.get(folder) ?? new Map<string, number>();
        folders.set(folder, stems.set(stemOf(place), untilMs));
      }
    },
    found: (look) =>
      [...folders].flatMap(([folder, stems]) =>
        namesIn(folder)
          .filter((name) => beginsWithOneOf(name, stems))
          .flatMap((name) => look(path.join(folder, name)) ?? []),
      ),
    end(nowMs) {
      const ended = new Set<string>();
      for (const [folder, stems] of folders) {
        for (const [stem, untilMs] of stems)
          if (nowMs > untilMs && stems.delete(stem)) ended.add(path.join(folder, stem));
        if (stems.size === 0) folders.delete(folder);
      }
      if (ended.size === 0) return undefined;
      return (file) => ended.has(path.join(path.dirname(file), stemOf(file)));
    },
  };
}

/** Where it is, and where that leads to: rotation renames what a symbolic link is to. */
function placesOf(file: string): readonly string[] {
  try {
    return [...new Set([file, realpathSync(file)])];
  } catch {
    return [file];
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function beginsWithOneOf(name: string, stems: ReadonlyMap<string, unknown>): boolean {
  for (let length = 1; length <= name.length; length += 1) if (stems.has(name.slice(0, length))) return true;
  return false;
}
