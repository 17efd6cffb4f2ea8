/**
 * npm run soak: a job under a moderate rate for as long as one likes, killed and started again on the way,
 * with a page that watches it. Prints what it holds as a table, and fails where that grows or an answer is
 * wrong. With --batches it runs batch after batch until there are so many.
 */

import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readPlanFile } from "../../src/checkpoint/batch-plan-file.ts";
import { freePorts } from "../services/ports.ts";
import { binary, emptyFolder } from "../support/binary.ts";
import { startFeed } from "./feed.ts";
import { soakJob, wrongAfter } from "./job.ts";

const HELP = `npm run soak -- [--minutes N] [--batches N] [--rate N] [--kill-after SECONDS]

  --minutes N     how long (30; with --batches, at most: no end)
  --batches N     until so many batches are committed, one after the other without a pause
  --rate N        events a second (1000)
  --kill-after S  kill -9 and start again after each S seconds (120)
`;
const SAMPLE_MS = 5000;
const MAX_GROWTH = 1.25;
const MEGABYTE = 1_000_000;

interface Sample {
  readonly seconds: number;
  readonly batches: number;
  readonly memoryMb: number;
  readonly openFiles: number;
  readonly checkpointMb: number;
}

const { minutes, batches, rate, killAfterMs } = flags();
using temporary = emptyFolder();
const folder = temporary.path;
const [port = 0, pagePort = 0] = await freePorts(2);
mkdirSync(join(folder, "log"));
writeFileSync(join(folder, "log/app.log"), "");
writeFileSync(join(folder, "job.yaml"), soakJob(port, batches === undefined ? "200ms" : 0));

const startedMs = performance.now();
const samples: Sample[] = [];
const elapsedMs = (): number => performance.now() - startedMs;
let kills = 0;
let committed = 0;
let child = await started();
let page = watching();
const feed = startFeed(folder, port, rate, batches === undefined ? 100 : 10);
say("   time  batches  memory  files  checkpoint  kills  events");
for (let lifeMs = performance.now(); isOn(); ) {
  await Bun.sleep(SAMPLE_MS);
  if (child.exitCode !== null)
    fail(`It ended with ${child.exitCode}: ${await new Response(child.stderr).text()}`);
  samples.push(sampleOf(child.pid));
  tell(samples.at(-1));
  if (performance.now() - lifeMs < killAfterMs) continue;
  page.close();
  child.kill("SIGKILL");
  await child.exited;
  kills += 1;
  child = await started();
  page = watching();
  lifeMs = performance.now();
}
await feed.stop();
page.close();
child.kill("SIGTERM");
await child.exited;
await (await started("--once")).exited;
const wrong = [...(await wrongAfter(folder, feed.sent)), ...growth(samples)];
for (const line of wrong) say(`WRONG: ${line}`);
const verdict = wrong.length === 0 ? "all is right" : "see above";
const spent = `${committed} batches, ${Math.round(elapsedMs() / 60_000)} minutes`;
say(`${feed.sent.size} events, ${kills} kills, ${spent}: ${verdict}`);
process.exitCode = wrong.length === 0 ? 0 : 1;

function isOn(): boolean {
  return elapsedMs() < minutes * 60_000 && (batches === undefined || committed < batches);
}

async function started(...extra: string[]) {
  const serve = extra.length > 0 ? [] : ["--serve", String(pagePort)];
  return Bun.spawn([await binary(), "process", "job.yaml", "--quiet", ...serve, ...extra], {
    cwd: folder,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
}

/** A page that reads all it is given, as soon as there is one. */
function watching(): { close(): void } {
  let isClosed = false;
  let socket: WebSocket | undefined;
  const open = (): void => {
    if (isClosed) return;
    socket = new WebSocket(`ws://127.0.0.1:${pagePort}/live`);
    socket.onclose = () => setTimeout(open, SAMPLE_MS);
  };
  open();
  return {
    close() {
      isClosed = true;
      socket?.close();
    },
  };
}

function sampleOf(pid: number): Sample {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  committed = batchIn(join(folder, "state")) ?? committed;
  return {
    seconds: Math.round(elapsedMs() / 1000),
    batches: committed,
    memoryMb: Math.round((Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024) / MEGABYTE),
    openFiles: readdirSync(`/proc/${pid}/fd`).length,
    checkpointMb: sizeOf(join(folder, "state")) / MEGABYTE,
  };
}

/** Undefined while the plan is being written. */
function batchIn(checkpoint: string): number | undefined {
  return (readPlanFile(checkpoint) as { readonly batch: number } | undefined)?.batch;
}

function sizeOf(path: string): number {
  return readdirSync(path, { recursive: true, encoding: "utf8" }).reduce(
    (sum, name) => sum + (statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

function tell(sample: Sample | undefined): void {
  if (sample === undefined) return;
  const { seconds, memoryMb, openFiles, checkpointMb } = sample;
  const cells = [
    `${seconds} s`.padStart(7),
    String(sample.batches).padStart(8),
    `${memoryMb} MB`.padStart(7),
    String(openFiles).padStart(6),
    `${checkpointMb.toFixed(1)} MB`.padStart(11),
    String(kills).padStart(6),
    String(feed.sent.size).padStart(7),
  ];
  say(cells.join(" "));
}

/** The last third beside the middle one, by their medians. */
function growth(all: readonly Sample[]): string[] {
  const third = Math.floor(all.length / 3);
  if (third < 3) return [];
  return (["memoryMb", "openFiles", "checkpointMb"] as const).flatMap((what) => {
    const of = (part: readonly Sample[]) =>
      part.map((sample) => sample[what]).toSorted((a, b) => a - b)[part.length >> 1] ?? 0;
    const [middle, last] = [of(all.slice(third, 2 * third)), of(all.slice(2 * third))];
    return last > middle * MAX_GROWTH && last - middle > 10 ? [`${what} grew from ${middle} to ${last}`] : [];
  });
}

interface SoakFlags {
  readonly minutes: number;
  readonly batches: number | undefined;
  readonly rate: number;
  readonly killAfterMs: number;
}

function flags(): SoakFlags {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean", short: "h" },
      minutes: { type: "string" },
      batches: { type: "string" },
      rate: { type: "string", default: "1000" },
      "kill-after": { type: "string", default: "120" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const batches = values.batches === undefined ? undefined : Number(values.batches);
  const minutes = Number(values.minutes ?? (batches === undefined ? 30 : Number.POSITIVE_INFINITY));
  const rate = Number(values.rate);
  const killAfterMs = 1000 * Number(values["kill-after"]);
  for (const number of [minutes, rate, killAfterMs, batches ?? 1])
    if (!(number > 0)) fail(`Numbers over 0 are expected\n\n${HELP}`);
  return { minutes, batches, rate, killAfterMs };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}
