/** Faulty readers in the engine's place: the independent reading must notice each. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/base/clock.ts";
import { type Database, openDatabase } from "../../../src/duckdb/database.ts";
import { raw, type Sql, sql } from "../../../src/duckdb/sql.ts";
import type { Format, Shape } from "../../../src/formats/format.ts";
import { readingText } from "../../../src/verify/reading/words.ts";
import { verificationText } from "../../../src/verify/report.ts";
import { verifyJob } from "../../../src/verify/verify.ts";
import { emptyFolder } from "../../support/binary.ts";
import { jobIn } from "../job.ts";
import { checked, type Way } from "./check.ts";

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 1 });
});
afterAll(() => database.close());

/** The format with `value` in the place of what it makes of column `v`. */
function otherwise(value: string): (format: Format) => Format {
  return (format) =>
    faulty(
      format,
      (path, shape) => sql`SELECT * REPLACE (${raw(value)} AS v)
    FROM (${raw(format.read(path, shape).text)})`,
    );
}

/** DuckDB's own casts, as a reader without rules has them. */
function byCast(format: Format): Format {
  const isCsv = format.name === "csv";
  return faulty(format, (path, { columns }) => {
    const types = columns.map(({ name, type }) => sql`${name}: ${type}`);
    return isCsv
      ? sql`FROM read_csv(${path}, auto_detect = false, header = false, columns = {${types}})`
      : sql`FROM read_json(${path}, format = 'newline_delimited', columns = {${types}})`;
  });
}

function faulty(format: Format, read: (path: string, shape: Shape) => Sql): Format {
  const { exact: _exact, findUnfit: _findUnfit, ...rest } = format;
  return { ...rest, read };
}

const json = (type: string, value: string, fault: (format: Format) => Format, more: Partial<Way> = {}) =>
  [{ format: "json", columns: { v: type }, fault, ...more }, `{"v":${value}}\n`] as const;
const csv = (type: string, value: string, fault: (format: Format) => Format, more: Partial<Way> = {}) =>
  [{ format: "csv", columns: { v: type, w: "VARCHAR" }, fault, ...more }, `${value},x\n`] as const;

const FAULTS: Readonly<Record<string, readonly [way: Way, text: string]>> = {
  "a fraction rounded to an integer": json("BIGINT", "1.5", byCast),
  "a fraction in CSV rounded": csv("INTEGER", "2.5", byCast),
  "a boolean as a number": json("BIGINT", "true", byCast),
  "a number as a boolean": json("BOOLEAN", "1", byCast),
  "a decimal rounded": json("DECIMAL(9,2)", "1.005", byCast),
  "a decimal by way of DOUBLE": json("DECIMAL(38,10)", "12345678901234567890.1234567891", byCast),
  "digits of an id lost": json("BIGINT", "9007199254740993", otherwise("v::DOUBLE::BIGINT")),
  "digits of a HUGEINT lost": csv(
    "HUGEINT",
    "123456789012345678901234567891",
    otherwise("v::DOUBLE::HUGEINT"),
  ),
  "an id rounded to a FLOAT": json("FLOAT", "16777217", otherwise("16777216::FLOAT")),
  "an id rounded to a DOUBLE": csv("DOUBLE", "9007199254740993", byCast),
  "leading zeros lost": csv("VARCHAR", "007", otherwise("v::BIGINT::VARCHAR")),
  "a plus lost": csv("VARCHAR", "+49", otherwise("v::BIGINT::VARCHAR")),
  "a zero behind the point lost": json("VARCHAR", "1.10", byCast),
  "an offset dropped": json("TIMESTAMP", '"2026-01-05T12:00:00+02:00"', otherwise("v + INTERVAL 2 HOUR")),
  "an offset dropped in CSV": csv(
    "TIMESTAMP",
    "2026-01-05 12:00:00-0530",
    otherwise("v - INTERVAL 330 MINUTE"),
  ),
  "a local time read as UTC": csv("TIMESTAMP", "2026-07-05 12:00:00", otherwise("v + INTERVAL 2 HOUR"), {
    timezone: "Europe/Berlin",
  }),
  "winter's offset in summer": json("TIMESTAMP", '"2026-07-05 12:00:00"', otherwise("v + INTERVAL 1 HOUR"), {
    timezone: "Europe/Berlin",
  }),
  "the first of two equal clock times": json(
    "TIMESTAMP",
    '"2026-10-25 02:30:00"',
    otherwise("v - INTERVAL 1 HOUR"),
    {
      timezone: "Europe/Berlin",
    },
  ),
  "an instant moved": json(
    "TIMESTAMP WITH TIME ZONE",
    '"2026-01-05T12:00:00Z"',
    otherwise("v + INTERVAL 1 HOUR"),
  ),
  "nanoseconds cut": json(
    "TIMESTAMP_NS",
    '"2026-01-05T12:00:00.123456789Z"',
    otherwise("v::TIMESTAMP::TIMESTAMP_NS"),
  ),
  "a day moved": csv("DATE", "2026-03-01", otherwise("(v - INTERVAL 1 DAY)::DATE")),
  "a time cut off a day": json("DATE", '"2026-01-05T23:00:00"', byCast),
  "a DOUBLE by way of FLOAT": json("DOUBLE", "0.1", otherwise("v::FLOAT::DOUBLE")),
  "the sign of a zero lost": csv("DOUBLE", "-0.0", otherwise("v + 0.0")),
  "a text cut": csv("VARCHAR", '"a,""b"', otherwise("left(v, 2)")),
  "a value lost": json("VARCHAR", '""', otherwise("nullif(v, '')")),
  "letters in another encoding": json("VARCHAR", '"h\\u00e9"', otherwise("replace(v, 'é', 'Ã©')")),
  "a line refused that fits": json("BIGINT", "1", otherwise("error('Invalid Input Error: no')")),
  "lines joined": csv("VARCHAR", "a,b\nc", (format) =>
    faulty(
      { ...format, mayJoinLines: false },
      (path, shape) => sql`FROM (${raw(format.read(path, shape).text)}) LIMIT 1`,
    ),
  ),
  "only what select: computes is right": json("BIGINT", "1.5", byCast, { select: "2 AS v" }),
};

