/** The access-log job in the benchmark: `fixtures/access-log.yaml`, with and without its archive of raw lines. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { byTurns, median, type Row, timed, timedInShell } from "./measure.ts";

const LINES = 2_000_000;
const TURNS = 3;

const root = join(import.meta.dir, "../..");
const streamkit = join(root, "dist/streamkit");
const bun = join(root, "node_modules/.bin/bun");

export async function accessLogRows(folder: string): Promise<readonly Row[]> {
  const log = join(folder, "access.log");
  const flags = `--rate 0 --count ${LINES} --seed 1 --start 2026-01-05T14:30:00Z --step 2ms`;
  await timedInShell(`${streamkit} simulate access-log ${flags} --out file:${log}`);
  const outputs = join(folder, "logs-out");
  const places: Readonly<Record<string, string>> = {
    LOG: log,
    STATE: join(outputs, "state"),
    WAREHOUSE: join(outputs, "warehouse"),
    ARCHIVE: join(outputs, "archive"),
    DEAD: join(outputs, "dead"),
  };
  const fixture = readFileSync(join(root, "fixtures/access-log.yaml"), "utf8");
  const filled = fixture.replaceAll(/\$\{(\w+)[^}]*\}/g, (_, name: string) => places[name] ?? "");
  const job = parse(filled) as { sources: object; sinks: readonly { from: string }[] };
  const { lines: _lines, ...sources } = job.sources as Record<string, object>;
  const sinks = job.sinks.filter(({ from }) => from !== "lines");
  const [whole, counted] = ["whole.json", "counted.json"].map((name) => join(folder, name));
  writeFileSync(whole ?? "", JSON.stringify(job));
  writeFileSync(counted ?? "", JSON.stringify({ ...job, sources, sinks }));
  const once = async (file: string) => {
    rmSync(outputs, { recursive: true, force: true });
    mkdirSync(outputs);
    return timed([streamkit, "process", file, "--once", "--quiet"]);
  };
  const batch = async (): Promise<number> =>
    (await timed([bun, join(root, "test/bench/reference.ts"), "access-log", log])).seconds;
  const rows: Row[] = [];
  for (const [file, what] of [
    [counted, "access-log job: tail → parse → counts by minute → Parquet; reference: one DuckDB batch"],
    [whole, "the same, lines archived too: the log is read twice; reference: the same batch"],
  ] as const) {
    const { ours, reference } = await byTurns(TURNS, () => once(file ?? ""), batch);
    const seconds = median(ours.map((run) => run.seconds));
    const peakMb = Math.max(...ours.map(({ peakBytes }) => peakBytes)) / 2 ** 20;
    rows.push({
      what,
      ours: `${millions(seconds)}, ${peakMb.toFixed(0)} MiB`,
      reference: millions(median(reference)),
      ratio: (median(reference) / seconds).toFixed(2),
      target: file === counted ? "≥ 1 M/s" : "–",
    });
  }
  return rows;
}

function millions(seconds: number): string {
  return `${(LINES / seconds / 1e6).toFixed(2)} M/s`;
}
