/** What fails is not always a row: groups, windows, and rows that fail only beside others. */

import { describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/base/clock.ts";
import { verifyJob } from "../../../src/verify/verify.ts";
import { emptyFolder } from "../../support/binary.ts";
import { jobIn } from "../../verify/job.ts";
import { type Line, leftBy, linesText } from "./running.ts";

const MINUTE = "tumble(t, ts, INTERVAL 1 MINUTE)";
const line = (second: number, k: string, n: number, v = ""): Line => ({
  ts: new Date(Date.UTC(2026, 0, 5, 10, 0, second)).toISOString(),
  k,
  v,
  n,
});

function jobOf(queries: Readonly<Record<string, unknown>>, watermark = "0s"): string {
  const schema = { ts: "TIMESTAMP", k: "VARCHAR", v: "VARCHAR", n: "BIGINT" };
  return JSON.stringify({ sources: { t: { from: "file:in.ndjson", schema, watermark } }, queries });
}

async function differing(yaml: string, files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  using folder = emptyFolder();
  const stop = new AbortController().signal;
  const options = { clock: systemClock, stop, seed: 3, cuts: 2, startMs: 0 };
  const found = await verifyJob(jobIn(folder.path, yaml, files), options);
  return (found?.queries ?? []).flatMap(({ query, difference, fault }) =>
    difference === undefined && fault === undefined ? [] : [query],
  );
}

describe("a group", () => {
  const lines = [line(1, "A", 100), line(2, "B", 100), line(3, "B", 100), line(61, "B", 1), line(62, "A", 2)];
  const queries = {
    cast: `SELECT window_start, k, sum(n)::TINYINT AS s FROM ${MINUTE} GROUP BY ALL`,
    having: `SELECT window_start, k FROM ${MINUTE} GROUP BY ALL HAVING abs(sum(n)::TINYINT) > 1`,
    merged: `SELECT window_start, k, sum(n::HUGEINT * 1000000000000000000000000000000000000) AS s
      FROM ${MINUTE} GROUP BY ALL`,
    changing: { sql: "SELECT k, sum(n)::TINYINT AS s FROM t GROUP BY k", mode: "update" },
    one: { sql: "SELECT sum(n)::TINYINT AS s FROM t", state: "unbounded" },
  };
  const yaml = jobOf(queries);

  test("whose answer fails is put aside with its key; the others are given out", async () => {
    for (const bytes of [0, 80]) {
      const { rows, letters } = await leftBy(yaml, { "in.ndjson": linesText(lines) }, { bytes });
      const start = (minute: number): string => `2026-01-05T10:0${minute}:00.000Z`;
      expect(rows["cast"]).toHaveLength(3);
      expect(rows["cast"]).toContainEqual({ window_start: start(0), k: "A", s: 100 });
      expect(rows["having"]).toHaveLength(2);
      expect(rows["merged"]).toHaveLength(3);
      expect(rows["one"]).toEqual([]);
      const key = (query: string): unknown =>
        letters
          .filter((letter) => letter.query === query)
          .map(({ line: text }) => JSON.parse(text) as unknown);
      for (const query of ["cast", "having", "merged"])
        expect({ query, keys: key(query) }).toEqual({ query, keys: [{ window_start: start(0), k: "B" }] });
      expect(key("one")).toEqual([{}]);
    }
  }, 120_000);

  test("of an update is deleted where it had a row, and comes again when it is right", async () => {
    const more = [...lines, line(70, "B", -150)];
    const { rows, letters } = await leftBy(yaml, { "in.ndjson": linesText(more) }, { bytes: 80 });
    const ofB = (rows["changing"] as { k: string; s: number; _op: string }[]).filter(({ k }) => k === "B");
    expect(ofB.map(({ s, _op }) => [_op, s])).toEqual([
      ["upsert", 100],
      ["delete", 100],
      ["upsert", 51],
    ]);
    expect(letters.filter(({ query }) => query === "changing").length).toBe(2);
  }, 120_000);

  test("is left out of both sides by verify", async () => {
    expect(await differing(yaml, { "in.ndjson": linesText(lines) })).toEqual([]);
  }, 120_000);
});

test("a window whose rows fail together is put aside as a whole", async () => {
  const lines = [line(1, "A", 100), line(2, "A", 100), line(61, "A", 5), line(62, "A", 6)];
  const yaml = jobOf({
    w: `SELECT window_start, list(n ORDER BY n) AS l, list_sum(list(n))::TINYINT AS s
      FROM ${MINUTE} GROUP BY ALL`,
  });
  const files = { "in.ndjson": linesText(lines) };
  for (const bytes of [0, 80]) {
    const { rows, letters } = await leftBy(yaml, files, { bytes });
    expect(rows["w"]).toEqual([{ window_start: "2026-01-05T10:01:00.000Z", l: [5, 6], s: 11 }]);
    expect(letters).toMatchObject([
      { query: "w", source: null, line: '{"window_end":"2026-01-05T10:01:00.000Z"}' },
    ]);
  }
  expect(await differing(yaml, files)).toEqual([]);
}, 120_000);

test("of a join the row is blamed that fails alone, also where it waits for another", async () => {
  const schema = { ts: "TIMESTAMP", id: "BIGINT", x: "VARCHAR" };
  const within = "b.ts BETWEEN a.ts - INTERVAL 1 HOUR AND a.ts + INTERVAL 1 HOUR";
  const queries = {
    inner: `SELECT a.id AS a, b.id AS b FROM a JOIN b ON a.x::INT = b.x::INT AND ${within}`,
    selected: `SELECT a.id AS a, a.x::INT + b.x::INT AS s FROM a JOIN b ON a.id = b.id AND ${within}`,
    outer: `SELECT a.id AS a, b.id AS b FROM a LEFT JOIN b ON a.x::INT = b.x::INT AND ${within}`,
    changing: {
      sql: "SELECT a.id AS a, b.id AS b FROM a JOIN b ON a.x::INT = b.x::INT",
      mode: "update",
      key: ["a", "b"],
    },
  };
  const yaml = JSON.stringify({
    sources: {
      a: { from: "file:a.ndjson", schema, watermark: "1m" },
      b: { from: "file:b.ndjson", schema, watermark: "1m" },
    },
    queries,
  });
  const side = (values: readonly string[]): string =>
    values.map((x, id) => `${JSON.stringify({ ts: `2026-01-05T10:00:0${id}Z`, id, x })}\n`).join("");
  const files = { "a.ndjson": side(["1", "bad", "3", "4"]), "b.ndjson": side(["1", "2", "worse", "4"]) };
  for (const bytes of [0, 60]) {
    const { rows, letters } = await leftBy(yaml, files, { bytes });
    expect(rows["inner"]).toHaveLength(2);
    expect(rows["inner"]).toContainEqual({ a: 3, b: 3 });
    expect(rows["selected"]).toEqual([
      { a: 0, s: 2 },
      { a: 3, s: 8 },
    ]);
    expect(rows["outer"]).toHaveLength(3);
    for (const query of Object.keys(queries)) {
      const blamed = letters.filter((letter) => letter.query === query).map(({ source }) => source);
      expect({ query, blamed: [new Set(blamed), blamed.length] }).toEqual({
        query,
        blamed: [new Set(["a", "b"]), 2],
      });
    }
  }
  expect(await differing(yaml, files)).toEqual([]);
}, 240_000);
