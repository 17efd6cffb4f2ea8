/** The client of Hive Metastores against real ones of three generations. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/error.ts";
import { hiveColumns, hivePartitionColumns } from "../../src/warehouse/hive-types.ts";
import { metastoreAddresses, openMetastore } from "../../src/warehouse/metastore/hive-metastore.ts";
import type { Metastore, TableSpec } from "../../src/warehouse/metastore/metastore.ts";
import {
  METASTORES,
  type MetastoreService,
  type MetastoreVersion,
  startMetastore,
} from "../services/metastore.ts";
import { freePorts } from "../services/ports.ts";
import { emptyFolder } from "../support/binary.ts";

const folder = emptyFolder();
afterAll(() => folder[Symbol.dispose]());

function client(url: string, options: { timeoutMs?: number; retryForMs?: number } = {}): Metastore {
  return openMetastore(url, { clock: systemClock, user: "streamkit", timeoutMs: 10_000, ...options });
}

function hits(table: string, changed: Partial<TableSpec> = {}): TableSpec {
  const location = join(folder.path, table);
  mkdirSync(location, { recursive: true });
  return {
    database: "web",
    table,
    columns: hiveColumns([
      { name: "Path", type: "VARCHAR" },
      { name: "bytes", type: "HUGEINT" },
      { name: "tags", type: "STRUCT(k VARCHAR, v DECIMAL(9,2))[]" },
    ]),
    partitions: hivePartitionColumns([
      { name: "dt", type: "DATE" },
      { name: "host", type: "VARCHAR" },
    ]),
    location: `file:${location}`,
    ...changed,
  };
}

describe.each(Object.keys(METASTORES) as MetastoreVersion[])("Hive Metastore %s", (version) => {
  let service: MetastoreService;
  let metastore: Metastore;
  beforeAll(async () => {
    service = await startMetastore(version);
    metastore = client(service.url);
  });
  afterAll(async () => {
    metastore.close();
    await service[Symbol.asyncDispose]();
  });

  test("makes a database and a table once, and takes it as its own again", async () => {
    await metastore.ensureTable(hits("once"));
    await metastore.ensureTable(hits("once"));
    // By other words for the same.
    const { location } = hits("once");
    await metastore.ensureTable(hits("once", { location: `${location.replace("file:", "file://")}/` }));
  });

  test("says all that differs of a table that is there, and leaves it", async () => {
    const table = hits("differing");
    await metastore.ensureTable(table);
    const wanted = {
      ...table,
      columns: hiveColumns([
        { name: "path", type: "BIGINT" },
        { name: "agent", type: "VARCHAR" },
      ]),
      partitions: hivePartitionColumns([{ name: "dt", type: "VARCHAR" }]),
      location: "hdfs://name/differing",
    };
    expect(await metastore.ensureTable(wanted).catch(messageOf)).toBe(
      `The table web.differing of the metastore is another: its location is ${table.location}, not ` +
        "hdfs://name/differing; it is partitioned by dt date, host string, not by dt string; " +
        "its column path is string, not bigint; it has no column agent string",
    );
    await metastore.ensureTable(table);
  });

  test("adds columns where it is told to, also to the partitions that are there", async () => {
    const table = hits("growing");
    await metastore.ensureTable(table);
    await metastore.addPartitions(table, [
      { values: ["2026-01-05", "a"], location: `${table.location}/dt=2026-01-05/host=a` },
    ]);
    const agent = hiveColumns([{ name: "agent", type: "VARCHAR" }]);
    const longer = { ...table, columns: [...table.columns, ...agent] };
    expect(await metastore.ensureTable(longer).catch(messageOf)).toContain("it has no column agent string");
    expect(await metastore.checkTable(longer).catch(messageOf)).toContain("it has no column agent");
    expect(await metastore.checkTable(longer, true)).toBeUndefined();
    expect(await metastore.addColumns(longer)).toEqual(["agent"]);
    expect(await metastore.addColumns(longer)).toEqual([]);
    await metastore.ensureTable(longer);
    // Columns that aren't written are NULL: no difference.
    await metastore.ensureTable(table);
  });

  test("partitions: added once, found, moved, dropped, with their statistics", async () => {
    const table = hits("partitioned");
    await metastore.ensureTable(table);
    const at = (name: string): string => `${table.location}/${name}`;
    // 4.0 looks for itself what is in a new partition's folder.
    const filled = async (location: string, bytes: number): Promise<string> => {
      await Bun.write(join(location.slice("file:".length), "f.parquet"), "x".repeat(bytes));
      return location;
    };
    const statistics = { rows: 12, bytes: 3456, files: 1 };
    const first = {
      values: ["2026-01-05", "a b%/é"],
      location: await filled(at("dt=2026-01-05/host=a b%25%2Fé"), 3456),
      statistics,
    };
    const none = {
      values: ["2026-01-05", null],
      location: await filled(at("dt=2026-01-05/host=x"), 3456),
      statistics,
    };
    await metastore.addPartitions(table, [first]);
    await metastore.addPartitions(table, [first, none]);
    const missing = ["2026-01-06", "a"];
    const all = [first.values, none.values, missing];
    expect(await metastore.partitions(table, all)).toEqual([first, none, undefined]);
    // One that is there stays where it is.
    await metastore.addPartitions(table, [{ ...first, location: at("elsewhere") }]);
    expect((await metastore.partitions(table, [first.values]))[0]?.location).toBe(first.location);
    const moved = {
      ...first,
      location: await filled(at("_v2/x"), 999),
      statistics: { rows: 12, bytes: 999, files: 1 },
    };
    await metastore.changePartitions(table, [moved, { ...moved, values: missing }]);
    expect(await metastore.partitions(table, all)).toEqual([moved, none, undefined]);
    await metastore.changePartitions(table, [{ values: none.values, statistics: { bytes: 5, files: 2 } }]);
    const [changed] = await metastore.partitions(table, [none.values]);
    expect(changed).toEqual({ ...none, statistics: { rows: 12, bytes: 5, files: 2 } });
    expect(await metastore.partitionNames(table)).toEqual([
      "dt=2026-01-05/host=__HIVE_DEFAULT_PARTITION__",
      "dt=2026-01-05/host=a b%25%2Fé",
    ]);
    await metastore.dropPartition(table, none.values);
    await metastore.dropPartition(table, none.values);
    expect(await metastore.partitions(table, all)).toEqual([moved, undefined, undefined]);
  });

  test("more partitions than one call takes", async () => {
    const table = hits("many");
    await metastore.ensureTable(table);
    const partitions = Array.from({ length: 510 }, (_, index) => ({
      values: ["2026-01-05", `h${index}`],
      location: `${table.location}/dt=2026-01-05/host=h${index}`,
    }));
    await metastore.addPartitions(table, partitions);
    const found = await metastore.partitions(table, [partitions[509]?.values ?? [], ["2026-01-05", "h700"]]);
    expect(found.map((partition) => partition?.location)).toEqual([partitions[509]?.location, undefined]);
  });

  test("is killed and comes back: a call made meanwhile succeeds", async () => {
    const table = hits("killed");
    await metastore.ensureTable(table);
    await service.kill();
    const partition = { values: ["2026-01-05", "a"], location: `${table.location}/dt=2026-01-05/host=a` };
    const adding = metastore.addPartitions(table, [partition]);
    await service.start();
    await adding;
    const [found] = await metastore.partitions(table, [partition.values]);
    expect(found?.location).toBe(partition.location);
  });

  test("stops answering: the call fails in its time, and another server is asked", async () => {
    const [dead = 0] = await freePorts(1);
    const several = client(`thrift://127.0.0.1:${dead},${service.url}`);
    await several.ensureTable(hits("several"));
    several.close();
    const impatient = client(service.url, { timeoutMs: 2000, retryForMs: 2500 });
    await impatient.ensureTable(hits("several"));
    service.pause();
    const failed = await impatient.ensureTable(hits("several")).catch(messageOf);
    service.resume();
    impatient.close();
    expect(failed).toBe(`The metastore at 127.0.0.1:${service.port} can't be reached: no answer in 2000 ms`);
  });
});

describe("what is no metastore", () => {
  test("nothing listens: one line", async () => {
    const [port = 0] = await freePorts(1);
    const failed = await client(`thrift://127.0.0.1:${port}`).ensureTable(hits("nowhere")).catch(messageOf);
    expect(failed).toBe(
      `The metastore at 127.0.0.1:${port} can't be reached: connect ECONNREFUSED 127.0.0.1:${port}`,
    );
  });

  test("a server of another protocol: one line, at once", async () => {
    using web = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("hello") });
    const failed = await client(`thrift://127.0.0.1:${web.port}`, { timeoutMs: 2000 })
      .ensureTable(hits("nowhere"))
      .catch(messageOf);
    expect(failed).toMatch(/^127\.0\.0\.1:\d+: This is no Thrift server|can't be reached: it closed/);
  });

  test.each([["hive:9083"], ["thrift://"], ["thrift://h:0"], ["thrift://h:99999"], ["thrift://h:1/x"], [""]])(
    "the URL %p",
    (url) => {
      expect(() => metastoreAddresses(url)).toThrow(`A metastore is thrift://HOST:PORT: found "${url}"`);
    },
  );

  test("several URLs, a port left out, IPv6", () => {
    expect(metastoreAddresses("thrift://a, thrift://b:1,thrift://[::1]:2")).toEqual([
      { host: "a", port: 9083 },
      { host: "b", port: 1 },
      { host: "::1", port: 2 },
    ]);
  });
});
