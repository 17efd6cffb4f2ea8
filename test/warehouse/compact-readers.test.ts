/** A table is written, compacted and read at once: by `query`, and by Spark through the metastore. */

import { expect, test } from "bun:test";
import { globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../src/base/error.ts";
import { sharedMetastore } from "../services/metastore.ts";
import { sharedSpark } from "../services/spark.ts";
import { emptyFolder } from "../support/binary.ts";
import { output, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 240_000;
const ROWS_A_BATCH = 20;
const MAX_BATCHES = 2_000;
const MIN_LOOKS = 4;
const MAX_RUNS = 8;
/** Longer than a query of Spark's takes, but on a machine that is very busy. */
const DELAY = "8s";

interface Seen {
  readonly rows: number;
  readonly distinct: number;
}

interface Reader {
  looks: number;
}

/** What a reader sees again and again; each time each row once, and never fewer than before. */
async function watch(look: () => Promise<Seen>, reader: Reader, isOver: () => boolean): Promise<void> {
  let last = 0;
  while (!isOver()) {
    const seen = await look().catch(tooSlow);
    if (seen === undefined) continue;
    const { rows, distinct } = seen;
    expect({ rows, last }).toEqual({ rows: distinct, last: Math.min(last, rows) });
    last = rows;
    reader.looks += 1;
  }
}

/** Who takes longer than the delay may fail, but never answers wrongly. */
function tooSlow(error: unknown): undefined {
  if (!/NoSuchFile|FileNotFound|No such file|No files found/i.test(messageOf(error))) throw error;
}

test(
  "each row is seen once at any moment",
  async () => {
    using folder = emptyFolder();
    const metastore = await sharedMetastore();
    const spark = await sharedSpark(metastore.url);
    writeFileSync(
      join(folder.path, "job.yaml"),
      `
name: job
checkpoint: state
batch: 0
sources: { rows: { from: "-", schema: { k: VARCHAR, n: BIGINT } } }
sinks: [{ from: rows, parquet: { table: read.t, partition_by: [k], metastore: "${metastore.url}" } }]
`,
    );
    await using job = await start(["process", "job.yaml"], { cwd: folder.path });
    const fed = { batches: 0 };
    const feed = async (): Promise<void> => {
      const rows = Array.from({ length: ROWS_A_BATCH }, (_, index) => {
        const n = fed.batches * ROWS_A_BATCH + index;
        return `${JSON.stringify({ k: n % 2 === 0 ? "a b" : "x/y", n })}\n`;
      });
      fed.batches += 1;
      await job.feed(rows.join(""));
    };
    const files = (): string[] => globSync(join(folder.path, "warehouse/read.db/t/k=*/*.parquet"));
    for (let batch = 1; batch <= 10; batch += 1) {
      await feed();
      await until(`the files of batch ${batch}`, () => files().length >= 2 * batch);
    }

    const [query, sparkSql] = [{ looks: 0 }, { looks: 0 }];
    const over = { is: false };
    const isOver = (): boolean => over.is;
    const counts = "count(*) AS rows, count(DISTINCT n) AS distinct";
    const byQuery = watch(
      async () => {
        const text = await output(["query", `SELECT ${counts} FROM read.t`, "--format", "ndjson"], {
          cwd: folder.path,
        });
        return JSON.parse(text) as Seen;
      },
      query,
      isOver,
    );
    const bySpark = watch(
      async () => {
        const found = await spark.sql(`SELECT ${counts} FROM read.t`);
        return found.rows[0] as unknown as Seen;
      },
      sparkSql,
      isOver,
    );
    const flags = ["--idle", "0s", "--delay", DELAY, "--metastore", metastore.url];
    const compact = (): ReturnType<typeof streamkit> =>
      streamkit(["write", "--compact", "read.t", ...flags], { cwd: folder.path });
    const feeding = (async () => {
      while (!over.is && fed.batches < MAX_BATCHES) {
        await feed();
        await Bun.sleep(500);
      }
    })();
    const runs = [await compact(), await compact()];
    // On a busy machine Spark takes longer.
    while (Math.min(query.looks, sparkSql.looks) < MIN_LOOKS && runs.length < MAX_RUNS)
      runs.push(await compact());
    over.is = true;
    for (const { code, stderr } of runs) expect({ code, stderr }).toMatchObject({ code: 0 });
    for (const { stderr } of runs) expect(stderr).toMatch(/\d+ files of read\.t became 2, in 2 partitions/);
    await Promise.all([byQuery, bySpark]);
    expect(Math.min(query.looks, sparkSql.looks)).toBeGreaterThanOrEqual(MIN_LOOKS);
    await feeding;
    await job.endInput();
    expect((await job.finished()).code).toBe(0);
    const total = fed.batches * ROWS_A_BATCH;
    const expected = { rows: total, distinct: total };
    expect((await spark.sql(`SELECT ${counts} FROM read.t`)).rows).toEqual([expected]);
    const text = await output(["query", `SELECT ${counts} FROM read.t`, "--format", "ndjson"], {
      cwd: folder.path,
    });
    expect(JSON.parse(text)).toEqual(expected);
  },
  TIMEOUT_MS,
);
