/** SQL that a client sends: what it may read, how far it may go, and that it harms nothing. */

import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/error.ts";
import { openDatabase } from "../../src/duckdb/database.ts";
import { sql } from "../../src/duckdb/sql.ts";
import * as schemas from "../../src/server/api/schemas.ts";
import { openLiveQueries } from "../../src/server/changes/live-queries.ts";
import { openHub } from "../../src/server/hub.ts";
import { type DashboardServer, startServer } from "../../src/server/server.ts";
import { openSqlSandbox } from "../../src/server/sql/sandbox.ts";
import { until } from "../support/until.ts";
import { batchOf } from "./batch-of.ts";

const folder = mkdtempSync(join(tmpdir(), "streamkit-sql-"));
const warehouse = join(folder, "warehouse");
const servers: DashboardServer[] = [];
const BIG = "\u00019007199254740993";
const ENDLESS = "SELECT count(*) FROM range(10000000000) a, range(100) b WHERE a.range % 3 = b.range % 7";

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function filledHub() {
  const hub = openHub();
  const rows = [
    { id: 1, text: 'it\'s "quoted"' },
    { id: BIG, text: "" },
  ];
  hub.publish(batchOf(1, { query: "by id", key: ["id"], columns: ["id", "text"], rows }));
  return hub;
}

