/** `select:` and a sink's expressions are given one row: what looks further depends on the cut of batches. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { systemClock } from "../../src/base/clock.ts";
import { StreamkitError } from "../../src/base/error.ts";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { planJob } from "../../src/engine/prepare.ts";
import { loadJobText } from "../../src/job/load.ts";

let database: Database;
let folder: string;
beforeAll(async () => {
  database = await openDatabase({ threads: 1 });
  folder = mkdtempSync(path.join(tmpdir(), "streamkit-of-one-row-"));
  writeFileSync(path.join(folder, "companies.csv"), "sym,rank\na,1\n");
});
afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

async function refusalOf(source: object, sink: object): Promise<string> {
  const text = stringify({
    sources: {
      ticks: {
        from: "file:ticks.ndjson",
        schema: { id: "BIGINT", ts: "TIMESTAMP", k: "VARCHAR", l: "INTEGER[]" },
        ...source,
      },
    },
    tables: { companies: { from: "file:companies.csv" } },
    queries: { q: "SELECT * FROM ticks" },
    sinks: [{ from: "q", ...sink }],
  });
  const job = loadJobText(text, path.join(folder, "job.yaml"), wholeJobSchema(), { env: {}, overrides: [] });
  try {
    await planJob(job, database, { clock: systemClock }, new Map());
    return "taken";
  } catch (error) {
    if (error instanceof StreamkitError && error.code === "job") return error.message;
    throw error;
  }
}

const FILE = { to: "file:out.ndjson" };
const BEYOND: readonly (readonly [expression: string, reason: RegExp])[] = [
  ["row_number() OVER ()", /row_number\(…\) OVER looks at other rows/],
  ["lag(id) OVER (ORDER BY ts)", /lag\(…\) OVER/],
  ["max(id)", /aggregates look at many/],
  ["geomean(id)", /aggregates look at many/],
  ["(SELECT max(id))", /aggregate/],
  ["(SELECT max(rank) FROM companies)", /reads "companies"/],
  ["(SELECT count(*) FROM ticks)", /reads "ticks"/],
  ["(SELECT max(size) FROM read_text('job.yaml'))", /found read_text/],
  ["(SELECT count(*) FROM duckdb_settings())", /found duckdb_settings/],
  ["random()", /random\(\) gives another value/],
  ["uuid()", /uuid\(\) gives another value/],
  ["now()", /now\(\) tells the time/],
  ["current_date", /current_date/],
  ["age(ts)", /age\(\) tells the time/],
  ["current_setting('TimeZone')", /tells of the process/],
];

describe("select: refuses", () => {
  for (const [expression, reason] of BEYOND)
    test(expression, async () => {
      const message = await refusalOf({ select: `*, ${expression} AS x` }, FILE);
      expect(message).toMatch(/sources\.ticks\.select: /);
      expect(message).toMatch(reason);
    });
  test.each([
    ["DISTINCT *", /DISTINCT compares rows/],
    ["max(id) AS id, min(ts) AS ts", /aggregates look at many/],
    ["* FROM companies --", /syntax error/],
  ])("%s", async (select, reason) => expect(await refusalOf({ select }, FILE)).toMatch(reason));
});

describe("a sink's expression is refused", () => {
  for (const [expression, reason] of BEYOND)
    test(expression, async () => {
      const partition_by = [`part=${expression}`];
      const message = await refusalOf({}, { parquet: { warehouse: "warehouse", table: "t", partition_by } });
      expect(message).toMatch(/partition_by/);
      expect(message).toMatch(/companies|ticks/.test(expression) ? /reads/ : reason);
    });
  test.each(["key", "partition", "timestamp", "value"])("of Kafka's %s", async (option) => {
    const kafka = { brokers: "127.0.0.1:1", topic: "t", [option]: "row_number() OVER ()" };
    expect(await refusalOf({}, { kafka })).toMatch(/row_number/);
  });
});

test("what goes by its row alone is taken", async () => {
  const select = `* EXCLUDE (k), upper(k) AS k, unnest(l) AS item, l.list_sum() AS total,
    (SELECT max(x) FROM unnest(l) AS t(x)) AS most, list_transform(l, lambda x: x + id) AS sums,
    age(ts, ts) AS a`;
  const partition_by = ["dt=ts::DATE", "k", "least=list_min(l)"];
  expect(await refusalOf({ select }, { parquet: { warehouse: "warehouse", table: "t", partition_by } })).toBe(
    "taken",
  );
});
