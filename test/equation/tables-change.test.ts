/**
 * The equation where static tables change on the way: what a query in update mode gave out before is taken
 * back as it was given out, and its answer is that of all rows with the tables of now; also when the job is
 * closed and opened again in between, and when a batch dies that has seen a table whose file changes once
 * more.
 */

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { differenceToBatch, NEVER_LATE, runs, TIMEOUT_MS } from "./equation.ts";
import { type CrashPoint, type JobSpec, openStreaming, type QuerySpec, type Streaming } from "./streaming.ts";
import { batchEnds, type RandomStream, SCHEMA, streamArbitrary, textOf } from "./streams.ts";

const { constantFrom, record, array } = fc;

const update = (sql: string): QuerySpec => ({ sql, mode: "update", key: ["k", "name"] });

const QUERIES: Readonly<Record<string, QuerySpec>> = {
  joined: update(`SELECT k, name, list(id ORDER BY id) AS ids FROM ticks JOIN companies ON sym = k
    GROUP BY k, name`),
  counted:
    update(`SELECT k, c.name, count(*) AS c, max(rank) AS r FROM ticks LEFT JOIN companies c ON c.sym = k
    GROUP BY k, c.name`),
  two: update(`SELECT k, region AS name, count(DISTINCT id) AS c, sum(n) AS s FROM ticks
    JOIN Companies ON sym = k JOIN regions USING (rank) GROUP BY k, region`),
  listed: update(`SELECT k, f AS name, median(price) AS m FROM ticks
    WHERE k IN (SELECT sym FROM companies WHERE rank > 1) GROUP BY k, f`),
  none: update(`SELECT k, f AS name, count(*) AS c FROM ticks ANTI JOIN companies ON sym = k GROUP BY k, f`),
  windows: update(`SELECT window_start AS k, name, list(id ORDER BY id) AS ids
    FROM tumble(ticks, ts, INTERVAL 1 MINUTE) JOIN companies ON sym = k GROUP BY ALL`),
  first: update(`SELECT k, name, id FROM ticks JOIN companies ON sym = k
    QUALIFY row_number() OVER (PARTITION BY k, name ORDER BY rank, id) = 1`),
  whole: update(
    `SELECT 1 AS k, 2 AS name, count(*) AS c, max(name) AS last FROM ticks JOIN companies ON sym = k`,
  ),
};

const company = record({
  sym: constantFrom("a", "b", "c", "z"),
  name: constantFrom("Alpha", "Beta", "Gamma"),
  rank: constantFrom(1, 2, 3),
});
const companies = array(company, { minLength: 1, maxLength: 4 }).map((rows) =>
  ["sym,name,rank", ...rows.map(({ sym, name, rank }) => `${sym},${name},${rank}`), ""].join("\n"),
);
const regions = array(record({ rank: constantFrom(1, 2, 3), region: constantFrom("north", "south") }), {
  minLength: 1,
  maxLength: 3,
}).map((rows) => ["rank,region", ...rows.map(({ rank, region }) => `${rank},${region}`), ""].join("\n"));

interface Step {
  readonly companies: string | null;
  readonly regions: string | null;
  /** Before the batch is repeated that died. */
  readonly again: string | null;
  readonly what: "run" | "restart" | CrashPoint;
}
const step: fc.Arbitrary<Step> = record({
  companies: fc.option(companies),
  regions: fc.option(regions, { freq: 2 }),
  again: fc.option(companies, { freq: 2 }),
  what: constantFrom("run", "run", "restart", "before sinks", "between sinks", "before commit"),
});

async function runWith(streaming: Streaming, stream: RandomStream, steps: readonly Step[]): Promise<void> {
  const write = (name: string, text: string | null | undefined): void => {
    if (text !== null && text !== undefined) writeFileSync(path.join(streaming.folder, `${name}.csv`), text);
  };
  for (const [index, end] of batchEnds(stream).entries()) {
    const step = steps[index];
    const what = step?.what ?? "run";
    write("companies", step?.companies);
    write("regions", step?.regions);
    if (what === "restart") await streaming.restart();
    if (what === "run" || what === "restart") await streaming.batch(end, false);
    else await streaming.crash(end, false, what, () => write("companies", step?.again));
  }
  // One more sees what the file of a repeated batch was not; then the end closes all windows.
  await streaming.batch(undefined, false);
  await streaming.batch(undefined, true);
}

test(
  "static tables that change",
  async () => {
    const property = fc.asyncProperty(
      fc.subarray(Object.keys(QUERIES), { minLength: 1, maxLength: 3 }),
      streamArbitrary(25, null),
      array(step, { maxLength: 8 }),
      companies,
      async (names, stream, steps, first) => {
        const job: JobSpec = {
          schema: SCHEMA,
          tables: { companies: first, regions: "rank,region\n1,north\n2,south\n" },
          watermark: NEVER_LATE,
          queries: Object.fromEntries(names.map((name) => [name, QUERIES[name] ?? { sql: "" }])),
        };
        const streaming = await openStreaming(job, textOf(stream.lines), { isDurable: true });
        try {
          await runWith(streaming, stream, steps);
          expect(await differenceToBatch(job, streaming, { key: ["k", "name"] })).toBeUndefined();
        } finally {
          await streaming.close();
        }
      },
    );
    await fc.assert(property, runs(12));
  },
  TIMEOUT_MS,
);
