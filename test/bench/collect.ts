/** Collecting in the benchmark: a file through a channel on disk into another file, beside `cp` of it. */

import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { byTurns, median, type Row, timedInShell } from "./measure.ts";

const TURNS = 3;
/** Flume 1.11 TAILDIR → file channel → file_roll on this machine's like: lines a second. */
const FLUME_FILE_CHANNEL = 50_000;

const streamkit = join(import.meta.dir, "../../dist/streamkit");

/** `file` has so many lines. */
export async function collectRows(file: string, lines: number, folder: string): Promise<readonly Row[]> {
  const [channel, ours, copy] = ["channel", "collected", "copied"].map((name) => join(folder, name));
  const clean = async (): Promise<void> => {
    for (const path of [channel, ours, copy])
      if (path !== undefined) rmSync(path, { recursive: true, force: true });
    // What the run before left in memory is not this one's to write.
    await timedInShell("sync");
  };
  const { ours: runs, reference } = await byTurns(
    TURNS,
    async () => {
      await clean();
      return timedInShell(`${streamkit} tail ${file} --once --channel ${channel} --out file:${ours}`);
    },
    async () => {
      await clean();
      return (await timedInShell(`cp ${file} ${copy}`)).seconds;
    },
  );
  await clean();
  const megabytes = statSync(file).size / 1e6;
  const [seconds, copySeconds] = [median(runs.map((run) => run.seconds)), median(reference)];
  const peakMb = Math.max(...runs.map(({ peakBytes }) => peakBytes)) / 2 ** 20;
  return [
    {
      what: "tail --channel DIR → file, synced on the way and at the end; reference: cp, which syncs nothing",
      ours: `${(megabytes / seconds).toFixed(0)} MB/s, ${peakMb.toFixed(0)} MiB`,
      reference: `${(megabytes / copySeconds).toFixed(0)} MB/s`,
      ratio: (copySeconds / seconds).toFixed(2),
      target: "≥ 150 MB/s or ≥ 0.4",
    },
    {
      what: "the same; reference: Flume 1.11, TAILDIR → file channel → file_roll, as measured once",
      ours: `${(lines / seconds / 1e6).toFixed(2)} M lines/s`,
      reference: `${(FLUME_FILE_CHANNEL / 1e6).toFixed(2)} M lines/s`,
      ratio: (lines / seconds / FLUME_FILE_CHANNEL).toFixed(0),
      target: "≥ 40",
    },
  ];
}
