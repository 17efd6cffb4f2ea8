/** SQL of a job is one statement: a text that ends it to begin another is refused, and nothing of it runs. */

import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { failure } from "../commands/in-process.ts";
import { emptyFolder } from "../support/binary.ts";

const COPY = "COPY (SELECT 42) TO 'PWNED'";

/** Where a job has SQL, with a text that would close what it is put into. */
const PLACES: readonly (readonly [keyPath: string, parts: object])[] = [
  ["queries.q", { queries: { q: `SELECT 1); ${COPY}; SELECT * FROM (SELECT * FROM s` } }],
  ["queries.q", { queries: { q: `SELECT id FROM s; ${COPY}` } }],
  ["sources.s.select", { source: { select: `* FROM (SELECT 1)); ${COPY}; SELECT * FROM (SELECT *` } }],
  ["sources.s.schema.id", { source: { schema: { id: `BIGINT AS z; ${COPY}; --` } } }],
  ["sources.s.schema.id", { source: { schema: { id: `BIGINT) AS z; ${COPY}; SELECT (1` } } }],
  ["partition_by.0", { table: { partition_by: [`p=1) AS p; ${COPY}; SELECT (1`] } }],
  ["complete.when", { table: { partition_by: ["k"], complete: { when: `true); ${COPY}; SELECT (true` } } }],
];

test.each(PLACES)("%s: %o", async (keyPath, parts) => {
  using folder = emptyFolder();
  const pwned = join(folder.path, "pwned.csv");
  const { source, table, queries } = parts as Readonly<Record<string, object>>;
  writeFileSync(join(folder.path, "in.ndjson"), '{"id":1,"k":"a"}\n');
  const job = {
    sources: { s: { from: "file:in.ndjson", schema: { id: "BIGINT", k: "VARCHAR" }, ...source } },
    queries: queries ?? { q: "SELECT * FROM s" },
    sinks: [{ from: "q", parquet: { table: "t", ...table } }],
  };
  writeFileSync(join(folder.path, "job.yaml"), stringify(job).replaceAll("PWNED", pwned));
  expect(await failure("process", join(folder.path, "job.yaml"), "--once", "--quiet")).toContain(keyPath);
  expect(existsSync(pwned)).toBe(false);
});