describe("a faulty reading is noticed", () => {
  for (const [name, [way, text]] of Object.entries(FAULTS))
    test(name, async () => {
      const { fault: _fault, ...right } = way;
      expect(readingText(await checked(database, right, text)).join("\n")).toMatch(/ equals? an independent/);
      const facts = await checked(database, way, text);
      expect(facts.differing, readingText(facts).join("\n")).toBe(1);
    });
});

test("a difference names file, byte, column, what is written and both readings", async () => {
  const [way] = json("TIMESTAMP", "", otherwise("v + INTERVAL 2 HOUR"));
  const facts = await checked(database, way, '{"v":null}\n\n{"v":"2026-01-05T12:00:00+02:00"}\n');
  expect(readingText(facts)).toEqual([
    "reading: 1 line differs from an independent reading (json) of 2 values of 1 column",
    '  in, byte 1012, "v" (TIMESTAMP): the line says "2026-01-05T12:00:00+02:00"',
    "    independent reading: 2026-01-05T10:00:00.000Z; engine: 2026-01-05T12:00:00.000Z",
  ]);
});

test("what is not compared is said: types, objects as text, formats, later lines", async () => {
  const columns = { id: "BIGINT", tags: "VARCHAR[]", u: "UUID", v: "VARCHAR" };
  const facts = await checked(database, { format: "json", columns }, '{"id":1,"tags":["a"],"v":{"a":1}}\n');
  expect(readingText(facts).join()).toBe(
    "reading: 1 value of 2 columns equals an independent reading (json); " +
      "not compared: tags (VARCHAR[]), u (UUID), " +
      "1 value (objects and lists in VARCHAR)",
  );
  const syslog = await checked(database, { format: "syslog", columns: {} }, "<34>Oct 11 22:14:15 h su: x\n");
  expect(readingText(syslog).join()).toBe(
    "reading: not compared: no independent reader of format syslog is there",
  );
  const many = '{"id":7}\n'.repeat(10_500);
  const sample = await checked(database, { format: "json", columns: { id: "BIGINT" }, wholeBlocks: 4 }, many);
  expect(readingText(sample).join()).toContain("; a sample: 7,000 of 10,500 lines");
});

test("bare lines are compared too, in UTF-8 and Latin-1", async () => {
  const bytes = Buffer.concat([Buffer.from("a\r\n\n ü\ufeff\n"), Buffer.of(0xfc, 10), Buffer.from("end")]);
  const facts = await checked(database, { format: "lines", columns: {} }, bytes);
  expect(readingText(facts)).toEqual(["reading: 5 values of 1 column equal an independent reading (lines)"]);
});

test("verify tells of a faulty reading where stream and batch agree", async () => {
  using folder = emptyFolder();
  const yaml = `
sources: { s: { from: "file:in.ndjson", schema: { id: BIGINT, v: DOUBLE }, select: "id, v AS w" } }
queries: { q: SELECT id FROM s }`;
  const lines = Array.from({ length: 50 }, (_, id) => `{"id":${id},"v":"${id}.5"}\n`);
  const job = jobIn(folder.path, yaml, { "in.ndjson": lines.join("") });
  const stop = new AbortController().signal;
  const options = { clock: systemClock, stop, seed: 1, cuts: 1, startMs: 0 };
  const right = await verifyJob(job, options);
  expect(right === undefined ? "" : verificationText(right)).toContain(
    "  reading: 100 values of 2 columns equal an independent reading (json)\n",
  );
  const found = await verifyJob(job, {
    ...options,
    through: (shape) => ({
      ...shape,
      reading: { ...shape.reading, format: otherwise("floor(v)")(shape.reading.format) },
    }),
  });
  const text = found === undefined ? "" : verificationText(found);
  expect(text).toContain("  reading: 50 lines differ from an independent reading (json)");
  expect(text).toContain(`    in.ndjson, byte 0, "v" (DOUBLE): the line says "0.5"`);
  expect(text).toContain(
    "Not equal: stream = batch in 1 random cut of the input, but both read lines otherwise",
  );
});
