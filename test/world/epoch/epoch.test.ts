/** Event times that are numbers since 1970. */

import { describe, expect, test } from "bun:test";
import { readFiles, typesOf } from "../reading.ts";

const json = (values: readonly string[]): string => values.map((value) => `{"ts":${value},"x":1}\n`).join("");
const csv = (values: readonly string[]): string => `ts,x\n${values.map((value) => `${value},1\n`).join("")}`;

async function times(
  files: Record<string, string>,
  source: string,
): Promise<{
  readonly ts: readonly unknown[];
  readonly dead: readonly string[];
  readonly type: string | undefined;
}> {
  const read = await readFiles(files, { source });
  const ts = read.rows.map((row) => (JSON.parse(row) as { ts: unknown }).ts);
  return { ts, dead: read.dead.map(({ reason }) => reason), type: typesOf(read)["ts"] };
}

describe("numbers in the event-time column are read by their magnitude", () => {
  const VALUES: readonly (readonly [value: string, time: string])[] = [
    ["1767225600", "2026-01-01T00:00:00.000Z"],
    ["1767225600.123", "2026-01-01T00:00:00.123Z"],
    ["1767225600.123456", "2026-01-01T00:00:00.123456Z"],
    ["1767225600123", "2026-01-01T00:00:00.123Z"],
    ["1767225600123.5", "2026-01-01T00:00:00.123500Z"],
    ["1767225600123456", "2026-01-01T00:00:00.123456Z"],
    ["1767225600123456000", "2026-01-01T00:00:00.123456Z"],
    ["999999999", "2001-09-09T01:46:39.000Z"],
  ];

  test("of JSON, in quotes or not, and of CSV", async () => {
    for (const [index, [value, time]] of VALUES.entries()) {
      const wanted = { ts: [time, time], dead: [], type: "TIMESTAMP" };
      const bare = json([value, value]);
      const quoted = json([`"${value}"`, `"${value}"`]);
      const csvText = csv([value, value]);
      const ways = [
        () => times({ "in/a.ndjson": bare }, "format: json"),
        () => times({ "in/a.ndjson": quoted }, "format: json"),
        () => times({ "in/a.csv": csvText }, "format: csv"),
      ];
      // Each value in one way, the first in all of them.
      for (const [at, way] of ways.entries())
        if (index === 0 || at === index % ways.length)
          expect([value, at, await way()]).toEqual([value, at, wanted]);
    }
  });

  test("and under the name that time: gives", async () => {
    const text = '{"at":1767225600,"ts":5}\n';
    const read = await readFiles({ "in/a.ndjson": text }, { source: "format: json, time: at" });
    expect(read.rows).toEqual(['{"at":"2026-01-01T00:00:00.000Z","ts":5}']);
  });

  test("values of another magnitude are dead letters", async () => {
    const many = Array.from({ length: 60 }, (_, index) => String(1_767_225_600_000 + index));
    const read = await times({ "in/a.ndjson": json([...many, "1767225600", "0"]) }, "format: json");
    expect(read.ts.length).toBe(60);
    expect(read.dead).toEqual([
      '"ts" is no time in milliseconds since 1970, as the first ones are: 1767225600',
      '"ts" is no time in milliseconds since 1970, as the first ones are: 0',
    ]);
  });

  test("thousands of them, in a moment", async () => {
    const files = {
      "in/1.ndjson": json(Array.from({ length: 60_000 }, () => "1767225600123")),
      "in/2.ndjson": json(Array.from({ length: 3000 }, () => "1767225600")),
    };
    const read = await times(files, "format: json");
    expect([read.ts.length, read.dead.length]).toEqual([60_000, 3000]);
  });

  test("what is finer than a microsecond does not fit", async () => {
    const read = await times(
      { "in/a.csv": csv(["1767225600123456000", "1767225600123456789"]) },
      "format: csv",
    );
    expect([read.ts.length, read.dead]).toEqual([
      1,
      ['"ts" is no time in nanoseconds since 1970, as the first ones are: 1767225600123456789'],
    ]);
  });

  test("numbers that are no times stay numbers", async () => {
    for (const values of [
      ["1", "2"],
      ["1767225600", "1767225600123"],
      ["-1767225600", "-1767225601"],
    ]) {
      const read = await times({ "in/a.csv": csv(values) }, "format: csv");
      expect([read.type, read.ts, read.dead]).toEqual(["BIGINT", values.map(Number), []]);
    }
  });

  test("other columns stay numbers, and what select makes a time of is one already", async () => {
    const text = '{"ts":1767225600123,"t":1767225600123}\n';
    const select = '"* REPLACE (epoch_ms(ts) AS ts)"';
    for (const source of ["format: json", `format: json, select: ${select}`]) {
      const read = await readFiles({ "in/a.ndjson": text }, { source });
      expect(read.rows).toEqual(['{"ts":"2026-01-01T00:00:00.123Z","t":1767225600123}']);
    }
  });
});

