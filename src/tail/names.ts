/** What the names that rotation gives have in common: `app.log`, `app.log.1`, `app-20260105.log.gz`. */

import path from "node:path";

const COMPRESSED = /\.(?:gz|zst|zstd|bz2|xz|lz4|zip|Z)$/i;

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
  return byNaturalName(a, b);
}

/** A day and an hour are as long as a day, an hour, a minute and a second: `20260105`, `2026010514`. */
const STAMP_DIGITS = 14;

function ageOf(file: string): number {
  const name = path.basename(file).replace(COMPRESSED, "");
  const numbers = /[-._](\d+)(?=\.|$)/.exec(name.replaceAll(/(?<=\d)[-_T](?=\d)/g, ""));
  if (numbers?.[1] === undefined) return Number.NEGATIVE_INFINITY;
  const [, digits] = numbers;
  return digits.length < DATE_DIGITS ? Number(digits) : -Number(digits.padEnd(STAMP_DIGITS, "0"));
}

/** The log that a name like `app.log.1` or `app.log.2.gz` is of; undefined for other names. */
export function numberedLogOf(file: string): string | undefined {
  return /^(.+)\.(?:0|[1-9]\d{0,4})$/s.exec(file.replace(COMPRESSED, ""))?.[1];
}

/** By code units, but runs of digits by their number: `part-2` comes before `part-10`. */
export function byNaturalName(a: string, b: string): number {
  const [partsA, partsB] = [a, b].map((name) => name.split(/(\d+)/)) as [string[], string[]];
  for (let index = 0; index < Math.min(partsA.length, partsB.length); index += 1) {
    const order = byPart(partsA[index] ?? "", partsB[index] ?? "", index % 2 === 1);
    if (order !== 0) return order;
  }
  return partsA.length - partsB.length || (a < b ? -1 : Number(a > b));
}

function byPart(a: string, b: string, isNumber: boolean): number {
  if (!isNumber) return a < b ? -1 : Number(a > b);
  const [digitsA, digitsB] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return digitsA.length - digitsB.length || (digitsA < digitsB ? -1 : Number(digitsA > digitsB));
}
