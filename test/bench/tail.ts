/** Following files: how fast the bytes go through, and what it costs to look at files that rest. */

import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { byTurns, median, type Row, timedInShell } from "./measure.ts";

export interface TailBench {
  readonly streamkit: string;
  /** An empty one. */
  readonly folder: string;
  readonly turns: number;
}

export async function tailRows({ streamkit, folder, turns }: TailBench): Promise<Row[]> {
  mkdirSync(folder, { recursive: true });
  return [await throughput(streamkit, folder, turns), await atRest(streamkit, folder)];
}

const SIZE_BYTES = 1_000_000_000;

async function throughput(streamkit: string, folder: string, turns: number): Promise<Row> {
  const log = join(folder, "big.log");
  const lines = Array.from(
    { length: 10_000 },
    (_, n) => `192.0.2.${n % 250} - - "GET /page/${n}" 200 ${n * 7}\n`,
  );
  const block = Buffer.from(lines.join(""));
  // Block by block: a child's peak is told to be that of the process that it came from, if that is larger.
  const file = openSync(log, "w");
  for (let size = 0; size < SIZE_BYTES; size += block.length) writeSync(file, block);
  closeSync(file);
  const { ours, reference } = await byTurns(
    turns,
    () => timedInShell(`${streamkit} tail ${log} --once`),
    async () => (await timedInShell(`cat ${log}`)).seconds,
  );
  const seconds = median(ours.map((run) => run.seconds));
  const rate = (of: number): string => `${(SIZE_BYTES / of / 1e9).toFixed(2)} GB/s`;
  return {
    what: "tail of 1 GB → /dev/null; reference: cat",
    ours: rate(seconds),
    reference: rate(median(reference)),
    ratio: (median(reference) / seconds).toFixed(2),
    target: "ratio ≥ 0.5",
  };
}

const FILES = 1000;
const REST_MS = 30_000;
const SETTLE_MS = 8000;
/** Of `utime` and `stime`: the kernel counts in hundredths of a second. */
const TICK_MS = 10;

async function atRest(streamkit: string, folder: string): Promise<Row> {
  const logs = join(folder, "logs");
  mkdirSync(logs);
  for (let file = 0; file < FILES; file += 1) writeFileSync(join(logs, `${file}.log`), "one line\n");
  const child = Bun.spawn([streamkit, "tail", join(logs, "*.log")], { stdout: "ignore", stderr: "ignore" });
  try {
    await Bun.sleep(SETTLE_MS);
    const before = cpuMs(child.pid);
    await Bun.sleep(REST_MS);
    const share = (cpuMs(child.pid) - before) / REST_MS;
    return {
      what: "1,000 followed files at rest: share of a core",
      ours: `${(share * 100).toFixed(2)} %`,
      reference: "–",
      ratio: "–",
      target: "≤ 1 %",
    };
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  // Behind the name in parentheses, user and system time are the 12th and 13th.
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
