/**
 * The project's main claim: for every query that the planner takes and every way of cutting the input into
 * batches, the rows that reached the sinks are the rows of the same SQL over the whole input. A failure
 * prints seed and path.
 */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { differences, jobOf, NEVER_LATE, runs, TIMEOUT_MS } from "./equation.ts";
import { GROUPING_KEY, groupings, turned, windowGroupings } from "./grouping-queries.ts";
import {
  chain,
  keyedAggregation,
  stateless,
  wholeAggregation,
  windowedAggregation,
  windowRows,
} from "./queries.ts";
import {
  changing,
  intervalJoins,
  SIDE_NAMES,
  seenOnce,
  sessions,
  unboundedJoins,
  unions,
  windowJoins,
} from "./stateful-queries.ts";
import type { QuerySpec } from "./streaming.ts";
import { lateLines, streamArbitrary } from "./streams.ts";

const MAX_LINES = 60;

interface Family {
  readonly runs: number;
  readonly queries: fc.Arbitrary<Readonly<Record<string, QuerySpec>>>;
  /**
   * How far times go back, and the watermark's delay; without them times come in any order and none is late.
   */
  readonly disorderSeconds?: number;
  /** The watermark's delay where rows do come late: the rule is modelled. */
  readonly delaySeconds?: number;
  readonly key?: readonly string[];
  readonly unjudged?: readonly string[];
}

function family(
  name: string,
  { runs: count, queries, disorderSeconds, delaySeconds, key = [], unjudged = [] }: Family,
): void {
  const watermark = delaySeconds ?? disorderSeconds;
  const property = fc.asyncProperty(
    queries,
    streamArbitrary(MAX_LINES, disorderSeconds ?? null),
    async (all, stream) => {
      const job = jobOf(all, watermark === undefined ? NEVER_LATE : `${watermark}s`);
      const withoutLines = delaySeconds === undefined ? [] : lateLines(stream, delaySeconds * 1000);
      expect(await differences(job, stream, { withoutLines, key, unjudged })).toBeUndefined();
    },
  );
  test(name, () => fc.assert(property, runs(count)), TIMEOUT_MS);
}

function several(query: fc.Arbitrary<string>, mode?: "update" | "complete") {
  return fc
    .array(query, { minLength: 1, maxLength: 4 })
    .map((sqls) =>
      Object.fromEntries(
        sqls.map((sql, index): [string, QuerySpec] => [
          `q${index}`,
          mode === undefined ? { sql } : { sql, mode },
        ]),
      ),
    );
}

describe("stream = batch", () => {
  family("row by row", { runs: 15, queries: several(stateless) });
  family("aggregates of windows", { runs: 15, queries: several(windowedAggregation) });
  family("aggregates of windows that close on the way", {
    runs: 18,
    queries: several(windowedAggregation),
    disorderSeconds: 20,
  });
  family("aggregates of the whole stream", { runs: 18, queries: several(wholeAggregation) });
  family("rows of windows", { runs: 15, queries: several(windowRows), disorderSeconds: 20 });
  family("chains of queries", { runs: 10, queries: chain, disorderSeconds: 20 });
  family("update mode", {
    runs: 15,
    queries: several(keyedAggregation(["f", "n % 2", "window_start", "window_end"]), "update"),
    key: ["key", "more"],
  });
  family("complete mode", {
    runs: 8,
    queries: several(keyedAggregation(["f", "n % 2"]), "complete"),
    key: ["key", "more"],
  });
  family("sessions", { runs: 15, queries: several(sessions), disorderSeconds: 20 });
  family("joins of windows", { runs: 15, queries: windowJoins, disorderSeconds: 20 });
  family("windows over several streams", { runs: 12, queries: unions, disorderSeconds: 20 });
  family("late rows, windows over several streams", {
    runs: 6,
    queries: unions,
    delaySeconds: 15,
    // What is row by row keeps late rows, and they may be first.
    unjudged: [...SIDE_NAMES, "c_all", "e_first"],
  });
  family("joins bounded by time", { runs: 25, queries: intervalJoins, disorderSeconds: 20 });
  family("joins that nothing bounds", { runs: 8, queries: unboundedJoins });
  family("what is given out once", { runs: 12, queries: several(seenOnce), disorderSeconds: 20 });
  family("answers that change", {
    runs: 25,
    queries: fc
      .array(changing, { minLength: 1, maxLength: 4 })
      .map((specs) => Object.fromEntries(specs.map((spec, index) => [`q${index}`, spec]))),
    disorderSeconds: 20,
    key: ["key", "more"],
  });
  family("every way to group", {
    runs: 15,
    queries: fc
      .array(groupings, { minLength: 1, maxLength: 4 })
      .map((specs) => Object.fromEntries(specs.map((spec, index) => [`q${index}`, spec]))),
    disorderSeconds: 20,
    key: GROUPING_KEY,
  });
  for (const [name, times] of [
    ["every way to group in windows", { disorderSeconds: 20 }],
    ["late rows, every way to group", { delaySeconds: 15 }],
  ] as const)
    family(name, { runs: 8, queries: windowGroupings.map((q) => ({ q })), ...times, key: GROUPING_KEY });
  family("rows turned into columns, and columns into rows", {
    runs: 8,
    queries: turned.map((spec) => ({ q: spec })),
    disorderSeconds: 20,
  });
  family("late rows, merged", { runs: 15, queries: several(windowedAggregation), delaySeconds: 15 });
  family("late rows, sessions", { runs: 8, queries: several(sessions), delaySeconds: 15 });
  family("late rows, joins of windows", {
    runs: 8,
    // What is row by row keeps late rows.
    queries: windowJoins.filter((all) => !/UNION ALL/.test(all["c_joined"]?.sql ?? "")),
    delaySeconds: 15,
    unjudged: SIDE_NAMES,
  });
  family("late rows, joins bounded by time", {
    runs: 12,
    queries: intervalJoins,
    delaySeconds: 15,
    unjudged: SIDE_NAMES,
  });
  family("late rows, kept", { runs: 10, queries: several(windowRows), delaySeconds: 15 });
});
