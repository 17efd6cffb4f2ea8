/** Writers of one table: commits at one moment, columns that change, many batches. Judged by pyiceberg. */

import { beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { Store } from "../../src/warehouse/store.ts";
import { strayFiles } from "../crash/iceberg-episode.ts";
import { type PyIceberg, sharedPyIceberg } from "../services/iceberg.ts";
import { streamkit } from "../support/running.ts";
import { numbers, writing } from "./writing.ts";

const TIMEOUT_MS = 240_000;

let reader: PyIceberg;
beforeAll(async () => {
  reader = await sharedPyIceberg();
}, TIMEOUT_MS);

describe("writers of one table", () => {
  test.each([2, 3, 4])(
    "%d of them, 20 batches each: no batch is lost or there twice, and no column is",
    async (count) => {
      await using table = writing();
      const names = Array.from({ length: count }, (_, index) => `w${index}`);
      await Promise.all(
        names.map(async (name) => {
          const writer = await table.writer(name, { keep: 10 });
          for (let batch = 1; batch <= 20; batch += 1)
            // A column of its own from the tenth batch on, and one that all add at about the same time.
            await writer.append(
              batch < 10
                ? `SELECT '${name}' AS who, ${batch} AS n`
                : `SELECT '${name}' AS who, ${batch} AS n, ${batch}::BIGINT AS both, 'x' AS of_${name}`,
            );
        }),
      );
      const { rows, types } = await reader.scan(table.table);
      const expected = names.flatMap((who) =>
        Array.from({ length: 20 }, (_, index) => `${who} ${index + 1}`),
      );
      expect(rows.map(({ who, n }) => `${String(who)} ${String(n)}`).toSorted()).toEqual(expected.toSorted());
      expect(Object.keys(types).toSorted()).toEqual([
        "both",
        "n",
        ...names.map((name) => `of_${name}`),
        "who",
      ]);
      for (const row of rows) {
        const isLate = Number(row["n"]) >= 10;
        expect(row["both"]).toBe(isLate ? row["n"] : null);
        expect(row[`of_${String(row["who"])}`]).toBe(isLate ? "x" : null);
      }
      expect(await strayFiles(table.table)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test("a batch that comes again is not written, though its snapshot has expired", async () => {
    await using table = writing();
    const writer = await table.writer("a", { keep: 2 });
    for (let batch = 1; batch <= 9; batch += 1) await writer.append(`SELECT ${batch} AS n`, batch);
    for (const batch of [9, 8, 1]) await writer.append(`SELECT ${batch} AS n`, batch);
    const again = await table.writer("a", { keep: 2 });
    await again.append("SELECT 9 AS n", 9);
    const { rows } = await reader.scan(table.table);
    expect(numbers(rows)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const { snapshots } = await reader.files(table.table);
    expect(snapshots.length).toBeLessThanOrEqual(3);
    expect(snapshots.at(-1)).toMatchObject({
      operation: "append",
      "streamkit.batch": "9",
      "total-records": "9",
    });
  });

  test("an answer that gets lost is no other writer's version", async () => {
    await using table = writing();
    // As after a request to a store that was done, failed on its way back, and was sent again.
    const store: Store = {
      ...table.store,
      create: async (path, text) => {
        await table.store.create(path, text);
        return false;
      },
    };
    const writer = await table.writer("a", { store });
    for (let batch = 1; batch <= 5; batch += 1) await writer.append(`SELECT ${batch} AS n`);
    expect(numbers((await reader.scan(table.table)).rows)).toEqual([1, 2, 3, 4, 5]);
    expect(await strayFiles(table.table)).toEqual([]);
  });

  test(
    "who was away while the oldest versions went makes none of the past",
    async () => {
      await using table = writing();
      const other = await table.writer("other", { keep: 5 });
      await other.append("SELECT 0 AS n");
      let isAway = false;
      const store: Store = {
        ...table.store,
        async create(path, text) {
          if (!isAway && path.endsWith(".metadata.json")) {
            isAway = true;
            for (let n = 1; n <= 130; n += 1) await other.append(`SELECT ${n} AS n`);
            await table.store.remove(path);
          }
          return table.store.create(path, text);
        },
      };
      const writer = await table.writer("late", { store });
      await writer.append("SELECT 1000 AS n");
      const { rows } = await reader.scan(table.table);
      expect(rows).toHaveLength(132);
      expect(rows.filter(({ n }) => n === 1000)).toHaveLength(1);
    },
    TIMEOUT_MS,
  );

  test("a table that is made anew is told, and not written", async () => {
    await using table = writing();
    const writer = await table.writer("a");
    await writer.append("SELECT 1 AS n");
    await table.store.remove("t");
    await (await table.writer("b")).append("SELECT 2 AS n");
    expect(writer.append("SELECT 3 AS n")).rejects.toThrow("somebody has made it anew");
  });

  test("a folder of another catalog is refused", async () => {
    await using table = writing();
    const name = `00001-${crypto.randomUUID()}.metadata.json`;
    await table.store.write(`t/metadata/${name}`, "{}");
    expect((await table.writer("a")).append("SELECT 1 AS n")).rejects.toThrow("belongs to a catalog");
  });
});

describe("columns that change", () => {
  /** Types of each kind from narrow to wide; a value fits all that follow. */
  const CHAINS = [
    ["INTEGER", "BIGINT"],
    ["FLOAT", "DOUBLE"],
    ["DECIMAL(5,2)", "DECIMAL(9,2)", "DECIMAL(20,2)"],
    ["INTEGER[]", "BIGINT[]"],
    ["STRUCT(x INTEGER)", "STRUCT(x BIGINT, y VARCHAR)", "STRUCT(y VARCHAR, x BIGINT, z INTEGER[])"],
    ["VARCHAR"],
  ] as const;
  const valueOf = (chain: number, n: number): string =>
    [`${n}`, `${n}`, `${n}`, `[${n}]`, `{'x': ${n}}`, `'${n}'`][chain] ?? "";
  const readOf = (value: unknown): string => {
    const inner = typeof value === "object" && value !== null ? value : { x: value };
    return String("x" in inner ? inner.x : Object.values(inner)[0]).replace(/\.0+$/, "");
  };

  test(
    "whatever order they come in: all rows are there, under the widest type",
    async () => {
      const step = fc.dictionary(fc.constantFrom("0", "1", "2", "3", "4", "5"), fc.nat(2), { minKeys: 1 });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 6 }), async (steps) => {
          await using table = writing();
          const writers = [await table.writer("a"), await table.writer("b")];
          const expected: string[] = [];
          for (const [n, columns] of steps.entries()) {
            const items = Object.entries(columns).map(([chain, at]) => {
              const types = CHAINS[Number(chain)] ?? [];
              const value = valueOf(Number(chain), n);
              return `${value}::${types[Math.min(at, types.length - 1)]} AS c${chain}`;
            });
            await writers[n % 2]?.append(`SELECT ${n} AS n, ${items.join(", ")}`, Math.floor(n / 2) + 1);
            for (const chain of Object.keys(columns)) expected.push(`${n} c${chain} ${n}`);
          }
          const { rows } = await reader.scan(table.table);
          const found = rows.flatMap(({ n, ...columns }) =>
            Object.entries(columns).flatMap(([name, value]) =>
              value === null ? [] : [`${String(n)} ${name} ${readOf(value)}`],
            ),
          );
          expect(found.toSorted()).toEqual(expected.toSorted());
        }),
        { numRuns: 15, seed: Number(process.env["SEED"] ?? 5) },
      );
    },
    TIMEOUT_MS,
  );

  test.each([
    ["VARCHAR", "'x'", "column v: it is int in the table, string in the rows"],
    ["DECIMAL(9,2)", "1.5", "column v: it is int in the table, decimal(9, 2) in the rows"],
    ["INTEGER[]", "[1]", "column v: it is int in the table, list<int> in the rows"],
  ])("an INTEGER does not become %s, and the table stays as it is", async (type, value, why) => {
    await using table = writing();
    await (await table.writer("a")).append("SELECT 1::INTEGER AS v");
    const append = (await table.writer("b")).append(`SELECT ${value}::${type} AS v`);
    expect(append).rejects.toThrow(why);
    await append.catch(() => undefined);
    expect(await reader.scan(table.table)).toMatchObject({ rows: [{ v: 1 }], types: { v: "int" } });
  });

  test("a partition spec that changes leaves what is there, and both are pruned by", async () => {
    await using table = writing();
    const rows = (from: number): string =>
      `SELECT n, TIMESTAMP '2026-01-05 00:00:00' + n * INTERVAL 1 HOUR AS ts, 'k' || n % 2 AS k
        FROM range(${from}, ${from + 48}) AS r (n)`;
    await (await table.writer("a", { partitionBy: ["day(ts)"] })).append(rows(0), 1);
    await (await table.writer("a", { partitionBy: ["hour(ts)", "k"] })).append(rows(48), 2);
    await (await table.writer("a", { partitionBy: ["day(ts)"] })).append(rows(96), 3);
    const all = await reader.scan(table.table);
    expect(all.rows).toHaveLength(144);
    expect(all.spec).toEqual(["ts_day: day"]);
    expect(all.files).toHaveLength(2 + 48 + 2);
    const some = await reader.scan(
      table.table,
      "ts >= '2026-01-08T00:00:00' and k = 'k1' and ts < '2026-01-10T00:00:00'",
    );
    expect(some.rows).toHaveLength(24);
    expect(some.files).toHaveLength(12 + 1);
  });
});

test(
  "many small batches: snapshots, manifests and metadata stay few",
  async () => {
    const BATCHES = 250;
    await using table = writing();
    const writer = await table.writer("a", { keep: 20, partitionBy: ["k"] });
    for (let batch = 1; batch <= BATCHES; batch += 1)
      await writer.append(`SELECT ${batch} AS n, 'k' || ${batch} % 3 AS k`);
    const { snapshots, records, manifests } = await reader.files(table.table);
    expect(records).toBe(BATCHES);
    expect(snapshots.length).toBeLessThanOrEqual(25);
    // Those of the oldest snapshot, one for each later one, and what these were written together into.
    expect(manifests.length).toBeLessThanOrEqual(110);
    const metadata = readdirSync(join(table.table, "metadata"));
    expect(metadata.filter((name) => name.endsWith(".metadata.json")).length).toBeLessThanOrEqual(101);
    const hint = readFileSync(join(table.table, "metadata/version-hint.text"), "utf8");
    expect(hint).toBe(String(BATCHES + 1));
    expect(await strayFiles(table.table)).toEqual([]);
    const { rows, files } = await reader.scan(table.table, "k = 'k1'");
    expect([rows.length, files.length]).toEqual([84, 84]);
  },
  TIMEOUT_MS,
);

describe("a folder has a table of one kind", () => {
  test("Iceberg tables are not listed by query, and one that is asked for is refused", async () => {
    await using table = writing();
    await (await table.writer("a")).append("SELECT 1 AS n");
    const query = (text: string) => streamkit(["query", "--warehouse", join(table.table, ".."), text]);
    const listed = await query("SHOW TABLES");
    expect(listed.code).toBe(0);
    expect(listed.stdout).not.toMatch(/\bt\b/);
    const asked = await query("SELECT * FROM t");
    expect(asked.code).not.toBe(0);
    expect(asked.stderr).toContain("Iceberg tables are not read by query");
  });

  test("files of another table are left alone", async () => {
    await using table = writing();
    await table.store.write("t/dt=2026-01-05/part-job-1-0.parquet", "PAR1");
    const append = (await table.writer("a")).append("SELECT 1 AS n");
    expect(append).rejects.toThrow("is no Iceberg table");
    await append.catch(() => undefined);
    expect((await table.store.list("t")).map(({ path }) => path)).toEqual([
      "t/dt=2026-01-05/part-job-1-0.parquet",
    ]);
  });
});
