/** Random streams, cut into random batches. */

import fc from "fast-check";

export const SCHEMA = {
  id: "BIGINT",
  ts: "TIMESTAMP",
  k: "VARCHAR",
  price: "DOUBLE",
  n: "BIGINT",
  f: "BOOLEAN",
  d: "DECIMAL(9,2)",
} as const;

export const TABLES = { companies: "sym,name,rank\na,Alpha,1\nb,Beta,2\nb,Second,3\nz,Zeta,4\n" };

interface Cut {
  /** How many lines each batch has; 0 is a batch with nothing new. */
  readonly batches: readonly number[];
}

export interface RandomStream extends Cut {
  readonly lines: readonly string[];
}

export const START_MS = Date.UTC(2026, 0, 5, 14, 29, 30);

interface Tick {
  readonly atMs: number | null;
  readonly k: string | null;
  /** Quarters, so that sums are exact in any order. */
  readonly quarters: number | null;
  readonly n: number | bigint | null;
  readonly f: boolean | null;
  readonly cents: number | null;
  readonly repeats: boolean;
}

const tick: fc.Arbitrary<Tick> = fc.record({
  atMs: fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: 0, max: 240 }).map((seconds) => seconds * 1000) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 240_000 }) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  k: fc.constantFrom("a", "b", "c", "A", null),
  quarters: fc.option(fc.integer({ min: -20, max: 60 }), { freq: 8 }),
  n: fc.option(
    fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: -3, max: 6 }) },
      { weight: 1, arbitrary: fc.constantFrom(9_007_199_254_740_993n, -9_223_372_036_854_775_807n) },
    ),
    { freq: 8 },
  ),
  f: fc.constantFrom(true, false, null),
  cents: fc.option(fc.integer({ min: -500, max: 99_999 }), { freq: 8 }),
  repeats: fc.boolean(),
});

/**
 * `disorderSeconds` is how far times may go back; with `null` they come in any order. Ids count up, so every
 * order can be made total with them.
 */
export function streamArbitrary(
  maxLines: number,
  disorderSeconds: number | null,
): fc.Arbitrary<RandomStream> {
  return fc
    .record({
      // Left to itself, fast-check would hardly make more than ten.
      ticks: fc.array(tick, { maxLength: maxLines, size: "max" }),
      cuts: fc.array(fc.integer({ min: 0, max: maxLines }), { maxLength: 7, size: "max" }),
    })
    .map(({ ticks, cuts }) => {
      const times = ticks.map(({ atMs }) => atMs);
      const inOrder = times.filter((time) => time !== null).toSorted((a, b) => a - b);
      let next = 0;
      const lines = ticks.map((one, id) => {
        const disorderMs = one.repeats ? ((id * 7919) % 1000) * (disorderSeconds ?? 0) : 0;
        const sorted = one.atMs === null ? null : Math.max(0, (inOrder[next++] ?? 0) - disorderMs);
        return lineOf(id, disorderSeconds === null ? one.atMs : sorted, one);
      });
      const ends = [...cuts.map((cut) => cut % (lines.length + 1)), lines.length].toSorted((a, b) => a - b);
      return { lines, batches: ends.map((end, index) => end - (ends[index - 1] ?? 0)) };
    });
}

function lineOf(id: number, atMs: number | null, { k, quarters, n, f, cents }: Tick): string {
  const fields = [
    `"id":${id}`,
    ...(atMs === null ? [] : [`"ts":"${new Date(START_MS + atMs).toISOString()}"`]),
    `"k":${JSON.stringify(k)}`,
    `"price":${quarters === null ? "null" : quarters / 4}`,
    `"n":${n === null ? "null" : String(n)}`,
    `"f":${String(f)}`,
    `"d":${cents === null ? "null" : cents / 100}`,
  ];
  return `{${fields.join(",")}}`;
}

export function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/** For each batch the offset where it ends; undefined where it brings nothing. */
export function batchEnds({ lines, batches }: RandomStream): readonly (number | undefined)[] {
  let line = 0;
  let offset = 0;
  return batches.map((count) => {
    if (count === 0) return undefined;
    offset += Buffer.byteLength(textOf(lines.slice(line, line + count)));
    line += count;
    return offset;
  });
}

/**
 * The lines that the watermark rule drops from windowed queries, from 0: those whose time is before the
 * highest time of the batches before theirs, less the delay. An independent statement of the rule, line by
 * line.
 */
export function lateLines({ lines, batches }: RandomStream, delayMs: number): readonly number[] {
  const late: number[] = [];
  let watermarkMs = Number.NEGATIVE_INFINITY;
  let line = 0;
  for (const count of batches) {
    let highestMs = watermarkMs;
    for (let index = line; index < line + count; index += 1) {
      const time = /"ts":"([^"]+)"/.exec(lines[index] ?? "")?.[1];
      if (time === undefined) continue;
      if (Date.parse(time) < watermarkMs) late.push(index);
      highestMs = Math.max(highestMs, Date.parse(time) - delayMs);
    }
    watermarkMs = highestMs;
    line += count;
  }
  return late;
}
