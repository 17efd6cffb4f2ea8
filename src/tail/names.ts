/** What the names that rotation gives have in common: `app.log`, `app.log.1`, `app-20260105.log.gz`. */

import path from "node:path";

const COMPRESSED = /\.(?:gz|zst|zstd)$/i;

/**
 * Whether `name` may be what rotation made of the file at `original`: a job's `job-2.log` is none of
 * `job-1.log`, however much they are alike.
 */
export function isRotatedName(name: string, original: string): boolean {
  return path.basename(name).startsWith(stemOf(original));
}

/** The name up to its first dot: what all names of a file's rotation begin with. */
export function stemOf(file: string): string {
  const name = path.basename(file);
  const dot = name.indexOf(".", 1);
  return dot < 0 ? name : name.slice(0, dot);
}

/** Folder and name without the numbers and dates of rotation: equal for all of one log. */
export function familyOf(file: string): string {
  const name = path
    .basename(file)
    .replace(COMPRESSED, "")
    .replaceAll(/[-._]\d[\d\-_.T]*(?=\.|$)/g, "");
  return path.join(path.dirname(file), name);
}

/** Numbers of so many digits are dates. */
const DATE_DIGITS = 6;

/**
 * Orders names of one log that changed at the same time, the oldest first: `app.log.2`, `app.log.1`,
 * `app.log`; `app-20260105.log`, `app-20260106.log`, `app.log`.
 */
export function byRotation(a: string, b: string): number {
  const [ageA, ageB] = [ageOf(a), ageOf(b)];
  if (ageA !== ageB) return ageA > ageB ? -1 : 1;
  return a < b ? -1 : 1;
}

function ageOf(file: string): number {
  const name = path.basename(file).replace(COMPRESSED, "");
  const numbers = /[-._](\d+)(?=\.|$)/.exec(name.replaceAll(/(?<=\d)[-_T](?=\d)/g, ""));
  if (numbers?.[1] === undefined) return Number.NEGATIVE_INFINITY;
  return numbers[1].length < DATE_DIGITS ? Number(numbers[1]) : -Number(numbers[1]);
}
