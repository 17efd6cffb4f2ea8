/** Real files through the finished binary, every figure checked against plain code over the same file. */

import { expect, test } from "bun:test";
import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { emptyFolder } from "./binary.ts";
import { multiset, output, rowsOf, streamkit } from "./running.ts";
import { parquetRows } from "./warehouse.ts";

const ROOT = join(import.meta.dirname, "../..");
const LOG = join(ROOT, "../shared/data/access-3000.log");
const VEGA = join(ROOT, "node_modules/vega-datasets/data");

/** Runs a fixture over a file into a warehouse; returns what it said at the end. */
async function processed(job: string, env: Readonly<Record<string, string>>): Promise<string> {
  const args = ["process", join(ROOT, "fixtures", job), "--once"];
  const { code, stdout, stderr } = await streamkit(args, { env: { ...process.env, ...env } as never });
  expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: "" });
  return stderr;
}

async function queried(warehouse: string, table: string): Promise<Record<string, unknown>[]> {
  return rowsOf(await output(["query", `FROM ${table}`, "--warehouse", warehouse, "--format", "ndjson"]));
}

/** The table holds exactly these rows, for our own reader and for a foreign one. */
async function expectTable(
  warehouse: string,
  { table, folder, rows }: { table: string; folder: string; rows: readonly Record<string, unknown>[] },
): Promise<void> {
  expect(rows.length).toBeGreaterThan(0);
  expect(sorted(await queried(warehouse, table))).toEqual(sorted(rows));
  const asText = rows.map((row) => ({ ...row, ...partitionAsText(row) }));
  expect(sorted(await parquetRows(join(warehouse, folder)))).toEqual(sorted(asText));
}

/** Keys in one order, rows in one order. */
function sorted(rows: readonly Record<string, unknown>[]): string[] {
  return multiset(
    rows.map((row) => Object.fromEntries(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)))),
  );
}

/** A folder's name has no type: a foreign reader is given text. */
function partitionAsText(row: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    ["dt", "year"].filter((name) => name in row).map((name) => [name, String(row[name])]),
  );
}

interface Request {
  readonly client: string;
  readonly hour: string;
  readonly path: string;
  readonly status: number;
  readonly bytes: number;
}

function requestsOf(text: string): Request[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [client = "", , , day = ""] = line.split(" ");
      const [, request = "", answer = ""] = line.split('"');
      const [status, bytes] = answer.trim().split(" ");
      const [date = "", hour = ""] = day.slice(1).split(":");
      const atMs = Date.parse(`${date.replaceAll("/", " ")} ${hour}:00:00 GMT`);
      return {
        client,
        hour: new Date(atMs).toISOString(),
        path: request.split(" ")[1] ?? "",
        status: Number(status),
        bytes: bytes === "-" ? 0 : Number(bytes),
      };
    });
}

function byKey<Item>(items: readonly Item[], keyOf: (item: Item) => string): [string, Item[]][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return [...groups];
}

test("a web server's log: requests, bytes, errors, clients and top paths by hour", async () => {
  using folder = emptyFolder();
  const requests = requestsOf(readFileSync(LOG, "utf8"));
  expect(requests).toHaveLength(3000);

  const said = await processed("access-log.yaml", { LOG, WAREHOUSE: folder.path });

  expect(said).toContain("3,000 rows");
  expect(said).not.toMatch(/late|dead/);
  const hours = byKey(requests, ({ hour }) => hour);
  await expectTable(folder.path, {
    table: "web.traffic",
    folder: "web.db/traffic",
    rows: hours.map(([hour, group]) => ({
      window_start: hour,
      requests: group.length,
      bytes: group.reduce((sum, { bytes }) => sum + bytes, 0),
      error_share: group.filter(({ status }) => status >= 400).length / group.length,
      clients: new Set(group.map(({ client }) => client)).size,
      dt: hour.slice(0, 10),
    })),
  });
  await expectTable(folder.path, {
    table: "web.top_paths",
    folder: "web.db/top_paths",
    rows: hours.flatMap(([hour, group]) =>
      byKey(group, ({ path }) => path)
        .map(([path, same]) => ({ path, requests: same.length }))
        .toSorted((a, b) => b.requests - a.requests || (a.path < b.path ? -1 : 1))
        .slice(0, 5)
        .map((top, index) => ({ window_start: hour, ...top, place: index + 1, dt: hour.slice(0, 10) })),
    ),
  });
  const days = new Set(
    globSync(join(folder.path, "**/*.parquet")).map((file) => relative(folder.path, join(file, ".."))),
  );
  expect([...days].toSorted()).toEqual(
    ["top_paths", "traffic"].flatMap((table) =>
      ["2015-05-17", "2015-05-18"].map((day) => `web.db/${table}/dt=${day}`),
    ),
  );
});

interface Close {
  readonly symbol: string;
  readonly atMs: number;
  readonly price: number;
}

/** `[symbol,]date,price` with dates like `Jan 1 2000`. */
function closesOf(file: string): Close[] {
  const [, ...lines] = readFileSync(join(VEGA, file), "utf8").trim().split("\n");
  return lines.map((line) => {
    const [price = "", date = "", symbol = ""] = line.split(",").toReversed();
    return { symbol, atMs: Date.parse(`${date} GMT`), price: Number(price) };
  });
}

function yearly(closes: readonly Close[]): Record<string, unknown>[] {
  return byKey(closes, ({ symbol, atMs }) => `${symbol} ${new Date(atMs).getUTCFullYear()}`).map(
    ([key, group]) => {
      const inTime = group.toSorted((a, b) => a.atMs - b.atMs);
      const prices = inTime.map(({ price }) => price);
      return {
        symbol: group[0]?.symbol,
        window_start: `${key.split(" ")[1]}-01-01T00:00:00.000Z`,
        high: Math.max(...prices),
        low: Math.min(...prices),
        first_close: prices[0],
        last_close: prices.at(-1),
      };
    },
  );
}

test("shares' prices: high, low, first and last close of each year", async () => {
  using folder = emptyFolder();
  const closes = closesOf("stocks.csv");
  const said = await processed("stocks.yaml", { CSV: join(VEGA, "stocks.csv"), WAREHOUSE: folder.path });
  expect(said).toContain(`${closes.length} rows`);
  expect(said).not.toMatch(/late|dead/);
  await expectTable(folder.path, { table: "stock_years", folder: "stock_years", rows: yearly(closes) });
});

test("an index: the same by year alone", async () => {
  using folder = emptyFolder();
  const closes = closesOf("sp500.csv");
  const said = await processed("sp500.yaml", { CSV: join(VEGA, "sp500.csv"), WAREHOUSE: folder.path });
  expect(said).toContain(`${closes.length} rows`);
  const rows = yearly(closes).map(({ symbol: _none, ...row }) => ({
    ...row,
    year: Number(String(row["window_start"]).slice(0, 4)),
  }));
  await expectTable(folder.path, { table: "index_years", folder: "index_years", rows });
});
