/** `check --json-schema` takes what `check` takes, and refuses what a schema can say is wrong. */

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { messageOf } from "../../../src/base/error.ts";
import { wholeJobSchema } from "../../../src/commands/load-job.ts";
import { jobJsonSchema } from "../../../src/job/json-schema.ts";
import { loadJobText } from "../../../src/job/load.ts";
import { MARKET_JOB } from "../../../src/job/market.ts";

const ajv = new Ajv2020({ strict: false, validateFormats: false });
const validate = ajv.compile(jobJsonSchema(wholeJobSchema()));

function isTaken(yaml: string): boolean {
  return validate(parse(yaml) as unknown);
}

/** What our own reading of the file says, without DuckDB. */
function saysOf(yaml: string): string {
  try {
    loadJobText(yaml, "job.yaml", wholeJobSchema(), { env: ENV, overrides: [] });
    return "";
  } catch (error) {
    return messageOf(error);
  }
}

const ROOT = join(import.meta.dirname, "../../..");
const ENV = { LOG: "x", WAREHOUSE: "wh", W: "5s", RATE: "5", F: "file:x", MODE: "update" };

const source = (more: string, from = '"-"'): string =>
  `sources: { t: { from: ${from}, schema: { a: INTEGER }${more} } }`;
const sink = (entry: string): string => `${source("")}\nsinks: [ ${entry} ]`;
const query = (entry: string): string => `${source("")}\nqueries: { q: ${entry} }`;

const VALID: readonly string[] = [
  source(", watermark: 5s, idle: 250ms, max_ahead: off"),
  source(", watermark: 0, max_ahead: 1.5h, rate: 10"),
  source(', watermark: "${W}", rate: "${RATE}"'),
  source("", '"file:in/*.ndjson"'),
  source("", '"tail:/var/log/x"'),
  source("", "in/quotes.ndjson"),
  source("", "kafka://h:9092/t"),
  source("", "http://0.0.0.0:80/x"),
  source("", "syslog+udp://h:5"),
  source("", '"${F}"'),
  source("", '{ files: { path: "x" } }'),
  sink('{ from: t, to: "-" }'),
  sink('{ from: t, to: "file:out" }'),
  sink("{ from: t, to: kafka://h:9092/t }"),
  sink('{ from: t, to: "${F}" }'),
  sink("{ from: t, parquet: { table: t, roll: { bytes: 128MiB, every: 15m, rows: 5 }, keep: 90d } }"),
  sink("{ from: t, parquet: { table: t, roll: { bytes: 1000000 } } }"),
  query("SELECT a FROM t"),
  query("{ sql: SELECT a FROM t, on_error: stop }"),
  query("{ sql: SELECT a FROM t, on_error: null }"),
  query('{ sql: SELECT a FROM t, on_error: "null", mode: "${MODE}" }'),
  query("{ sql: SELECT a FROM t, state: { keep: 1h } }"),
  `name: my-job.v2\nbatch: 0\n${source("")}`,
];

const INVALID: readonly string[] = [
  source(", watermark: soon"),
  source(", watermark: 5"),
  source(", watermark: 5 parsecs"),
  source(", idle: -5s"),
  source(", max_ahead: on"),
  source(", rate: 0"),
  source(", rate: many"),
  source(", watermrk: 5s"),
  source("", "ftp://x"),
  source("", '"files:x"'),
  source("", '""'),
  source("", "{ simulat: { kind: quotes } }"),
  source("", "{ files: { path: x }, tail: { path: x } }"),
  source("", "{}"),
  source(", format: xml"),
  "sources: { 9t: { from: '-' } }",
  "sources: { t: { format: json } }",
  "name: x",
  sink("{ from: t }"),
  sink('{ from: t, to: "-", parquet: { table: t } }'),
  sink('{ from: t, to: "ftp:x" }'),
  sink("{ to: x }"),
  sink("{ from: t, parquet: {} }"),
  sink("{ from: t, parquet: { table: a/b } }"),
  sink("{ from: t, parquet: { table: t, roll: { bytes: 0 } } }"),
  sink("{ from: t, parquet: { table: t, roll: { bytes: big } } }"),
  sink("{ from: t, parquet: { table: t, roll: { every: 5 } } }"),
  `${source("")}\nsinks: { from: t, to: "-" }`,
  query('""'),
  query("{ mode: append }"),
  query("{ sql: SELECT 1, mode: upsert }"),
  query("{ sql: SELECT 1, on_error: skip }"),
  query("{ sql: SELECT 1, lateness: 5 }"),
  query("{ sql: SELECT 1, state: { keep: long } }"),
  `name: a/b\n${source("")}`,
  `batch: 5\n${source("")}`,
];

describe("takes", () => {
  for (const yaml of VALID)
    test(yaml, () => {
      expect(saysOf(yaml)).toBe("");
      expect({ taken: isTaken(yaml), errors: validate.errors }).toEqual({ taken: true, errors: null });
    });

  for (const [name, yaml] of [
    ...readdirSync(join(ROOT, "fixtures"))
      .filter((file) => file.endsWith(".yaml"))
      .map((file) => [file, readFileSync(join(ROOT, "fixtures", file), "utf8")] as const),
    ["the market", MARKET_JOB] as const,
  ])
    test(name, () => {
      isTaken(yaml);
      expect(validate.errors).toBeNull();
    });
});

describe("refuses", () => {
  for (const yaml of INVALID)
    test(yaml, () => {
      expect(isTaken(yaml)).toBe(false);
    });
});
