/**
 * A compaction by the finished program that is killed at each of its steps: who asks `query` or the metastore
 * sees each row once before, between and after, and the next run leaves nothing behind.
 */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { COMPACTION_FAILPOINTS, FAILPOINTS } from "../../src/base/failpoint.ts";
import { sql } from "../../src/duckdb/sql.ts";
import { hiveColumns, hivePartitionColumns } from "../../src/warehouse/hive-types.ts";
import { openMetastore } from "../../src/warehouse/metastore/hive-metastore.ts";
import type { Metastore, TableSpec } from "../../src/warehouse/metastore/metastore.ts";
import { type MetastoreService, sharedMetastore } from "../services/metastore.ts";
import { emptyFolder, type RunResult } from "../support/binary.ts";
import { output, streamkit } from "../support/running.ts";
import { type SmallFiles, smallFiles, upTo } from "./compacting.ts";

let service: MetastoreService;
let metastore: Metastore;
beforeAll(async () => {
  service = await sharedMetastore();
  metastore = openMetastore(service.url, { clock: systemClock, user: "test" });
});
afterAll(() => metastore.close());

const HOSTS = ["a b", "x/y"];
const PARTITIONS = ["host=a b", "host=x%2Fy"];
const expected = upTo(80);

async function filled(warehouse: string, name: string): Promise<SmallFiles> {
  const table = await smallFiles(warehouse, `compact.db/${name}`);
  for (const [index, partition] of PARTITIONS.entries())
    for (let batch = 1; batch <= 4; batch += 1)
      await table.write(partition, "job", batch, 40 * index + 10 * (batch - 1));
  return table;
}

async function toldOf(name: string, table: string): Promise<TableSpec> {
  const spec = {
    database: "compact",
    table: name,
    columns: hiveColumns([{ name: "n", type: "BIGINT" }]),
    partitions: hivePartitionColumns([{ name: "host", type: "VARCHAR" }]),
    location: `file:${table}`,
  };
  await metastore.ensureTable(spec);
  const partitions = PARTITIONS.map((path, index) => ({
    values: [HOSTS[index] ?? ""],
    location: `file:${table}/${path}`,
  }));
  await metastore.addPartitions(spec, partitions);
  return spec;
}

/** What a reader finds who lists the folders that the metastore names. */
async function numbersByMetastore(spec: TableSpec, { database }: SmallFiles): Promise<number[]> {
  const numbers: number[] = [];
  const partitions = await metastore.partitions(
    spec,
    HOSTS.map((host) => [host]),
  );
  for (const partition of partitions) {
    const folder = (partition?.location ?? "").replace(/^file:/, "");
    const names = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && !/^[._]/.test(entry.name))
      .map(({ name }) => sql`${join(folder, name)}`);
    const rows = await database.rows(sql`SELECT n FROM read_parquet([${names}])`);
    numbers.push(...rows.map(({ n }) => Number(n)));
  }
  return numbers.toSorted((a, b) => a - b);
}

async function numbersByQuery(cwd: string, name: string): Promise<number[]> {
  const query = `SELECT n FROM compact.${name} ORDER BY n`;
  const text = await output(["query", query, "--warehouse", ".", "--format", "csv"], { cwd });
  return text.trim().split("\n").slice(1).map(Number);
}

/** What a run comes by once, whatever it does. */
const ONCE = "compact-noted";
const passes = COMPACTION_FAILPOINTS.flatMap((name) => (name === ONCE ? [name] : [name, `${name}:2`]));

test.each(passes)("killed at %s", async (failpoint) => {
  using folder = emptyFolder();
  const name = failpoint.replaceAll(/\W/g, "_");
  const table = await filled(folder.path, name);
  const spec = await toldOf(name, table.table);
  const compact = async (env: Record<string, string> = {}): Promise<RunResult> => {
    const flags = ["--warehouse", ".", "--idle", "0s", "--delay", "0s", "--metastore", service.url];
    return streamkit(["write", "--compact", `compact.${name}`, ...flags], {
      cwd: folder.path,
      env: { ...process.env, ...env } as Record<string, string>,
    });
  };
  expect((await compact({ STREAMKIT_FAILPOINT: failpoint })).code).toBe(137);
  expect(await table.numbers()).toEqual(expected);
  expect(await numbersByQuery(folder.path, name)).toEqual(expected);
  expect(await numbersByMetastore(spec, table)).toEqual(expected);
  expect(await compact()).toMatchObject({ code: 0 });
  expect(await table.numbers()).toEqual(expected);
  expect(await numbersByQuery(folder.path, name)).toEqual(expected);
  expect(await numbersByMetastore(spec, table)).toEqual(expected);
  expect(await table.everything()).toEqual(await table.visible());
  expect(await table.visible()).toHaveLength(4);
  const [counted] = await metastore.partitions(spec, [[HOSTS[0] ?? ""]]);
  expect(counted?.statistics?.files).toBe(2);
  table.database.close();
});

test("a job is killed and its table compacted, again and again: each row is there once", async () => {
  using folder = emptyFolder();
  const [warehouse, input] = [join(folder.path, "warehouse"), join(folder.path, "in")];
  mkdirSync(input);
  writeFileSync(
    join(folder.path, "job.yaml"),
    `
name: job
checkpoint: state
batch: 0
sources: { rows: { from: "file:in/*.ndjson", schema: { n: BIGINT } } }
sinks: [{ from: rows, parquet: { table: t, partition_by: ["host=n % 2"] } }]
`,
  );
  const args = ["process", "job.yaml", "--available-now", "--quiet"];
  const given = { rows: 0 };
  const give = (): void => {
    const name = `${String(given.rows).padStart(6, "0")}.ndjson`;
    const rows = upTo(10).map((n) => `{"n":${given.rows + n}}\n`);
    writeFileSync(join(input, name), rows.join(""));
    given.rows += 10;
  };
  const succeeds = async (command: readonly string[]): Promise<void> => {
    expect(await streamkit(command, { cwd: folder.path })).toMatchObject({ code: 0 });
  };
  const deaths = FAILPOINTS.filter((name) => /^(parquet|sink|batch-written|commit)/.test(name));
  for (const failpoint of deaths) {
    give();
    await succeeds(args);
    give();
    const env = { ...process.env, STREAMKIT_FAILPOINT: failpoint } as Record<string, string>;
    expect((await streamkit(args, { cwd: folder.path, env })).code).toBe(137);
    await succeeds(["write", "--compact", "t", "--idle", "0s", "--delay", "0s", "--quiet"]);
  }
  await succeeds(args);
  const table = await smallFiles(warehouse);
  expect(await table.numbers()).toEqual(upTo(given.rows));
  expect((await table.visible()).filter((name) => name.includes("/compacted-")).length).toBe(2);
  table.database.close();
});
