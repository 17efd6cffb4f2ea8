/**
 * A job's examples: rows go in, rows are expected to come out. Each runs through the real engine, and in two
 * ways: all rows in one batch, and each in a batch of its own; what comes out may not depend on that.
 */

import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import type { Database } from "../duckdb/database.ts";
import { raw, sql } from "../duckdb/sql.ts";
import { readTree, type TreeNode, writeTree } from "../duckdb/syntax.ts";
import type { Output } from "../engine/outputs.ts";
import { firstLetter } from "../formats/dead-letters.ts";
import { jsonFormat } from "../formats/json.ts";
import { rowJson } from "../formats/json-rows.ts";
import { readSegment } from "../formats/read-segment.ts";
import type { LoadedJob } from "../job/load.ts";
import type { SourceConfig, TestConfig } from "../job/schema.ts";
import { type ExampleLine, exampleLines } from "./example-input.ts";
import { type Answer, appliedRows, compareRows, type Difference, linesOf } from "./rows.ts";
import { openRun, rowFiles, type Share } from "./run.ts";

export interface ExampleResult {
  readonly name: string;
  /** Empty where all is as expected. */
  readonly failures: readonly ExampleFailure[];
}

export interface ExampleFailure {
  /** How the input was cut, in words; several where they gave the same. */
  readonly ways: readonly string[];
  readonly output: string;
  readonly difference: Difference;
  /** Rows that the watermark dropped. */
  readonly lateRows: number;
}

interface Way {
  readonly name: string;
  /** How many lines each batch takes; what is left comes in one more. */
  readonly batches: readonly number[];
}

