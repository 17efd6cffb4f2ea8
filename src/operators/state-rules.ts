/**
 * What decides which rows a state has, beside what its rows are: the streams that they come from, what is
 * late for them, when they are forgotten and which are kept. A job that goes on with a checkpoint must have
 * the same rules: with others, rows would be missing that nobody can bring back.
 */

import { raw } from "../duckdb/sql.ts";
import type { Stream, TimeBound } from "../sql/stream.ts";

/** By what a person calls it; compared text by text, and shown where two differ. */
export type StateRules = Readonly<Record<string, string>>;

export interface TimeRules {
  /** Of the watermark. */
  readonly sources: readonly string[];
  /** What is late; undefined where nothing is. */
  readonly late: TimeBound | undefined;
  /** When rows are forgotten; undefined where none is. */
  readonly bound: TimeBound | undefined;
}

export function timeRules({ sources, late, bound }: TimeRules): StateRules {
  const watermark = `the watermark of ${sources.toSorted().join(", ")}`;
  const textOf = (one: TimeBound | undefined): string | undefined => {
    const text = one?.(raw("watermark")).text;
    return text === "watermark" ? watermark : text && `${text}, of ${watermark}`;
  };
  return {
    "leaves out": late === undefined ? "nothing" : `rows before ${textOf(late)}`,
    forgets: bound === undefined ? "nothing" : `what ends by ${textOf(bound)}`,
  };
}

/** The stream that rows come from. */
export function inputRule({ name }: Pick<Stream, "name">): StateRules {
  return { reads: name };
}