describe("time: epoch_ms(t)", () => {
  const text = '{"t":1767225600123,"x":1}\n{"t":60000,"x":2}\n{"t":-1,"x":3}\n';

  test("makes a time of the column", async () => {
    const source = "format: json, time: epoch_ms(t), watermark: 100000d";
    const sql = "SELECT x, t, window_start AS w FROM tumble(input, t, INTERVAL 1 MINUTE)";
    const read = await readFiles({ "in/a.ndjson": text }, { source, sql });
    expect(read.rows).toEqual([
      '{"x":1,"t":"2026-01-01T00:00:00.123Z","w":"2026-01-01T00:00:00.000Z"}',
      '{"x":2,"t":"1970-01-01T00:01:00.000Z","w":"1970-01-01T00:01:00.000Z"}',
      '{"x":3,"t":"1969-12-31T23:59:59.999Z","w":"1969-12-31T23:59:00.000Z"}',
    ]);
  });

  test("or a column beside it, with AS; also where the schema is declared, in each unit", async () => {
    for (const [unit, value] of [
      ["s", "1767225600"],
      ["ms", "1767225600000"],
      ["us", "1767225600000000"],
      ["ns", "1767225600000000000"],
    ] as const) {
      for (const type of ["BIGINT", "VARCHAR"]) {
        const source = `format: json, schema: { t: ${type} }, time: "epoch_${unit}(t) AS came"`;
        const read = await readFiles(
          { "in/a.ndjson": `{"t":${value}}\n` },
          { source, sql: "SELECT came FROM input" },
        );
        expect([unit, type, read.rows]).toEqual([unit, type, ['{"came":"2026-01-01T00:00:00.000Z"}']]);
      }
    }
  });

  test("works for the groups of a pattern, and what is no number is a dead letter", async () => {
    const source = `format: regex, pattern: '(?<t>\\S+) (?<m>.*)', time: epoch_s(t)`;
    const read = await readFiles({ "in/a.log": "1767225600.5 hello\nyesterday x\n" }, { source });
    expect(read.rows).toEqual(['{"t":"2026-01-01T00:00:00.500Z","m":"hello"}']);
    expect(read.dead.map(({ reason }) => reason)).toEqual([
      '"t" is no time in seconds since 1970: yesterday',
    ]);
  });

  test("what is wrong with it is told", async () => {
    const wrong = (time: string): Promise<unknown> =>
      readFiles({ "in/a.ndjson": text }, { source: `format: json, time: "${time}"` });
    expect(wrong("epoch_m(t)")).rejects.toThrow("epoch_s(COLUMN), epoch_ms(COLUMN)");
    expect(wrong("epoch_ms(u)")).rejects.toThrow('there is no column "u": found t, x');
    expect(wrong("epoch_ms(t) AS x")).rejects.toThrow('there is a column "x" already');
    expect(wrong("x")).rejects.toThrow("epoch_ms(x)");
  });
});

test("files are read in the order of their epoch times, with records of several lines", async () => {
  const files = {
    "in/1.csv": 'ts;note\n1767229200;"a\nb"\n1767229201;c\n',
    "in/2.csv": 'ts;note\n1767225600;"d\ne"\n1767225601;f\n',
  };
  const sql =
    "SELECT window_start AS w, count(*) AS n FROM tumble(input, ts, INTERVAL 1 MINUTE) GROUP BY ALL";
  for (const batchBytes of [1, 20, 1000]) {
    const read = await readFiles(files, { source: "format: csv", sql, batchBytes });
    expect([batchBytes, read.rows.toSorted(), read.dead]).toEqual([
      batchBytes,
      ['{"w":"2026-01-01T00:00:00.000Z","n":2}', '{"w":"2026-01-01T01:00:00.000Z","n":2}'],
      [],
    ]);
  }
});