/** One after the other. Throws code `job` at the place of what is no row, no column or no value. */
export async function* runExamples(job: LoadedJob, clock: Clock): AsyncGenerator<ExampleResult> {
  for (const [index, test] of job.config.tests.entries()) {
    const folder = await temporaryFolder("test");
    try {
      const lines = exampleLines(job, test, index);
      const failures: ExampleFailure[] = [];
      for (const [number, way] of waysOf(test, lines.length).entries()) {
        const runFolder = path.join(folder, String(number));
        const example = { test, index, lines, way, folder: runFolder, clock };
        failures.push(
          ...(await runExample(job, example).catch((error: unknown) => {
            const isInput = error instanceof StreamkitError && error.code === "input";
            throw isInput ? job.errorAt(["tests", index, "input"], error.message, error) : error;
          })),
        );
      }
      yield { name: test.name, failures: inOneWord(failures) };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

function waysOf({ batches }: TestConfig, lines: number): readonly Way[] {
  const one: Way = { name: "all rows in one batch", batches: [lines] };
  const each: Way = { name: "each row a batch", batches: Array<number>(lines).fill(1) };
  if (batches === "one") return [one];
  if (batches === "each") return [each];
  if (batches !== undefined) return [{ name: `batches of ${batches.join(", ")} rows`, batches }];
  return lines > 1 ? [one, each] : [one];
}

/** Failures that differ in the way alone. */
function inOneWord(failures: readonly ExampleFailure[]): readonly ExampleFailure[] {
  const same = new Map<string, ExampleFailure>();
  for (const failure of failures) {
    const key = JSON.stringify([failure.output, failure.difference, failure.lateRows]);
    same.set(key, { ...failure, ways: [...(same.get(key)?.ways ?? []), ...failure.ways] });
  }
  return [...same.values()];
}

interface Example {
  readonly test: TestConfig;
  readonly index: number;
  readonly lines: readonly ExampleLine[];
  readonly way: Way;
  readonly folder: string;
  readonly clock: Clock;
}

async function runExample(job: LoadedJob, example: Example): Promise<readonly ExampleFailure[]> {
  const { test, index, lines, way, folder, clock } = example;
  const running = await withExampleFiles(job, example);
  const run = await openRun(running, { folder, clock, isDurable: false });
  try {
    let lateRows = 0;
    for (const share of [...sharesOf(lines, way), undefined])
      lateRows += (await run.batch(share ?? {}, share === undefined)).report.lateRows;
    const { database, prepared } = run.open();
    const failures: ExampleFailure[] = [];
    for (const [name, rows] of Object.entries(test.expect)) {
      const output = prepared.outputs.get(name);
      if (output === undefined) throw new StreamkitError("bug", `No output ${name}`);
      const columns = namedColumns(job, rows, output, ["tests", index, "expect", name]);
      const keyPath = ["tests", index, "expect", name];
      const expected = await expectedAnswer(job, keyPath, { database, rows, columns, folder });
      const written = linesOf(run.written(name));
      const found = output.mode === "append" ? written : appliedRows(written, output.key);
      const difference = compareRows(
        found.map((row) => picked(row, columns)),
        expected,
      );
      if (difference !== undefined) failures.push({ ways: [way.name], output: name, difference, lateRows });
    }
    return failures;
  } finally {
    await run.close();
  }
}

/** The job with files in the place of its sources, which hold the example's lines, and of its sinks. */
async function withExampleFiles(job: LoadedJob, { test, lines, folder }: Example): Promise<LoadedJob> {
  const inputs = path.join(folder, "in");
  await mkdir(inputs, { recursive: true });
  const sources: Record<string, SourceConfig> = {};
  for (const [name, source] of Object.entries(job.config.sources)) {
    const file = path.join(inputs, name);
    const own = lines.filter((line) => line.source === name);
    await writeFile(file, own.map(({ text }) => text).join(""));
    sources[name] = { ...source, from: { files: { path: file } } };
  }
  const sinks = [...rowFiles(Object.keys(test.expect))];
  return { ...job, config: { ...job.config, sources, sinks } };
}

function sharesOf(lines: readonly ExampleLine[], { batches }: Way): readonly Share[] {
  let taken = 0;
  const shareOf = (count: number): Share => {
    const share: Record<string, number> = {};
    for (const { source, text } of lines.slice(taken, taken + count))
      share[source] = (share[source] ?? 0) + Buffer.byteLength(text);
    taken += count;
    return share;
  };
  const shares = batches.map(shareOf);
  return taken < lines.length ? [...shares, shareOf(lines.length)] : shares;
}

type ExampleRows = TestConfig["expect"][string];

/** The output's columns that the expected rows name; all where no row is expected. */
function namedColumns(
  job: LoadedJob,
  rows: ExampleRows,
  { name, columns }: Output,
  keyPath: readonly PropertyKey[],
): Output["columns"] {
  for (const [index, row] of rows.entries())
    for (const key of Object.keys(row))
      if (!columns.some((column) => column.name === key))
        throw job.errorAt(
          [...keyPath, index, key],
          `${name} has no column "${key}": found ${columns.map((column) => column.name).join(", ")}`,
        );
  return rows.length === 0 ? columns : columns.filter((column) => rows.some((row) => column.name in row));
}

interface Expected {
  readonly database: Database;
  readonly rows: ExampleRows;
  readonly columns: Output["columns"];
  readonly folder: string;
}

/** The rows as the columns' types make them: `2026-01-05T14:30:00Z` and 14:30:00.000 are the same time. */
async function expectedAnswer(
  job: LoadedJob,
  keyPath: readonly PropertyKey[],
  { database, rows, columns, folder }: Expected,
): Promise<Answer> {
  const inexact = columns.filter(({ type }) => /DOUBLE|FLOAT/.test(type)).map(({ name }) => name);
  if (rows.length === 0 || columns.length === 0) return { rows: rows.map(() => "{}"), inexact };
  const file = path.join(folder, "expected.ndjson");
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const { size: sizeBytes } = await stat(file);
  const piece = { origin: file, originOffset: 0, segmentOffset: 0 };
  const shape = { columns, header: undefined, delimiter: ",", pattern: undefined };
  const { deadLetters } = await readSegment(
    database,
    { path: file, sizeBytes, pieces: [piece], header: undefined },
    { format: jsonFormat, shape, select: raw("*") },
    "_expected",
    raw("SELECT count(*) AS rows FROM _expected"),
  );
  const misfit = await firstLetter(database, deadLetters);
  if (misfit !== undefined)
    throw job.errorAt([...keyPath, misfit.number], `a value does not fit its column: ${misfit.reason}`);
  const read = await database.rows(sql`SELECT ${rowJson(columns)} AS json FROM _expected`);
  return { rows: read.map((row) => picked(String(row["json"]), columns)), inexact };
}

/** The row with these columns alone, in their order. */
function picked(row: string, columns: Output["columns"]): string {
  const parsed = readTree(row) as TreeNode;
  return writeTree(Object.fromEntries(columns.map(({ name }) => [name, parsed[name] ?? null])));
}
