/** Sessions where rows that nobody sees hold them together, and where their gap is one of the calendar. */

import { expect, test } from "bun:test";
import { appliedRows, linesOf } from "../../src/verify/rows.ts";
import { batchAnswer, difference } from "./answers.ts";
import { TIMEOUT_MS } from "./equation.ts";
import { type JobSpec, openStreaming, type QuerySpec } from "./streaming.ts";

const SCHEMA = { id: "BIGINT", ts: "TIMESTAMP", k: "VARCHAR", n: "BIGINT" };

interface Case {
  /** Times of the key `a`, or of the one before `@`; those in brackets are of rows that WHERE leaves out. */
  readonly times: string;
  readonly query: QuerySpec;
  readonly watermark?: string;
}

const session = (gap: string): string => `session(ticks, ts, INTERVAL ${gap}, k)`;
const counted = (gap: string, where = ""): QuerySpec => ({
  sql: `SELECT k, window_start, window_end, count(*) AS c FROM ${session(gap)} ${where} GROUP BY ALL`,
});
const SECONDS = "2026-01-05T14:30:00Z [2026-01-05T14:30:08Z] 2026-01-05T14:30:16Z";

const CASES: Readonly<Record<string, Case>> = {
  "a row that is left out holds a session together": {
    times: SECONDS,
    query: counted("10 SECOND", "WHERE n > 0"),
  },
  "the same in a subquery": {
    times: SECONDS,
    query: {
      sql: `SELECT k, max(c) AS m FROM (${counted("10 SECOND", "WHERE n > 0").sql}) GROUP BY k, window_end`,
    },
  },
  "the same in update mode": {
    times: SECONDS,
    query: { ...counted("10 SECOND", "WHERE n > 0"), mode: "update", key: ["k", "window_start"] },
  },
  "a month is 30 days between two rows, and one of the calendar at the end": {
    times: "2026-01-31T00:00:00Z 2026-03-01T12:00:00Z 2026-04-15T00:00:00Z",
    query: counted("1 MONTH"),
    watermark: "1d",
  },
  "the same with rows": {
    times: "2026-01-31T00:00:00Z b@2026-03-01T06:00:00Z 2026-03-01T12:00:00Z 2026-04-15T00:00:00Z",
    query: { sql: `SELECT id, window_start, window_end FROM ${session("1 MONTH")}` },
  },
  "a year is 360 days between two rows": {
    times: "2024-02-29T00:00:00Z 2025-02-22T00:00:00Z 2026-02-20T00:00:00Z 2026-02-21T00:00:00Z",
    query: counted("1 YEAR"),
  },
  "months and days": {
    times: "2026-01-30T00:00:00Z 2026-03-02T00:00:00Z 2026-04-02T00:00:00Z 2026-04-02T00:00:00.000001Z",
    query: counted("'1 month 1 day'"),
  },
  "a microsecond": {
    times: "2026-01-05T14:30:00.000001Z 2026-01-05T14:30:00.000002Z 2026-01-05T14:30:00.000004Z",
    query: counted("2 MICROSECOND"),
  },
};

/** Each row is a batch of its own. */
async function differenceOf({ times, query, watermark = "0s" }: Case): Promise<string | undefined> {
  const lines = times.split(" ").map((text, id) => {
    const isHidden = text.startsWith("[");
    const [time = "", key = "a"] = text.replaceAll(/[[\]]/g, "").split("@").toReversed();
    return `{"id":${id},"ts":"${time}","k":"${key}","n":${isHidden ? 0 : 1}}\n`;
  });
  const job: JobSpec = { schema: SCHEMA, tables: {}, watermark, queries: { q: query } };
  const streaming = await openStreaming(job, lines.join(""), { isDurable: false });
  try {
    let end = 0;
    for (const line of lines) await streaming.batch((end += line.length), false);
    await streaming.batch(undefined, true);
    const written = linesOf(streaming.written("q"));
    const found = query.mode === undefined ? written : appliedRows(written, query.key ?? []);
    return difference(found, (await batchAnswer(job, streaming)).get("q") ?? { rows: [], inexact: [] });
  } finally {
    await streaming.close();
  }
}

for (const [name, one] of Object.entries(CASES))
  test(name, async () => expect(await differenceOf(one)).toBeUndefined(), TIMEOUT_MS);