async function started() {
  await writeWarehouse();
  const server = await startServer({ hub: filledHub(), port: 0, warehouse });
  servers.push(server);
  return (sqlText: string, more: Readonly<Record<string, unknown>> = {}) =>
    fetch(`${server.url}/api/v1/sql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sql: sqlText, ...more }),
    });
}

async function writeWarehouse(): Promise<void> {
  mkdirSync(join(warehouse, "sales"), { recursive: true });
  writeFileSync(join(folder, "secret.csv"), "secret\n42\n");
  const database = await openDatabase();
  await database.run(
    sql`COPY (SELECT range AS n FROM range(5000)) TO ${join(warehouse, "sales", "a.parquet")}`,
  );
  database.close();
}

test("a query reads the warehouse and the watched rows, whose digits and texts are whole", async () => {
  const ask = await started();
  const live = await (await ask(`SELECT * FROM live."by id" ORDER BY id`)).text();
  expect(live).toContain('{"id":9007199254740993,"text":""}');
  expect(schemas.sqlSchema.parse(JSON.parse(live)).rows[0]).toEqual({ id: 1, text: 'it\'s "quoted"' });
  const joined = await ask(`SELECT s.n, t.text FROM sales s JOIN live."by id" t ON s.n = t.id`);
  expect(schemas.sqlSchema.parse(await joined.json())).toEqual({
    columns: [
      { name: "n", type: "BIGINT" },
      { name: "text", type: "VARCHAR" },
    ],
    rows: [{ n: 1, text: 'it\'s "quoted"' }],
  });
  const first = schemas.sqlSchema.parse(await (await ask("FROM sales", { limit: 3 })).json());
  expect(first.rows).toHaveLength(3);
  const tables = await fetch(`${servers[0]?.url}/api/v1/sql/tables`);
  expect(schemas.sqlTablesSchema.parse(await tables.json()).tables).toEqual([
    { name: "live.by id", columns: ["id", "text"] },
    { name: "sales", columns: ["n"] },
  ]);
});

test("an answer may be a file: CSV, NDJSON and Parquet", async () => {
  const ask = await started();
  const csv = await ask("SELECT n FROM sales ORDER BY n LIMIT 2", { format: "csv" });
  expect(csv.headers.get("content-disposition")).toBe('attachment; filename="answer.csv"');
  expect(await csv.text()).toBe("n\n0\n1\n");
  expect(await (await ask("SELECT 1 AS n", { format: "ndjson" })).text()).toBe('{"n":1}\n');
  const parquet = await (
    await ask("SELECT sum(n)::BIGINT AS n FROM sales", { format: "parquet" })
  ).arrayBuffer();
  writeFileSync(join(folder, "answer.parquet"), new Uint8Array(parquet));
  const database = await openDatabase();
  expect(await database.rows(sql`FROM read_parquet(${join(folder, "answer.parquet")})`)).toEqual([
    { n: 12_497_500n },
  ]);
  database.close();
});

test("files, the network, settings and changes are out of reach, and nothing is left behind", async () => {
  const ask = await started();
  const inSide = join(warehouse, "x");
  const secret = join(folder, "secret.csv");
  for (const attempt of [
    `FROM '${secret}'`,
    `FROM read_text('${warehouse}/../secret.csv')`,
    `FROM read_csv('${warehouse}/sales/../../secret.csv')`,
    `FROM sniff_csv('${secret}')`,
    "FROM glob('/etc/*')",
    `FROM query('FROM read_text(''${secret}'')')`,
    "FROM read_csv('http://127.0.0.1:1/a.csv')",
    "FROM duckdb_secrets()",
    "SET threads = 8",
    "SET lock_configuration = false",
    "RESET memory_limit",
    "PRAGMA memory_limit = '8GB'",
    `COPY (SELECT 1) TO '${inSide}.csv'`,
    `ATTACH '${inSide}.db'`,
    `EXPORT DATABASE '${inSide}'`,
    "INSTALL httpfs",
    "LOAD httpfs",
    `DROP TABLE live."by id"`,
    "SELECT 1; SELECT 2",
    "SELECT 1) ; CREATE TABLE t AS (SELECT 1",
    `WITH x AS (DELETE FROM live."by id" RETURNING *) FROM x`,
    `EXPLAIN ANALYZE COPY (SELECT 1) TO '${inSide}.csv'`,
    "",
    "FROM nosuch",
    "SELECT 'a'::INT",
  ]) {
    const answer = await ask(attempt);
    expect([attempt, answer.status]).toEqual([attempt, 400]);
    const { error } = schemas.errorSchema.parse(await answer.json());
    expect(error).not.toContain("42");
    expect(error).not.toMatch(/LINE \d/);
  }
  expect(readdirSync(warehouse)).toEqual(["sales"]);
});

test("a body that is no JSON, or not called so, is refused; so is another method", async () => {
  await started();
  const path = `${servers[0]?.url}/api/v1/sql`;
  const send = (contentType: string, body: string) =>
    fetch(path, { method: "POST", headers: { "content-type": contentType }, body });
  expect((await send("text/plain", '{"sql":"SELECT 1"}')).status).toBe(415);
  expect((await send("application/json", "{")).status).toBe(400);
  expect((await send("application/json", '{"sql":"SELECT 1","limit":1000000}')).status).toBe(400);
  expect((await send("application/json", '{"query":"SELECT 1"}')).status).toBe(400);
  const got = await fetch(path);
  expect([got.status, got.headers.get("allow")]).toEqual([405, "POST"]);
});

test("a query is given up when it takes too long or its client leaves; others are told to wait", async () => {
  const live = openLiveQueries(filledHub());
  const bounds = { maxRunning: 1, timeoutMs: 200 };
  const request = (text: string) => ({ sql: text, format: "ndjson", maxRows: 10 }) as const;
  const hasty = openSqlSandbox({ live, clock: systemClock, warehouse: undefined, bounds });
  const never = new AbortController().signal;
  const late = outcomeOf(hasty.ask(request(ENDLESS), never));
  expect(await outcomeOf(hasty.ask(request("SELECT 1"), never))).toStartWith("Other queries run");
  expect(await late).toBe("The query took longer than 0.2 s");
  await until("the next one may run", async () =>
    hasty.ask(request("SELECT 1 AS n"), never).then(
      ({ bytes }) => Buffer.from(bytes).toString() === '{"n":1}\n',
      () => false,
    ),
  );
  const patient = openSqlSandbox({
    live,
    clock: systemClock,
    warehouse: undefined,
    bounds: { maxRunning: 1 },
  });
  const leaving = new AbortController();
  const left = outcomeOf(patient.ask(request(ENDLESS), leaving.signal));
  leaving.abort();
  expect(await left).toBe("The query was cancelled");
  await until("the next one may run", async () =>
    patient.ask(request("SELECT 1"), never).then(
      () => true,
      () => false,
    ),
  );
  live.close();
});

test("an answer has so many bytes at most", async () => {
  const live = openLiveQueries(filledHub());
  const bounds = { maxAnswerBytes: 1000 };
  const sandbox = openSqlSandbox({ live, clock: systemClock, warehouse: undefined, bounds });
  const asked = sandbox.ask(
    { sql: "SELECT repeat('x', 600) AS x FROM range(2)", format: "csv", maxRows: 10 },
    new AbortController().signal,
  );
  expect(await outcomeOf(asked)).toContain("more than 1000 bytes");
  live.close();
});

function outcomeOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(() => "answered", messageOf);
}
