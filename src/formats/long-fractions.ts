/**
 * Fractions in JSON with more digits than a DOUBLE has. DuckDB's reader has rounded them before anybody can
 * ask for their kind, so they are looked for in the text.
 */

import { readFile } from "node:fs/promises";

/** Digits before and behind the point, at most. */
export interface Extent {
  readonly whole: number;
  readonly scale: number;
}

/** So many digits and a point: shorter numbers are DOUBLEs, and most lines have no longer ones. */
const LONG = /\d[\d.]{16}/;
const PAIR = /"((?:[^"\\]|\\.)*)"\s*:\s*-?(\d+)\.(\d+)(?=\s*[,}])/g;

/** By key, in whatever object it stands. */
export async function longFractionsIn(path: string): Promise<ReadonlyMap<string, Extent>> {
  const found = new Map<string, Extent>();
  const text = await readFile(path, "utf8");
  if (!LONG.test(text)) return found;
  for (const line of text.split("\n")) {
    if (!LONG.test(line)) continue;
    for (const [, json = "", whole = "", fraction = ""] of line.matchAll(PAIR)) {
      if (isExact(whole, fraction)) continue;
      const key = keyOf(json);
      const before = found.get(key) ?? { whole: 0, scale: 0 };
      found.set(key, {
        whole: Math.max(before.whole, whole.length),
        scale: Math.max(before.scale, fraction.length),
      });
    }
  }
  return found;
}

/** Whether the nearest DOUBLE is written with the same digits. */
function isExact(whole: string, fraction: string): boolean {
  const written = String(Number(`${whole}.${fraction}`)).replace(/e.*$/, "");
  return significant(written) === significant(`${whole}${fraction}`);
}

function significant(digits: string): string {
  return digits.replaceAll(/\D/g, "").replace(/^0+/, "").replace(/0+$/, "");
}

function keyOf(json: string): string {
  return json.includes("\\") ? (JSON.parse(`"${json}"`) as string) : json;
}
