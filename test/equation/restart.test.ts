/** The same equation over restarts and crashes: each row reaches its sinks once. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { batchAnswer, difference, parquetRows } from "./answers.ts";
import { differenceToBatch, jobOf, runs, TIMEOUT_MS } from "./equation.ts";
import { chain, windowedAggregation, windowRows } from "./queries.ts";
import { changing, intervalJoins, seenOnce, sessions, windowJoins } from "./stateful-queries.ts";
import { type CrashPoint, type JobSpec, openStreaming, type Streaming } from "./streaming.ts";
import { batchEnds, type RandomStream, streamArbitrary, textOf } from "./streams.ts";

type Event = "run" | "restart" | CrashPoint;

const EVENTS: readonly Event[] = ["run", "restart", "before sinks", "between sinks", "before commit"];
const event = fc.constantFrom(...EVENTS);

/** All queries of one run name their rows by the same columns. */
function renamed(sql: string): string {
  return `SELECT * RENAME (key AS k, more AS window_start) FROM (${sql})`;
}

/** Parquet has no negative intervals. */
const queries = fc
  .record({
    chain,
    merged: windowedAggregation,
    session: sessions,
    join: windowJoins,
    apart: intervalJoins,
    seen: seenOnce,
    live: changing.map((spec) => ({ ...spec, sql: renamed(spec.sql), key: ["k", "window_start"] })),
    kept: windowRows.filter((sql) => !sql.includes("INTERVAL 1 SECOND *")),
  })
  .map(({ chain, merged, kept, session, join, apart, seen, live }) => ({
    ...chain,
    j_session: { sql: session },
    k_seen: { sql: seen },
    l_live: live,
    ...join,
    m_joined: join["c_joined"] ?? { sql: kept },
    ...apart,
    g_merged: { sql: merged },
    h_kept: { sql: kept },
    i_live: {
      sql: `SELECT k, window_start, count(*) AS c, last(id) AS l
        FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY ALL`,
      mode: "update" as const,
    },
  }));

async function runWith(streaming: Streaming, stream: RandomStream, events: readonly Event[]): Promise<void> {
  const ends = [...batchEnds(stream), undefined];
  for (const [index, end] of ends.entries()) {
    const what = events[index] ?? "run";
    const isLast = index === ends.length - 1;
    if (what === "run") await streaming.batch(end, isLast, ends[index + 1]);
    else if (what === "restart") {
      await streaming.restart();
      await streaming.batch(end, isLast);
    } else await streaming.crash(end, isLast, what);
  }
}

async function differenceAfter(
  job: JobSpec,
  stream: RandomStream,
  events: readonly Event[],
): Promise<string | undefined> {
  const streaming = await openStreaming(job, textOf(stream.lines), { isDurable: true });
  try {
    await runWith(streaming, stream, events);
    const inFiles = await differenceToBatch(job, streaming, { key: ["k", "window_start"] });
    if (inFiles !== undefined) return inFiles;
    const answers = await batchAnswer(job, streaming);
    for (const name of job.parquet ?? []) {
      const answer = answers.get(name) ?? { rows: [], inexact: [] };
      const found = difference(await parquetRows(streaming, name), answer);
      if (found !== undefined) return `Parquet table ${name}: ${found}`;
    }
    return undefined;
  } finally {
    await streaming.close();
  }
}

describe("stream = batch", () => {
  test(
    "over restarts and crashes",
    () =>
      fc.assert(
        fc.asyncProperty(
          queries,
          streamArbitrary(60, 20),
          fc.array(event, { minLength: 8, maxLength: 8 }),
          async (all, stream, events) => {
            const job = { ...jobOf(all, "20s"), parquet: ["b_small", "h_kept"] };
            expect(await differenceAfter(job, stream, events)).toBeUndefined();
          },
        ),
        runs(7),
      ),
    TIMEOUT_MS,
  );

  test(
    "of JSON, which Parquet tables hold as text",
    async () => {
      const from = "FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY window_start";
      const queries = {
        whole: { sql: `SELECT window_start, json_group_object(id, k) AS o ${from}` },
        inside: { sql: `SELECT window_start, list(to_json(price) ORDER BY id) AS prices ${from}` },
        text: { sql: `SELECT window_start, json_group_array(id)::VARCHAR AS ids ${from}` },
      };
      const job = { ...jobOf(queries, "20s"), parquet: Object.keys(queries) };
      await fc.assert(
        fc.asyncProperty(streamArbitrary(20, 20), async (stream) => {
          expect(await differenceAfter(job, stream, ["run", "restart"])).toBeUndefined();
        }),
        runs(2),
      );
    },
    TIMEOUT_MS,
  );
});
