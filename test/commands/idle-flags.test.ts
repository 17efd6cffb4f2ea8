/** Flags that would do nothing are refused, each with why; and those that do something are not. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { refusal } from "./in-process.ts";

let folder: ReturnType<typeof emptyFolder>;
let job = "";

beforeAll(() => {
  folder = emptyFolder();
  job = join(folder.path, "job.yaml");
  writeFileSync(job, "sources: { a: { from: 'file:a.ndjson', schema: { n: BIGINT } } }\nsinks: []\n");
  writeFileSync(join(folder.path, "a.ndjson"), '{"n":1}\n');
  mkdirSync(join(folder.path, "empty"));
});
afterAll(() => folder[Symbol.dispose]());

/** JOB and FOLDER stand for ours. */
function refused(args: readonly string[]): Promise<string | undefined> {
  return refusal(...args.map((word) => word.replace("JOB", job).replace("FOLDER", folder.path)));
}

const SQL = ["--sql", "SELECT 1 AS a FROM input"];

describe("refused", () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    ...[
      "--in file:x",
      "--mode update",
      "--format csv",
      "--schema n:INT",
      "--time t",
      "--watermark 5s",
    ].flatMap((flag): [string[], string][] => [
      [["process", "JOB", ...flag.split(" ")], "has no effect with a job file"],
      [["process", ...flag.split(" ")], "has no effect without --sql: the built-in market job reads quotes"],
      [["check", "JOB", ...flag.split(" ")], "has no effect with a job file"],
      ...(flag.startsWith("--in")
        ? []
        : [[["verify", "JOB", ...flag.split(" ")], "has no effect with a job file"] as [string[], string]]),
    ]),
    [["process", "JOB", ...SQL], "A job file or --sql is expected, not both"],
    [["process", ...SQL, "--pattern", "(?<a>x)"], "--pattern has no effect but with --format regex"],
    [["process", ...SQL, "--once", "--available-now"], "exclude each other"],
    [["process", "JOB", "--reset", "q"], "--reset q has no effect without a checkpoint"],
    [["check", "JOB", "--json-schema"], "--json-schema is that of all job files"],
    [["check", "--json-schema", ...SQL], "--sql has no effect with --json-schema"],
    [["check", "--json-schema", "--set", "a=1"], "--set has no effect with --json-schema"],
    [["write", "--table", "t", "--location", "hdfs://x"], "--location has no effect but with --metastore"],
    [["write", "--table", "t", "--pattern", "(?<a>x)"], "--pattern has no effect but with --format regex"],
    [["write", "--table", "t", "--idle", "5m"], "--idle goes with --compact"],
    [["write", "--compact", "t", "--once"], "--once means nothing with --compact"],
    [["write", "--compact", "t", "--location", "hdfs://x"], "--location has no effect but with --metastore"],
    [["write", "--table", "t", "--ddl", "--once"], "--once means nothing with --ddl"],
    [["simulate", "quotes", "--late-by", "5s"], "--late-by has no effect without --late"],
    [["simulate", "quotes", "--truth", "t.ndjson"], "--truth has no effect where nothing is disturbed"],
    [
      ["simulate", "quotes", "--kafka-options", "k.yaml"],
      "--kafka-options has no effect without --out kafka",
    ],
    [["simulate", "access-log", "--symbols", "3"], "an access log has no symbols"],
    [["tail", "x.log", "--kafka-options", "k.yaml"], "--kafka-options has no effect without --out kafka"],
    [["tail", "x.log", "--route", "failover"], "--route has no effect with one --out"],
    [["tail", "x.log", "--header", "a=b"], "--header has no effect on stdout and in file:"],
    [["tail", "x.log", "--channel-size", "1GiB"], "--channel-size needs --channel"],
    [["tail", "x.log", "--flume-agent", "a"], "--flume-agent needs --flume-conf"],
    [["tail", "x.log", "--pipeline", "p.yaml"], "Exactly one of GLOB"],
    [["tail", "--pipeline", "p.yaml", "--out", "-"], "--pipeline and --out exclude each other"],
    [["serve", "--follow", "FOLDER/nowhere"], '--follow: there is no folder "'],
    [["serve", "--follow", "FOLDER/empty"], '/empty" is no checkpoint'],
    [["serve"], "serve needs rows on stdin, or a job's checkpoint:"],
    [["query", "SELECT 1", "--file", "x.sql"], "A query or --file is expected, not both"],
    [["query", "SELECT 1", "--out", "x", "--format", "table"], "--format table is for a terminal"],
    [["query", "--file", "FOLDER/nowhere.sql"], "nowhere.sql\" can't be read"],
    [["query"], "An SQL query is expected"],
  ];
  for (const [args, words] of cases)
    test(args.join(" "), async () => expect(await refused(args)).toContain(words));
});

describe("taken", () => {
  const cases: readonly (readonly string[])[] = [
    ["check", "JOB"],
    ["check", "JOB", "--set", "batch=2s"],
    [
      "check",
      "--sql",
      "SELECT a FROM input",
      "--format",
      "regex",
      "--pattern",
      "(?<a>x)",
      "--schema",
      "a VARCHAR",
    ],
    ["check", "--json-schema"],
    ["process", "JOB", "--once", "--quiet"],
    ["simulate", "quotes", "--late", "0.1", "--late-by", "5s", "--count", "1"],
    ["query", "SELECT 1 AS a", "--out", "FOLDER/a.parquet"],
  ];
  for (const args of cases) test(args.join(" "), async () => expect(await refused(args)).toBeUndefined());
});
