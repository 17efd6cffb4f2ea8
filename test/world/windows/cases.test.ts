/** Windows whose rows were found by hand, and those that are refused. */

import { describe, expect, test } from "bun:test";
import { messageOf } from "../../../src/base/error.ts";
import { linesOf } from "../../../src/verify/rows.ts";
import { differenceToBatch } from "../../equation/equation.ts";
import { type JobSpec, openStreaming } from "../../equation/streaming.ts";
import { textOf } from "../../equation/streams.ts";

type Row = Readonly<Record<string, unknown>>;

/** What the query `q` gives, a batch a line, where that is also what the batch gives. */
async function answerOf(
  queries: JobSpec["queries"],
  rows: readonly Row[],
  timeType = "TIMESTAMP",
): Promise<readonly Row[]> {
  const lines = rows.map((row) => JSON.stringify(row));
  const job: JobSpec = { schema: { ts: timeType, v: "BIGINT" }, watermark: "0s", tables: {}, queries };
  const streaming = await openStreaming(job, textOf(lines), { isDurable: false });
  try {
    for (const index of lines.keys())
      await streaming.batch(Buffer.byteLength(textOf(lines.slice(0, index + 1))), false);
    await streaming.batch(undefined, true);
    expect(await differenceToBatch(job, streaming)).toBeUndefined();
    return linesOf(streaming.written("q")).map((line) => JSON.parse(line) as Row);
  } finally {
    await streaming.close();
  }
}

/** `start end sum` of each window, in order. */
/** Why a call is refused. */
async function refusal(answer: Promise<unknown>): Promise<string> {
  return answer.then(
    () => "taken",
    (error: unknown) => messageOf(error),
  );
}

async function windows(call: string, rows: readonly Row[], timeType?: string): Promise<readonly string[]> {
  const sql = `SELECT window_start, window_end, sum(v) AS s FROM ${call} GROUP BY ALL`;
  const found = await answerOf({ q: { sql } }, rows, timeType);
  return found
    .map((row) => `${short(row["window_start"])} ${short(row["window_end"])} ${String(row["s"])}`)
    .toSorted();
}

const short = (time: unknown): string => String(time).replace(/(?::00)?(?:\.000)?Z$/, "");

const MINUTES: readonly Row[] = [
  { ts: "2026-01-05T10:00:30Z", v: 1 },
  { ts: "2026-01-05T10:03:30Z", v: 10 },
  { ts: "2026-01-05T10:04:30Z", v: 100 },
];
const MONTH_ENDS: readonly Row[] = [
  { ts: "2026-01-30T12:00:00Z", v: 1 },
  { ts: "2026-01-31T12:00:00Z", v: 10 },
  { ts: "2026-02-28T12:00:00Z", v: 100 },
];

