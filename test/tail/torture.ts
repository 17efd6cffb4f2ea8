/** A writer that rotates at random, and the binary that follows it and is killed again and again. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { FAILPOINTS, TAIL_FAILPOINTS } from "../../src/base/failpoint.ts";
import { type Random, randomBelow } from "../crash/episode.ts";
import { binary } from "../support/binary.ts";
import { parquetRows } from "../support/warehouse.ts";
import { rotatingWriter } from "./rotating-writer.ts";

export interface TortureOptions {
  readonly seed: number;
  /** Lives that end by a kill. */
  readonly rounds: number;
  readonly follower: Follower;
  /** A fault of the test's own between two lives, which must be found out. */
  readonly meddle?: (folder: string) => void;
}

/** A program that follows the logs of a folder. */
export interface Follower {
  /** Makes what it needs. */
  prepare(folder: string): Promise<void>;
  args(folder: string): readonly string[];
  /** Of what is there now. */
  lastArgs(folder: string): readonly string[];
  /** The lines that have arrived. */
  given(folder: string): Promise<readonly string[]>;
  readonly isExactlyOnce: boolean;
  /** Where a life may end, if it does not end in the middle of anything. */
  readonly failpoints: readonly string[];
  /** How long a life goes on: until a while before it can do anything, and after. */
  readonly lifeMs: readonly [least: number, most: number];
}

export interface Torture {
  readonly kills: number;
  readonly lines: number;
  /** Empty where every line arrived as it should. */
  readonly wrong: readonly string[];
}

const MAX_PAUSE_MS = 30;
const MAX_PASSES = 6;

export async function torture(options: TortureOptions): Promise<Torture> {
  const folder = mkdtempSync(path.join(tmpdir(), "streamkit-tail-"));
  const { follower } = options;
  try {
    const random = randomBelow(options.seed);
    mkdirSync(path.join(folder, "logs/shop"), { recursive: true });
    await follower.prepare(folder);
    let given = new Set<string>();
    const isGiven = (lines: readonly string[]): boolean => lines.every((line) => given.has(line));
    const writer = rotatingWriter(path.join(folder, "logs"), random, isGiven);
    let kills = 0;
    const wrong: string[] = [];
    for (let round = 0; round < options.rounds && wrong.length === 0; round += 1) {
      given = new Set(await follower.given(folder));
      const stderr = await live(options, folder, random, () => writer.act());
      if (stderr === undefined) kills += 1;
      else if (stderr !== "") wrong.push(`round ${round}: ${stderr}`);
      for (let actions = random(4); actions > 0; actions -= 1) writer.act();
      options.meddle?.(folder);
    }
    writer.finish();
    if (wrong.length === 0) {
      const { code, stderr } = await last(follower.lastArgs(folder));
      if (code !== 0) wrong.push(`the last life ended with ${code}: ${stderr}`);
      wrong.push(...wrongLines(writer.lines, await follower.given(folder), follower.isExactlyOnce));
    }
    if (wrong.length > 0 && process.env["STREAMKIT_KEEP"] !== undefined) wrong.push(`kept: ${folder}`);
    return { kills, lines: writer.lines.length, wrong };
  } finally {
    if (process.env["STREAMKIT_KEEP"] === undefined) rmSync(folder, { recursive: true });
  }
}

/** Undefined where it was killed; what it said where it ended by itself. */
async function live(
  { follower }: TortureOptions,
  folder: string,
  random: Random,
  act: () => void,
): Promise<string | undefined> {
  const { failpoints } = follower;
  const failpoint = failpoints[random(3 * failpoints.length)];
  const env =
    failpoint === undefined ? {} : { STREAMKIT_FAILPOINT: `${failpoint}:${1 + random(MAX_PASSES)}` };
  const child = Bun.spawn([await binary(), ...follower.args(folder)], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const stderr = new Response(child.stderr).text();
  const [least, most] = follower.lifeMs;
  let leftMs = least + random(most - least);
  while (leftMs > 0 && child.exitCode === null && child.signalCode === null) {
    act();
    const pauseMs = Math.min(leftMs, random(MAX_PAUSE_MS));
    leftMs -= Math.max(1, pauseMs);
    await Bun.sleep(pauseMs);
  }
  child.kill("SIGKILL");
  await child.exited;
  return child.signalCode === "SIGKILL" ? undefined : `exit code ${child.exitCode}: ${await stderr}`;
}

async function last(args: readonly string[]): Promise<{ code: number; stderr: string }> {
  const child = Bun.spawn([await binary(), ...args], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const stderr = await new Response(child.stderr).text();
  return { code: await child.exited, stderr };
}

const SHOWN = 5;

/** What is wrong with the lines that arrived, beside those that were written. */
function wrongLines(
  written: readonly string[],
  given: readonly string[],
  isExactlyOnce: boolean,
): readonly string[] {
  const counts = new Map<string, number>();
  for (const line of given) counts.set(line, (counts.get(line) ?? 0) + 1);
  const expected = new Set(written);
  const missing = written.filter((line) => !counts.has(line));
  const strange = [...counts.keys()].filter((line) => !expected.has(line));
  const repeated = isExactlyOnce ? written.filter((line) => (counts.get(line) ?? 0) > 1) : [];
  return Object.entries({ missing, strange, repeated })
    .filter(([, lines]) => lines.length > 0)
    .map(([what, lines]) => `${lines.length} lines ${what}: ${lines.slice(0, SHOWN).join(" | ")}`);
}

function linesIn(file: string): readonly string[] {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
}

const GLOBS = ["app.log*", "shop/access.log*"];

export const tailCommand: Follower = {
  prepare: async () => {},
  args: (folder) => [
    "tail",
    ...GLOBS.map((glob) => path.join(folder, "logs", glob)),
    "--position",
    path.join(folder, "position"),
    "--out",
    `file:${path.join(folder, "out.log")}`,
  ],
  lastArgs: (folder) => [...tailCommand.args(folder), "--once"],
  given: async (folder) => linesIn(path.join(folder, "out.log")),
  isExactlyOnce: false,
  failpoints: TAIL_FAILPOINTS,
  lifeMs: [0, 300],
};

/** The same into Parquet: each line once. */
export const tailJob: Follower = {
  async prepare(folder) {
    const job = {
      name: "torture",
      checkpoint: "state",
      batch: 0,
      sources: {
        logs: {
          from: { tail: { path: GLOBS.map((glob) => `logs/${glob}`), file: "file" } },
          format: "lines",
        },
      },
      sinks: [{ from: "logs", parquet: { warehouse: "warehouse", table: "logs" } }],
    };
    await Bun.write(path.join(folder, "job.json"), JSON.stringify(job));
  },
  args: (folder) => ["process", path.join(folder, "job.json"), "--quiet"],
  lastArgs: (folder) => [...tailJob.args(folder), "--available-now"],
  given: async (folder) => {
    const table = path.join(folder, "warehouse/logs");
    if (!existsSync(table)) return [];
    return (await parquetRows(table)).map(({ line }) => String(line));
  },
  isExactlyOnce: true,
  failpoints: [...TAIL_FAILPOINTS, ...FAILPOINTS],
  lifeMs: [200, 900],
};
