/**
 * The whole way of a web server's log: a server writes and rotates it, the job of `fixtures/access-log.yaml`
 * follows it and is killed again and again, its tables are in HDFS and in a Hive Metastore, and Spark reads
 * them.
 */

import { beforeAll, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { type HdfsService, sharedHdfs } from "../services/hdfs.ts";
import { type MetastoreService, sharedMetastore } from "../services/metastore.ts";
import { type Spark, sharedSpark } from "../services/spark.ts";
import { accessLogs } from "../support/access-logs.ts";
import { emptyFolder } from "../support/binary.ts";
import { requestsOf, topPathsOf, trafficOf } from "../support/requests.ts";
import { start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";

const ROOT = join(import.meta.dirname, "../..");
const CHUNK_LINES = 150;
const ROTATE_CHUNKS = 4;
const KILL_CHUNKS = 5;
const TIMEOUT_MS = 300_000;

let hdfs: HdfsService;
let metastore: MetastoreService;
let spark: Spark;
beforeAll(async () => {
  [hdfs, metastore] = await Promise.all([sharedHdfs(), sharedMetastore()]);
  spark = await sharedSpark(metastore.url);
}, TIMEOUT_MS);

interface Parquet {
  table: string;
  metastore?: string;
  location?: string;
}

/** The fixture, with its tables in a database of their own that the metastore knows. */
function jobIn(folder: string, database: string, warehouse: string): string {
  const job = parse(readFileSync(join(ROOT, "fixtures/access-log.yaml"), "utf8")) as {
    batch: string;
    sinks: { parquet?: Parquet }[];
  };
  job.batch = "100ms";
  for (const { parquet } of job.sinks) {
    if (parquet === undefined) continue;
    parquet.table = parquet.table.replace("web.", `${database}.`);
    parquet.metastore = metastore.url;
    parquet.location = `${hdfs.rpcUrl}/${warehouse}`;
  }
  const file = join(folder, "job.yaml");
  writeFileSync(file, stringify(job));
  return file;
}

test(
  "every line is archived once, and every minute is right, whatever was killed",
  async () => {
    using folder = emptyFolder();
    const all = (await accessLogs()).flatMap(({ lines }) => lines);
    const database = `web${Date.now()}`;
    const url = `webhdfs://${hdfs.address}/${database}`;
    const logs = join(folder.path, "log");
    mkdirSync(logs);
    const log = join(logs, "access.log");
    writeFileSync(log, "");
    const job = jobIn(folder.path, database, database);
    const DEAD = join(folder.path, "dead");
    const env = {
      ...process.env,
      LOG: `${log}*`,
      WAREHOUSE: url,
      ARCHIVE: url,
      DEAD,
      STATE: join(folder.path, "st"),
    };
    const args = ["process", job];

    const robotBytes = (): number =>
      statSync(join(DEAD, "robots.ndjson"), { throwIfNoEntry: false })?.size ?? 0;
    let writtenBytes = 0;
    let running = await start(args, { env });
    const chunks = Math.ceil(all.length / CHUNK_LINES);
    for (let chunk = 0; chunk < chunks; chunk += 1) {
      const lines = all.slice(chunk * CHUNK_LINES, (chunk + 1) * CHUNK_LINES);
      const text = `${lines.join("\n")}\n`;
      appendFileSync(log, text.slice(0, text.length / 2));
      if (chunk % KILL_CHUNKS === KILL_CHUNKS - 1) {
        await until("this life has written something", () => robotBytes() > writtenBytes);
        running.kill("SIGKILL");
        await running[Symbol.asyncDispose]();
        writtenBytes = robotBytes();
        running = await start(args, { env });
      }
      appendFileSync(log, text.slice(text.length / 2));
      if (chunk % ROTATE_CHUNKS === ROTATE_CHUNKS - 1) renameSync(log, `${log}.${chunk}`);
    }
    running.kill("SIGINT");
    expect((await running.finished()).code).toBe(130);
    await running[Symbol.asyncDispose]();
    const last = await streamkit([...args, "--once"], { env });
    expect(last).toMatchObject({ code: 0 });

    const rowsOf = async (query: string) => (await spark.sql(query)).rows;
    const archived = await rowsOf(`SELECT line FROM ${database}.lines`);
    expect(archived.map(({ line }) => String(line)).toSorted()).toEqual(all.toSorted());
    const requests = requestsOf(all);
    const time = "date_format(window_start, \"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\") AS window_start";
    const traffic = await rowsOf(
      `SELECT ${time}, requests, errors, bytes, clients, round(p50_bytes, 3) AS p50_bytes,
         round(p95_bytes, 3) AS p95_bytes, CAST(dt AS STRING) AS dt
       FROM ${database}.traffic ORDER BY window_start`,
    );
    expect(traffic.map((row) => ({ ...row }))).toEqual(trafficOf(requests).toSorted(byTime));
    const [day] = traffic.map(({ dt }) => String(dt));
    const described = await rowsOf(`DESCRIBE EXTENDED ${database}.traffic PARTITION (dt = '${day}')`);
    const statistics = described.find(({ col_name }) => col_name === "Partition Statistics")?.["data_type"];
    expect(statistics).toMatch(`bytes, ${traffic.filter(({ dt }) => dt === day).length} rows`);
    const topPaths = await rowsOf(
      `SELECT ${time}, path, requests, place, CAST(dt AS STRING) AS dt
       FROM ${database}.top_paths ORDER BY window_start, place`,
    );
    expect(topPaths.map((row) => ({ ...row }))).toEqual(topPathsOf(requests).toSorted(byTime));
    const robots = readFileSync(join(DEAD, "robots.ndjson"), "utf8").trimEnd().split("\n");
    expect(robots).toHaveLength(requests.filter(({ isRobot }) => isRobot).length);
    expect(readFileSync(join(DEAD, "broken.ndjson"), "utf8")).toBe("");
  },
  TIMEOUT_MS,
);

function byTime(a: Record<string, unknown>, b: Record<string, unknown>): number {
  return String(a["window_start"]) < String(b["window_start"])
    ? -1
    : a["window_start"] === b["window_start"]
      ? 0
      : 1;
}
