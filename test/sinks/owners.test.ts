/** A target is one job's and one checkpoint's: whoever else comes is refused before anything is touched. */

import { expect, test } from "bun:test";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { StreamkitError } from "../../src/base/error.ts";
import { lockFile } from "../../src/base/lock-file.ts";
import { openDatabase } from "../../src/duckdb/database.ts";
import { sql } from "../../src/duckdb/sql.ts";
import { failure } from "../commands/in-process.ts";
import { emptyFolder } from "../support/binary.ts";

interface Parts {
  readonly checkpoint?: string | undefined;
  readonly sinks?: string;
  readonly name?: string;
  readonly ids?: readonly number[];
}

const FILE = '[ { from: q, to: "file:out.ndjson" } ]';
const TABLE = "[ { from: q, parquet: { table: t } } ]";
const adopting = (sinks: string): string => sinks.replace(" } ]", ", adopt: true } ]");

/** A folder of jobs, called after their files, each with an input of its own. */
function house() {
  const folder = emptyFolder();
  const at = (name: string): string => join(folder.path, name);
  return {
    at,
    async run(file: string, { sinks = FILE, name, ids = [1, 2], ...parts }: Parts = {}, ...flags: string[]) {
      const checkpoint = "checkpoint" in parts ? parts.checkpoint : `state-${file}`;
      mkdirSync(join(at(file), ".."), { recursive: true });
      writeFileSync(at(`${file}.ndjson`), ids.map((id) => `{"id":"${file}${id}"}\n`).join(""));
      const own = name === undefined ? "" : `name: ${name}\n`;
      const state = checkpoint === undefined ? "" : `checkpoint: ${checkpoint}\n`;
      writeFileSync(
        at(`${file}.yaml`),
        `${own}${state}batch: 0
sources: { s: { from: "file:${file}.ndjson", schema: { id: VARCHAR } } }
queries: { q: SELECT id FROM s }
sinks: ${sinks}
`,
      );
      return failure("process", at(`${file}.yaml`), "--once", "--quiet", ...flags);
    },
    rows: (name = "out.ndjson"): string[] =>
      readFileSync(at(name), "utf8")
        .trim()
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => (JSON.parse(line) as { id: string }).id),
    async tableRows(): Promise<unknown[]> {
      const database = await openDatabase();
      try {
        const files = at("warehouse/t/**/*.parquet");
        const found = await database.rows(sql`SELECT id FROM read_parquet(${files}) ORDER BY id`);
        return found.map(({ id }) => id);
      } finally {
        database.close();
      }
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

test("another job is refused with both names, and the file stays as it is", async () => {
  using jobs = house();
  expect(await jobs.run("a")).toBeUndefined();
  const refused = await jobs.run("b");
  expect(refused).toContain('"a"');
  expect(refused).toContain('"b"');
  expect(refused).toContain("adopt: true");
  expect(refused).toContain(`b.yaml:5:10: sinks.0`);
  expect(await jobs.run("a", { ids: [1, 2] })).toBeUndefined();
  expect(jobs.rows()).toEqual(["a1", "a2"]);
});

test("nothing of a job is touched where the last of its sinks is another one's", async () => {
  using jobs = house();
  await jobs.run("a");
  writeFileSync(jobs.at("free.ndjson"), "kept\n");
  const refused = await jobs.run("b", {
    sinks: `[ { from: q, to: "file:free.ndjson" }, { from: s, to: "file:out.ndjson" } ]`,
  });
  expect(refused).toContain("sinks.1");
  expect(readFileSync(jobs.at("free.ndjson"), "utf8")).toBe("kept\n");
  expect(existsSync(jobs.at(".free.ndjson.streamkit"))).toBe(false);
  // And it is not locked by what was refused.
  expect(await jobs.run("c", { sinks: `[ { from: q, to: "file:free.ndjson" } ]` })).toBeUndefined();
});

test("another name of a job's file is no other file", async () => {
  using jobs = house();
  expect(await jobs.run("a")).toBeUndefined();
  linkSync(jobs.at("out.ndjson"), jobs.at("link.ndjson"));
  const other = '[ { from: q, to: "file:link.ndjson" } ]';
  expect(await jobs.run("b", { sinks: other })).toContain("hard links");
  expect(jobs.rows()).toEqual(["a1", "a2"]);
  // A backup by links is no reason to stop the job whose file it is.
  expect(await jobs.run("a")).toBeUndefined();
  expect(await jobs.run("b", { sinks: adopting(other) })).toBeUndefined();
});

test("adopt takes a file over, and then the first job is refused", async () => {
  using jobs = house();
  await jobs.run("a");
  expect(await jobs.run("b", { sinks: adopting(FILE) })).toBeUndefined();
  expect(jobs.rows()).toEqual(["b1", "b2"]);
  expect(await jobs.run("a")).toContain('is written by the job "b"');
  expect(jobs.rows()).toEqual(["b1", "b2"]);
});

test("a file is the same by another name and by a link", async () => {
  using jobs = house();
  mkdirSync(jobs.at("sub"));
  await jobs.run("a");
  const { symlinkSync } = await import("node:fs");
  symlinkSync(jobs.at("out.ndjson"), jobs.at("link.ndjson"));
  for (const path of ["sub/../out.ndjson", "link.ndjson"])
    expect(await jobs.run("b", { sinks: `[ { from: q, to: "file:${path}" } ]` })).toContain('the job "a"');
});

test("a run without a checkpoint leaves a job's file alone, and no mark where it begins one", async () => {
  using jobs = house();
  const own = { checkpoint: undefined, sinks: `[ { from: q, to: "file:free.ndjson" } ]` };
  for (const ids of [[1], [3]]) expect(await jobs.run("m", { ...own, ids })).toBeUndefined();
  expect(jobs.rows("free.ndjson")).toEqual(["m3"]);
  expect(readdirSync(jobs.at(".")).filter((name) => name.startsWith("."))).toEqual([]);
  await jobs.run("a");
  expect(await jobs.run("m", { checkpoint: undefined })).toContain('"m" (without a checkpoint)');
  expect(jobs.rows()).toEqual(["a1", "a2"]);
});

test("two processes do not write one file at a time", async () => {
  using jobs = house();
  const { unlock } = lockFile(jobs.at(".out.ndjson.streamkit-lock"), () => new StreamkitError("io", "taken"));
  expect(await jobs.run("m", { checkpoint: undefined })).toContain("is being written by another process");
  unlock();
  expect(await jobs.run("m", { checkpoint: undefined })).toBeUndefined();
});

test.each([FILE, TABLE])(
  "a checkpoint that was deleted: the way out is said, and is one: %s",
  async (sinks) => {
    using jobs = house();
    const rows = () => (sinks === FILE ? Promise.resolve(jobs.rows()) : jobs.tableRows());
    await jobs.run("a", { sinks });
    rmSync(jobs.at("state-a"), { recursive: true });
    const refused = await jobs.run("a", { sinks, ids: [7] });
    expect(refused).toContain("was written by this job");
    expect(refused).toContain("--reset-checkpoint");
    expect(await rows()).toEqual(["a1", "a2"]);
    expect(await jobs.run("a", { sinks, ids: [7] }, "--reset-checkpoint")).toBeUndefined();
    expect(await rows()).toEqual(["a7"]);
    // Also of one that is there, and was moved.
    renameSync(jobs.at("state-a"), jobs.at("moved"));
    expect(
      await jobs.run("a", { sinks, checkpoint: "moved", ids: [8] }, "--reset-checkpoint"),
    ).toBeUndefined();
    expect(await rows()).toEqual(["a8"]);
  },
);

test("a file that was removed is anybody's, and who removes it with the checkpoint begins anew", async () => {
  using jobs = house();
  await jobs.run("a");
  rmSync(jobs.at("out.ndjson"));
  expect(await jobs.run("b")).toBeUndefined();
  expect(jobs.rows()).toEqual(["b1", "b2"]);
  expect(await jobs.run("a")).toContain('is written by the job "b"');
  rmSync(jobs.at(".out.ndjson.streamkit"));
  rmSync(jobs.at("state-a"), { recursive: true });
  rmSync(jobs.at("out.ndjson"));
  expect(await jobs.run("a", { ids: [5] })).toBeUndefined();
  expect(jobs.rows()).toEqual(["a5"]);
});

test("a checkpoint of before there were marks takes its own targets, and keeps its name", async () => {
  using jobs = house();
  const sinks = `[ { from: q, to: "file:out.ndjson" }, { from: s, parquet: { table: t } } ]`;
  await jobs.run("old", { sinks, name: "job" });
  // As former versions left it.
  rmSync(jobs.at(".out.ndjson.streamkit"));
  rmSync(jobs.at("warehouse/t/_streamkit/owners"), { recursive: true });
  const database = await openDatabase();
  await database.run(sql`ATTACH ${jobs.at("state-old/checkpoint.duckdb")} AS old;
    ALTER TABLE old.identity DROP COLUMN job; DETACH old`);
  database.close();
  expect(await jobs.run("old", { sinks })).toBeUndefined();
  expect(JSON.parse(readFileSync(jobs.at(".out.ndjson.streamkit"), "utf8"))).toMatchObject({ job: "job" });
  expect(readdirSync(jobs.at("warehouse/t/_streamkit/owners"))).toEqual(["job.json"]);
  expect(await jobs.run("b")).toContain('the job "job"');
});

test("a job without a name keeps the one that it began with when its file is renamed", async () => {
  using jobs = house();
  await jobs.run("a", { sinks: TABLE });
  expect(await jobs.run("renamed", { sinks: TABLE, checkpoint: "state-a" })).toBeUndefined();
  expect(readdirSync(jobs.at("warehouse/t/_streamkit/owners"))).toEqual(["a.json"]);
});

test("a table is one job's; others stand beside it where they say so, and adopt takes it over", async () => {
  using jobs = house();
  await jobs.run("a", { sinks: TABLE });
  const refused = await jobs.run("b", { sinks: TABLE });
  expect(refused).toContain("The table t in");
  expect(refused).toContain("beside_others: true");
  expect(await jobs.tableRows()).toEqual(["a1", "a2"]);
  const beside = TABLE.replace("table: t", "table: t, beside_others: true");
  expect(await jobs.run("b", { sinks: beside })).toBeUndefined();
  expect(await jobs.run("a", { sinks: TABLE })).toBeUndefined();
  expect(await jobs.tableRows()).toEqual(["a1", "a2", "b1", "b2"]);
  // A name is one job's, whoever stands beside.
  expect(await jobs.run("other", { sinks: beside, name: "a" })).toContain("remove the rows that");
  expect(await jobs.run("c", { sinks: adopting(TABLE) })).toBeUndefined();
  for (const first of ["a", "b"]) expect(await jobs.run(first, { sinks: beside })).toContain('the job "c"');
  expect(await jobs.tableRows()).toEqual(["a1", "a2", "b1", "b2", "c1", "c2"]);
});

test("adopt is refused where nothing has an owner", async () => {
  using jobs = house();
  expect(await jobs.run("a", { sinks: adopting('[ { from: q, to: "-" } ]') })).toContain("sinks.0.adopt");
});

test.each([
  ["my job.yaml", "my_job"],
  ["2026.json", "job_2026"],
  ["hits.7.yaml", "hits_7"],
  ["a/b/traffic.prod.yml", "traffic.prod"],
])("%s is the job %s", async (file, name) => {
  const { nameOfFile } = await import("../../src/job/fields.ts");
  expect(nameOfFile(file)).toBe(name);
});

test("what tail appends is not put into a job's file, with a channel or without", async () => {
  using jobs = house();
  await jobs.run("a");
  writeFileSync(jobs.at("t.log"), "line\n");
  const out = ["--once", "--out", `file:${jobs.at("out.ndjson")}`];
  const position = ["--position", jobs.at("position")];
  for (const way of [position, [...position, "--channel", jobs.at("channel")]])
    expect(await failure("tail", jobs.at("t.log"), ...out, ...way)).toContain('is written by the job "a"');
  expect(jobs.rows()).toEqual(["a1", "a2"]);
});
