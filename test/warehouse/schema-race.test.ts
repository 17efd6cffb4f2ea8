/**
 * Writers that begin or change one table at the same moment: each is held to what came first, or is refused,
 * and the table's files agree with what it says of itself. 2 to 4 writers, 50 rounds in each store.
 */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { systemClock } from "../../src/base/clock.ts";
import { StreamkitError } from "../../src/base/error.ts";
import { type Column, type Database, openDatabase } from "../../src/duckdb/database.ts";
import { id, raw, sql } from "../../src/duckdb/sql.ts";
import { savedSchema } from "../../src/warehouse/schema-log.ts";
import type { Store } from "../../src/warehouse/store.ts";
import { openStore } from "../../src/warehouse/stores.ts";
import { heldSchema } from "../../src/warehouse/table-schema.ts";
import { sharedHdfs } from "../services/hdfs.ts";
import { sharedS3 } from "../services/s3.ts";
import { emptyFolder } from "../support/binary.ts";

setDefaultTimeout(300_000);

const ROUNDS = 50;
/** Between two requests of a writer, so that others come in between. */
const MAX_PAUSE_MS = 3;

const PLACES: Readonly<Record<string, () => Promise<Store>>> = {
  "a folder": async () => openStore(emptyFolder().path, { baseFolder: "/", clock: systemClock, env: {} }),
  async HDFS() {
    const url = `webhdfs://${(await sharedHdfs()).address}/races-${crypto.randomUUID()}`;
    return openStore(url, { baseFolder: "/", clock: systemClock, env: { USER: "alice" } });
  },
  async S3() {
    const { createBucket, env } = await sharedS3();
    const bucket = `b-${crypto.randomUUID()}`;
    await createBucket(bucket);
    return openStore(`s3://${bucket}/wh`, { baseFolder: "/", clock: systemClock, env });
  },
};

interface RaceWriter {
  /** Of the columns beside `k`, which all have. */
  readonly columns: Readonly<Record<string, string>>;
  readonly pauses: readonly number[];
}

const writers = fc.array(
  fc.record({
    columns: fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom("INTEGER", "VARCHAR"), { maxKeys: 2 }),
    pauses: fc.array(fc.nat(MAX_PAUSE_MS), { minLength: 1, maxLength: 8 }),
  }),
  { minLength: 2, maxLength: 4 },
);

/** The store, with a pause before each request. */
function paused(store: Store, pauses: readonly number[]): Store {
  let asked = 0;
  const wait = async (): Promise<void> => {
    await systemClock.sleep(pauses[asked % pauses.length] ?? 0);
    asked += 1;
  };
  return {
    ...store,
    list: async (folder) => (await wait(), store.list(folder)),
    read: async (path) => (await wait(), store.read(path)),
    create: async (path, text) => (await wait(), store.create(path, text)),
    write: async (path, text) => (await wait(), store.write(path, text)),
  };
}

let database: Database;
beforeAll(async () => {
  database = await openDatabase();
});
afterAll(() => database.close());

const columnsOf = (writer: RaceWriter): Column[] => [
  { name: "k", type: "BIGINT" },
  ...Object.entries(writer.columns).map(([name, type]) => ({ name, type })),
];

/** What a sink does: is held, adopts, and puts a file. True where it was not refused. */
async function writes(place: Store, table: string, writer: RaceWriter, number: number): Promise<boolean> {
  using folder = emptyFolder();
  mkdirSync(folder.path, { recursive: true });
  const store = paused(place, writer.pauses);
  const items = columnsOf(writer).map(({ name, type }) => sql`NULL::${raw(type)} AS ${id(name)}`);
  try {
    const schema = await heldSchema({
      database,
      store,
      folder: table,
      table,
      rows: sql`SELECT ${items} FROM range(1)`,
      partitions: [],
      hasRows: async () => false,
      workingFolder: folder.path,
      clock: systemClock,
      owner: { host: "here", pid: number, identityOf: (pid) => `${pid} alive` },
    });
    await schema.adopt();
    const from = join(folder.path, "file.staged");
    await database.run(sql`COPY (SELECT ${items} FROM range(1)) TO ${from} (FORMAT parquet)`);
    const to = `${table}/part-w${number}-1-0.parquet`;
    await store.put([{ from, to }], { staging: `${table}/_staging-${number}`, isDurable: false });
    return true;
  } catch (error) {
    if (error instanceof StreamkitError && error.code === "job") return false;
    throw error;
  }
}

async function race(place: Store, table: string, given: readonly RaceWriter[]): Promise<void> {
  const done = await Promise.all(given.map((writer, number) => writes(place, table, writer, number)));
  expect(done).toContain(true);
  const schema = await savedSchema(place, table);
  const types = new Map(schema?.columns.map(({ name, type }) => [name, type]));
  for (const [number, isWritten] of done.entries()) {
    const writer = given[number];
    if (!isWritten || writer === undefined) continue;
    // Neither a column that is lost nor one of two types.
    for (const { name, type } of columnsOf(writer)) expect(types.get(name)).toBe(type);
    if (columnsOf(writer).length < types.size) expect(schema?.hasGrown).toBe(true);
  }
  const copy = await place.read(`${table}/_streamkit/schema.json`);
  expect(JSON.parse(Buffer.from(copy ?? []).toString())).toEqual(schema);
}

describe.each(Object.keys(PLACES))("in %s", (name) => {
  test("no column is lost, and none has two types", async () => {
    const place = await (PLACES[name] ?? PLACES["a folder"])?.();
    if (place === undefined) throw new Error(name);
    await fc.assert(
      fc.asyncProperty(writers, (given) => race(place, `t${crypto.randomUUID().replaceAll("-", "")}`, given)),
      { numRuns: ROUNDS, endOnFailure: true },
    );
  });
});
