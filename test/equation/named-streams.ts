/**
 * Random streams whose columns have names that also mean something else: fields of a STRUCT that are called
 * as columns, columns called as aliases, as the engine's own columns, as parameters of window functions.
 */

import fc from "fast-check";
import { type RandomStream, START_MS } from "./streams.ts";

/** Names of the engine's own, and of its macros, with a type that would not go unnoticed in their place. */
export const CLASHING = {
  _o: "BIGINT",
  _b: "VARCHAR",
  _end: "TIMESTAMP",
  _place: "BIGINT",
  _k0: "VARCHAR",
  _r0: "BIGINT",
  _having: "BOOLEAN",
  _op: "VARCHAR",
  _start: "TIMESTAMP",
  hop_no: "BIGINT",
  size: "BIGINT",
  key: "VARCHAR",
  tumble: "BIGINT",
  ticks: "BIGINT",
} as const;

const NAMED_SCHEMA = {
  id: "BIGINT",
  ts: "TIMESTAMP",
  k: "VARCHAR",
  n: "BIGINT",
  f: "BOOLEAN",
  due: "TIMESTAMP",
  s: "STRUCT(k VARCHAR, ts TIMESTAMP, n BIGINT)",
  t: "STRUCT(k BIGINT, s STRUCT(k VARCHAR), id BIGINT)",
} as const;

export type Clashing = keyof typeof CLASHING;

export function schemaWith(clashing: readonly Clashing[]): Readonly<Record<string, string>> {
  return { ...NAMED_SCHEMA, ...Object.fromEntries(clashing.map((name) => [name, CLASHING[name]])) };
}

const key = fc.constantFrom("x", "y", "z", null);
const seconds = fc.integer({ min: 0, max: 240 });
const small = fc.option(fc.integer({ min: 0, max: 3 }), { freq: 8 });
const row = fc.record({ at: seconds, due: seconds, other: seconds, k: key, sk: key, n: small, m: small });

/** Event times go back by no more than `disorderSeconds`; the other times come in any order. */
export function namedStream(
  maxLines: number,
  disorderSeconds: number,
  clashing: readonly Clashing[],
): fc.Arbitrary<RandomStream> {
  return fc
    .record({
      rows: fc.array(row, { maxLength: maxLines }),
      cuts: fc.array(fc.integer({ min: 0, max: maxLines }), { maxLength: 6 }),
    })
    .map(({ rows, cuts }) => {
      const inOrder = rows.map(({ at }) => at).toSorted((a, b) => a - b);
      const lines = rows.map(({ due, other, k, sk, n, m }, id) => {
        const back = ((id * 7919) % 100) / 100;
        const at = Math.max(0, (inOrder[id] ?? 0) - (id % 3 === 0 ? back * disorderSeconds : 0));
        const own: Record<string, unknown> = {
          id,
          ts: timeOf(at),
          k,
          n,
          f: id % 2 === 0,
          due: timeOf(due),
          s: { k: sk, ts: timeOf(other), n: m },
          t: { k: m, s: { k: sk }, id: id % 5 },
        };
        for (const name of clashing) own[name] = valueOf(CLASHING[name], id, due);
        return JSON.stringify(own);
      });
      const ends = [...cuts.map((cut) => cut % (lines.length + 1)), lines.length].toSorted((a, b) => a - b);
      return { lines, batches: ends.map((end, index) => end - (ends[index - 1] ?? 0)) };
    });
}

function timeOf(second: number): string {
  return new Date(START_MS + Math.round(second * 1000)).toISOString();
}

function valueOf(type: string, id: number, second: number): unknown {
  if (type === "TIMESTAMP") return timeOf(second);
  if (type === "BOOLEAN") return id % 3 === 0;
  return type === "VARCHAR" ? `v${second % 3}` : (second * 31) % 17;
}
