/** What a checkpoint keeps does not grow with what was closed long ago. */

import { expect, test } from "bun:test";
import { join } from "node:path";
import { openDatabase } from "../../src/duckdb/database.ts";
import { raw } from "../../src/duckdb/sql.ts";
import { emptyFolder } from "../support/binary.ts";
import { output, streamkit } from "../support/running.ts";

const JOB = `
checkpoint: state
batch: 0
sources:
  ticks:
    from: "file:quotes.ndjson"
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: BIGINT }
    rate: 20000
queries:
  middle: SELECT window_start, median(price) AS m FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY ALL
sinks:
  - { from: middle, to: "file:middle.ndjson" }
`;

test("values of closed windows leave the checkpoint, however few rows hold them", async () => {
  using folder = emptyFolder();
  const at = (file: string) => join(folder.path, file);
  await Bun.write(at("job.yaml"), JOB);
  const flags = "--count 60000 --rate 0 --seed 5 --start 2026-01-05 --step 10ms".split(" ");
  await output(["simulate", "quotes", ...flags, "--out", `file:${at("quotes.ndjson")}`]);
  const { code, stderr } = await streamkit(["process", at("job.yaml"), "--available-now"]);
  expect({ code, stderr }).toMatchObject({ code: 0 });

  const database = await openDatabase({ readOnlyPath: at("state/checkpoint.duckdb") });
  try {
    const row = await database.row(raw("SELECT count(*) AS rows, sum(len(_p0_0)) AS held FROM state_middle"));
    expect(Number(row["rows"])).toBeGreaterThan(0);
    // A window has 6,000 values, and all of them come through the state.
    expect(Number(row["held"])).toBeLessThan(25_000);
  } finally {
    database.close();
  }
});