describe("sizes that are no multiple of the step", () => {
  test("hop", async () => {
    expect(await windows("hop(ticks, ts, INTERVAL 2 MINUTE, INTERVAL 5 MINUTE)", MINUTES)).toEqual([
      "2026-01-05T09:56 2026-01-05T10:01 1",
      "2026-01-05T09:58 2026-01-05T10:03 1",
      "2026-01-05T10:00 2026-01-05T10:05 111",
      "2026-01-05T10:02 2026-01-05T10:07 110",
      "2026-01-05T10:04 2026-01-05T10:09 100",
    ]);
  });

  test("hop with gaps: a row between two windows is in none", async () => {
    expect(await windows("hop(ticks, ts, INTERVAL 5 MINUTE, INTERVAL 2 MINUTE)", MINUTES)).toEqual([
      "2026-01-05T10:00 2026-01-05T10:02 1",
    ]);
  });

  test("cumulate: the last window is the whole size", async () => {
    expect(await windows("cumulate(ticks, ts, INTERVAL 2 MINUTE, INTERVAL 5 MINUTE)", MINUTES)).toEqual([
      "2026-01-05T10:00 2026-01-05T10:02 1",
      "2026-01-05T10:00 2026-01-05T10:04 11",
      "2026-01-05T10:00 2026-01-05T10:05 111",
    ]);
  });

  test("of less than a millisecond", async () => {
    const rows = [
      { ts: "2026-01-05T10:00:00.000100Z", v: 1 },
      { ts: "2026-01-05T10:00:00.000600Z", v: 10 },
    ];
    expect(await windows("hop(ticks, ts, INTERVAL 200 MICROSECOND, INTERVAL 500 MICROSECOND)", rows)).toEqual(
      [
        "2026-01-05T09:59:59.999800 2026-01-05T10:00:00.000300 1",
        "2026-01-05T10:00 2026-01-05T10:00:00.000500 1",
        "2026-01-05T10:00:00.000200 2026-01-05T10:00:00.000700 10",
        "2026-01-05T10:00:00.000400 2026-01-05T10:00:00.000900 10",
        "2026-01-05T10:00:00.000600 2026-01-05T10:00:00.001100 10",
      ],
    );
  });

  test("hop by months, of days; and by days, of a month", async () => {
    expect(await windows("hop(ticks, ts, INTERVAL 1 MONTH, INTERVAL 31 DAY)", MONTH_ENDS)).toEqual([
      "2026-01-01T00:00 2026-02-01T00:00 11",
      "2026-02-01T00:00 2026-03-04T00:00 100",
    ]);
    expect(await windows("hop(ticks, ts, INTERVAL 14 DAY, INTERVAL 1 MONTH)", MONTH_ENDS)).toEqual([
      "2026-01-12T00:00 2026-02-12T00:00 11",
      "2026-01-26T00:00 2026-02-26T00:00 11",
      "2026-02-09T00:00 2026-03-09T00:00 100",
      "2026-02-23T00:00 2026-03-23T00:00 100",
    ]);
  });

  test("hop of months and days together", async () => {
    const call = "hop(ticks, ts, INTERVAL 1 MONTH, INTERVAL '1 month 15 days')";
    expect(await windows(call, MONTH_ENDS)).toEqual([
      "2026-01-01T00:00 2026-02-16T00:00 11",
      "2026-02-01T00:00 2026-03-16T00:00 100",
    ]);
  });

  test("windows over windows of months", async () => {
    const found = await answerOf(
      {
        months: {
          sql: "SELECT window_start AS m, sum(v) AS v FROM tumble(ticks, ts, INTERVAL 1 MONTH) GROUP BY ALL",
        },
        q: {
          sql: `SELECT window_start, list(v ORDER BY v) AS vs
                FROM tumble(months, m, INTERVAL 1 QUARTER) GROUP BY ALL`,
        },
      },
      [...MONTH_ENDS, { ts: "2026-03-31T23:59:59Z", v: 1000 }, { ts: "2026-04-01T00:00:00Z", v: 7 }],
    );
    expect(found).toEqual([
      { window_start: "2026-01-01T00:00:00.000Z", vs: [11, 100, 1000] },
      { window_start: "2026-04-01T00:00:00.000Z", vs: [7] },
    ]);
  });

  test("windows over hopping windows of months and days", async () => {
    const found = await answerOf(
      {
        hops: {
          sql: `SELECT window_start AS m, sum(v) AS v
                FROM hop(ticks, ts, INTERVAL 1 DAY, INTERVAL '1 month 1 day') GROUP BY ALL`,
        },
        q: {
          sql: "SELECT window_start, sum(v) AS v FROM tumble(hops, m, INTERVAL 1 MONTH) GROUP BY ALL",
        },
      },
      [
        { ts: "2026-01-30T13:00:00Z", v: 1 },
        { ts: "2026-03-01T11:00:00Z", v: 10 },
        { ts: "2026-03-03T00:00:00Z", v: 0 },
      ],
    );
    expect(found.reduce((sum, { v }) => sum + Number(v), 0)).toBe(31 + 1 + 290);
  });
});

describe("alignment and origin", () => {
  const days: readonly Row[] = [
    { ts: "2026-01-05T05:59:59Z", v: 1 },
    { ts: "2026-01-05T06:00:00Z", v: 10 },
    { ts: "2026-01-12T00:00:00Z", v: 100 },
  ];

  test("weeks begin on Mondays", async () => {
    expect(await windows("tumble(ticks, ts, INTERVAL 7 DAY)", days)).toEqual([
      "2026-01-05T00:00 2026-01-12T00:00 11",
      "2026-01-12T00:00 2026-01-19T00:00 100",
    ]);
  });

  test("an origin, by its name or in its place", async () => {
    const expected = [
      "2026-01-04T06:00 2026-01-05T06:00 1",
      "2026-01-05T06:00 2026-01-06T06:00 10",
      "2026-01-11T06:00 2026-01-12T06:00 100",
    ];
    const origin = "TIMESTAMP '2026-06-01 06:00:00'";
    expect(await windows(`tumble(ticks, ts, INTERVAL 1 DAY, origin := ${origin})`, days)).toEqual(expected);
    expect(await windows(`tumble(ticks, ts, INTERVAL 1 DAY, ${origin})`, days)).toEqual(expected);
    expect(
      await windows(`hop(ticks, ts, INTERVAL 1 DAY, INTERVAL 1 DAY, origin := ${origin})`, days),
    ).toEqual(expected);
    expect(await windows(`cumulate(ticks, ts, INTERVAL 2 DAY, INTERVAL 1 DAY, ${origin})`, days)).toEqual(
      expected,
    );
  });

  test("an origin before a quarter: the year of an account", async () => {
    expect(
      await windows("tumble(ticks, ts, INTERVAL 12 MONTH, origin := DATE '2000-04-01')", [
        { ts: "2024-02-29T23:59:59Z", v: 1 },
        { ts: "2024-04-01T00:00:00Z", v: 10 },
      ]),
    ).toEqual(["2023-04-01T00:00 2024-04-01T00:00 1", "2024-04-01T00:00 2025-04-01T00:00 10"]);
  });

  test("windows of two origins do not split a join", async () => {
    const sql = `SELECT a.v, b.v AS w FROM tumble(ticks, ts, INTERVAL 1 DAY) a
      JOIN tumble(ticks, ts, INTERVAL 1 DAY, origin := TIMESTAMP '2026-01-01 06:00:00') b
        ON a.window_start = b.window_start AND a.v = b.v`;
    expect(await refusal(answerOf({ q: { sql } }, days))).toMatch(/without bound/);
  });
});

