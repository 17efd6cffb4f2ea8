/**
 * npm run soak: a job under a moderate rate for as long as one likes, killed and started again on the way,
 * with a page that watches it. Prints what it holds as a table, and fails where that grows or an answer is
 * wrong.
 */

import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePorts } from "../services/ports.ts";
import { binary, emptyFolder } from "../support/binary.ts";
import { startFeed } from "./feed.ts";
import { soakJob, wrongAfter } from "./job.ts";

const HELP = `npm run soak -- [--minutes N] [--rate N] [--kill-after SECONDS]

  --minutes N     how long (30)
  --rate N        events a second (1000)
  --kill-after S  kill -9 and start again after each S seconds (120)
`;
const SAMPLE_MS = 5000;
const MAX_GROWTH = 1.25;
const MEGABYTE = 1_000_000;

interface Sample {
  readonly seconds: number;
  readonly memoryMb: number;
  readonly openFiles: number;
  readonly checkpointMb: number;
}

const { minutes, rate, killAfterMs } = flags();
using temporary = emptyFolder();
const folder = temporary.path;
const [port = 0, pagePort = 0] = await freePorts(2);
mkdirSync(join(folder, "log"));
writeFileSync(join(folder, "log/app.log"), "");
writeFileSync(join(folder, "job.yaml"), soakJob(port));

const startedMs = performance.now();
const samples: Sample[] = [];
const elapsedMs = (): number => performance.now() - startedMs;
let kills = 0;
let child = await started();
let page = watching();
const feed = startFeed(folder, port, rate);
say("   time  memory  files  checkpoint  kills  events");
for (let lifeMs = performance.now(); elapsedMs() < minutes * 60_000; ) {
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
say(`${feed.sent.size} events, ${kills} kills, ${minutes} minutes: ${verdict}`);
process.exitCode = wrong.length === 0 ? 0 : 1;

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
  return {
    seconds: Math.round(elapsedMs() / 1000),
    memoryMb: Math.round((Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024) / MEGABYTE),
    openFiles: readdirSync(`/proc/${pid}/fd`).length,
    checkpointMb: sizeOf(join(folder, "state")) / MEGABYTE,
  };
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

function flags(): { readonly minutes: number; readonly rate: number; readonly killAfterMs: number } {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean", short: "h" },
      minutes: { type: "string", default: "30" },
      rate: { type: "string", default: "1000" },
      "kill-after": { type: "string", default: "120" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const [minutes, rate, seconds] = [values.minutes, values.rate, values["kill-after"]].map(Number);
  if (!(Number(minutes) > 0 && Number(rate) > 0 && Number(seconds) > 0))
    fail(`Numbers over 0 are expected\n\n${HELP}`);
  return { minutes: Number(minutes), rate: Number(rate), killAfterMs: Number(seconds) * 1000 };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}
