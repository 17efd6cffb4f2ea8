/** Real files through the finished binary, every figure checked against plain code over the same file. */

import { expect, test } from "bun:test";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { accessLogs } from "../support/access-logs.ts";
import { emptyFolder } from "../support/binary.ts";
import { requestsOf, topPathsOf, trafficOf } from "../support/requests.ts";
import { multiset, output, rowsOf, streamkit } from "../support/running.ts";
import { parquetRows } from "../support/warehouse.ts";

const ROOT = join(import.meta.dirname, "../..");
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

function byKey<Item>(items: readonly Item[], keyOf: (item: Item) => string): [string, Item[]][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return [...groups];
}

test("a web server's log by minute: traffic and top paths, robots and broken lines apart", async () => {
  for (const { lines } of await accessLogs()) await expectTablesOf(lines);
});

async function expectTablesOf(lines: readonly string[]): Promise<void> {
  using folder = emptyFolder();
  const text = `${lines.join("\n")}\n`;
  const requests = requestsOf(lines);
  expect(requests.length).toBeGreaterThanOrEqual(3000);
  const log = join(folder.path, "access.log");
  writeFileSync(log, `${text}no request at all\n`);
  const [WAREHOUSE, DEAD] = [join(folder.path, "warehouse"), join(folder.path, "dead")];

  const env = { LOG: log, WAREHOUSE, ARCHIVE: WAREHOUSE, DEAD, STATE: join(folder.path, "state") };
  const said = await processed("access-log.yaml", env);

  expect(said).toContain("1 dead letter");
  expect(said).not.toContain("late");
  const traffic = await queried(WAREHOUSE, "web.traffic");
  expect(sorted(traffic.map(withoutEstimate))).toEqual(sorted(trafficOf(requests)));
  for (const { clients, clients_about } of traffic)
    expect(Math.abs(Number(clients_about) - Number(clients))).toBeLessThanOrEqual(2 + Number(clients) / 5);
  await expectTable(WAREHOUSE, {
    table: "web.top_paths",
    folder: "web.db/top_paths",
    rows: topPathsOf(requests),
  });
  const archived = await queried(WAREHOUSE, "web.lines");
  expect(archived.map(({ line }) => String(line)).toSorted()).toEqual(
    [...lines, "no request at all"].toSorted(),
  );
  const robots = rowsOf(readFileSync(join(DEAD, "robots.ndjson"), "utf8"));
  expect(robots).toHaveLength(requests.filter(({ isRobot }) => isRobot).length);
  const broken = rowsOf(readFileSync(join(DEAD, "broken.ndjson"), "utf8"));
  expect(broken).toMatchObject([{ source: "requests", line: "no request at all", byte_offset: text.length }]);
  const days = new Set(
    globSync(join(WAREHOUSE, "web.db/t*/**/*.parquet")).map((file) => relative(WAREHOUSE, join(file, ".."))),
  );
  const requestDays = [...new Set(requests.map(({ minute }) => minute.slice(0, 10)))].toSorted();
  expect(requestDays).toHaveLength(2);
  expect([...days].toSorted()).toEqual(
    ["top_paths", "traffic"].flatMap((table) => requestDays.map((day) => `web.db/${table}/dt=${day}`)),
  );
}

/** Without the approximate count, and fractions to a thousandth. */
function withoutEstimate(row: Record<string, unknown>): Record<string, unknown> {
  const rounded = (value: unknown): unknown =>
    typeof value === "number" ? Math.round(value * 1000) / 1000 : value;
  const kept = Object.entries(row).filter(([name]) => name !== "clients_about");
  return Object.fromEntries(kept.map(([name, value]) => [name, rounded(value)]));
}

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
