/**
 * The references: what DuckDB, or a plain loop, does with the same work in one go. Each is a process of its
 * own.
 */

import { readFileSync, writeSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

const [kind, first = "", second = ""] = process.argv.slice(2);

const READ = (file: string): string => `read_json('${file}', format = 'newline_delimited',
  columns = {ts: 'TIMESTAMP', symbol: 'VARCHAR', price: 'DOUBLE', volume: 'BIGINT'})`;

switch (kind) {
  case "ohlc":
    await duckdb(`CREATE TEMP TABLE o AS SELECT symbol, time_bucket(INTERVAL 1 SECOND, ts) AS w,
      arg_min(price, ts), max(price), min(price), arg_max(price, ts), sum(volume)
      FROM ${READ(first)} GROUP BY ALL`);
    break;
  case "parquet":
    await duckdb(`COPY (SELECT *, hour(ts) AS hour FROM ${READ(first)}) TO '${second}'
      (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (hour))`);
    break;
  case "access-log":
    await duckdb(accessLog(first));
    break;
  case "statements":
    await duckdb(readFileSync(first, "utf8"));
    break;
  case "stringify":
    stringify(Number(first));
    break;
  default:
    throw new Error(`Unknown reference ${kind}`);
}

async function duckdb(statement: string): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(statement);
}

/** The counts of `fixtures/access-log.yaml`, written by hand. */
function accessLog(file: string): string {
  const tokens = [
    "client",
    "ident",
    "user",
    "day",
    "zone",
    "request",
    "status",
    "bytes",
    "referrer",
    "agent",
  ];
  const columns = tokens.map((token) => `${token}: 'VARCHAR'`).join(", ");
  return `CREATE TEMP TABLE people AS
    SELECT strptime(concat(day, ' ', zone), '[%d/%b/%Y:%H:%M:%S %z]')::TIMESTAMP AS ts, client,
      split_part(request, ' ', 2) AS path, status::INTEGER AS status, nullif(bytes, '-')::BIGINT AS bytes
    FROM read_csv('${file}', auto_detect = false, header = false, columns = {${columns}}, delim = ' ',
      quote = '"', escape = '\\', strict_mode = true)
    WHERE NOT regexp_matches(agent,
      'bot|crawl|spider|slurp|fetch|monitor|curl|wget|python|java/|go-http', 'i');
  CREATE TEMP TABLE traffic AS
    SELECT time_bucket(INTERVAL 1 MINUTE, ts) AS minute, count(*), count(*) FILTER (status >= 400), sum(bytes),
      count(DISTINCT client), approx_count_distinct(client), quantile_cont(bytes, 0.5), quantile_cont(bytes, 0.95)
    FROM people GROUP BY minute;
  CREATE TEMP TABLE top_paths AS
    SELECT time_bucket(INTERVAL 1 MINUTE, ts) AS minute, path, count(*),
      row_number() OVER (PARTITION BY minute ORDER BY count(*) DESC, path) AS place
    FROM people GROUP BY minute, path QUALIFY place <= 10`;
}

/** The loop that one would write: an object a record. */
function stringify(count: number): void {
  const lines: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const ts = new Date(1_767_623_400_000 + index).toISOString();
    lines.push(
      JSON.stringify({
        ts,
        symbol: `SYM${index % 100}`,
        price: 100 + (index % 1000) / 100,
        volume: index % 900,
      }),
    );
    if (lines.length === 8192) {
      writeSync(1, `${lines.join("\n")}\n`);
      lines.length = 0;
    }
  }
}