describe("times of other types", () => {
  const rows: readonly { readonly ts: string | null; readonly v: number }[] = [
    { ts: "2026-01-05", v: 1 },
    { ts: "2026-01-06", v: 10 },
    { ts: "2026-01-20", v: 100 },
    { ts: null, v: 1000 },
  ];

  test("DATE", async () => {
    expect(await windows("tumble(ticks, ts, INTERVAL 7 DAY)", rows, "DATE")).toEqual([
      "2026-01-05 2026-01-12T00:00 11",
      "2026-01-19 2026-01-26T00:00 100",
      "null null 1000",
    ]);
    expect(await windows("hop(ticks, ts, INTERVAL 2 DAY, INTERVAL 3 DAY)", rows.slice(1, 2), "DATE")).toEqual(
      ["2026-01-06T00:00 2026-01-09T00:00 10", "2026-01-04T00:00 2026-01-07T00:00 10"].toSorted(),
    );
    const sql =
      "SELECT window_start, list(v ORDER BY v) AS vs FROM tumble(ticks, ts, INTERVAL 1 MONTH) GROUP BY ALL";
    const months = await answerOf({ q: { sql } }, rows, "DATE");
    expect(months).toHaveLength(2);
    expect(months).toContainEqual({ window_start: "2026-01-01", vs: [1, 10, 100] });
    expect(months).toContainEqual({ window_start: null, vs: [1000] });
  });

  test.each(["TIMESTAMPTZ", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"])("%s", async (type) => {
    const times = rows.map(({ ts, v }) => ({ ts: ts === null ? null : `${ts} 00:00:00+00`, v }));
    const texts = type === "TIMESTAMPTZ" ? times : rows;
    expect(await windows("tumble(ticks, ts, INTERVAL 7 DAY)", texts, type)).toEqual([
      "2026-01-05T00:00 2026-01-12T00:00 11",
      "2026-01-19T00:00 2026-01-26T00:00 100",
      "null null 1000",
    ]);
    expect(
      await windows(
        "hop(ticks, ts, INTERVAL 1 MONTH, INTERVAL 45 DAY, origin := DATE '2025-12-01')",
        texts.slice(0, 3),
        type,
      ),
    ).toEqual(["2025-12-01T00:00 2026-01-15T00:00 11", "2026-01-01T00:00 2026-02-15T00:00 111"]);
  });
});

describe("refused in plain words", () => {
  test.each([
    ["tumble(ticks, ts, INTERVAL 0 SECOND)", /not longer than nothing/],
    ["tumble(ticks, ts, INTERVAL '-1' DAY)", /not longer than nothing/],
    ["hop(ticks, ts, INTERVAL 0 DAY, INTERVAL 1 DAY)", /not longer than nothing/],
    ["hop(ticks, ts, INTERVAL 1 DAY, INTERVAL '1 month -40 days')", /not longer than nothing/],
    ["cumulate(ticks, ts, INTERVAL 1 DAY, INTERVAL '-1' MONTH)", /not longer than nothing/],
    ["tumble(ticks, ts, INTERVAL '1 month 1 day')", /months and days/],
    ["hop(ticks, ts, INTERVAL '1 month 1 hour', INTERVAL 2 MONTH)", /months and days/],
    ["hop(ticks, ts, INTERVAL 1 MICROSECOND, INTERVAL 1 DAY)", /86400000000 windows/],
    ["tumble(ticks, ts, INTERVAL 1 DAY, origin := ts)", /differs from row to row/],
    ["tumble(ticks, ts, INTERVAL 1 DAY, origin := INTERVAL 6 HOUR)", /no time but INTERVAL/],
    ["tumble(ticks, ts, INTERVAL 1 DAY, origin := 'infinity'::TIMESTAMP)", /origin is no time/],
    ["tumble(ticks, ts, INTERVAL 1 DAY, origin := NULL::TIMESTAMP)", /origin is no time/],
    ["tumble(ticks, ts, INTERVAL 1 MONTH, origin := DATE '2026-01-15')", /begin with a month/],
    ["session(ticks, ts, INTERVAL 1 DAY, v, origin := DATE '2026-01-15')", /session\(\)/],
  ])("%s", async (call, reason) => {
    expect(await refusal(windows(call, MINUTES))).toMatch(reason);
  });

  test("windows that begin within the days of a DATE", async () => {
    const rows = [{ ts: "2026-01-05", v: 1 }];
    expect(await refusal(windows("tumble(ticks, ts, INTERVAL 5 HOUR)", rows, "DATE"))).toMatch(/is a DATE/);
    expect(await windows("tumble(ticks, ts, INTERVAL 6 HOUR)", rows, "DATE")).toEqual([
      "2026-01-05 2026-01-05T06:00 1",
    ]);
  });
});
