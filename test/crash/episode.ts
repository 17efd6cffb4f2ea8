/** One job from its first start to its last answer, killed on the way as often as it is told. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { FAILPOINTS } from "../../src/base/failpoint.ts";
import { linesOf } from "../../src/verify/rows.ts";
import type { Fault, FaultyDisk } from "../services/fuse/faulty-disk.ts";
import { binary } from "../support/binary.ts";
import { crashJob, linesFrom, takenId, wrongInSinks } from "./crash-job.ts";

/** When a life is killed: at a failpoint as `name:times`, or so many milliseconds after its start. */
export type Kill = { readonly failpoint: string } | { readonly afterMs: number };
/** When it ends: it is killed, or its disk fails. */
export type Death = Kill | { readonly fault: Fault };

export interface EpisodeOptions {
  readonly seed: number;
  /** The deaths of one life after the other; `random` goes on with the seed. */
  readonly deaths: (random: Random) => Iterable<Death>;
  /** A fault of the test's own between two lives, which must be found out. */
  readonly meddle?: (folder: string, life: number) => void;
  /** Has all that the job writes; its input is elsewhere. */
  readonly disk?: FaultyDisk;
  /** What a pipe gave and no batch has committed may be gone after a power cut: nobody gives it again. */
  readonly forgetsPipe?: boolean;
  /** Where the tables are, if not in the folder; and how they come into its `wh` at the end. */
  readonly elsewhere?: {
    readonly warehouse: string;
    readonly env?: Readonly<Record<string, string>>;
    fetch(into: string): Promise<void>;
  };
}

export interface Episode {
  readonly kills: number;
  /** Failpoints that were not passed so often: the process came to its end. */
  readonly survived: readonly string[];
  readonly rows: number;
  /** Empty where every sink has the batch answer. */
  readonly wrong: readonly string[];
}

/** A whole number below `below`. */
export type Random = (below: number) => number;

const LINES_A_LIFE = 120;
const MAX_PASSES = 4;
/** From before a life's first batch until after its last. */
const MAX_LIFE_MS = 700;

/** For so many lives: any failpoint at one of its first passes, or any moment. */
export function* anyDeaths(lives: number, random: Random): Generator<Kill> {
  for (let life = 0; life < lives; life += 1) {
    const name = FAILPOINTS[random(2 * FAILPOINTS.length)];
    yield name === undefined
      ? { afterMs: random(MAX_LIFE_MS) }
      : { failpoint: `${name}:${1 + random(MAX_PASSES)}` };
  }
}

/** A repeatable sequence of whole numbers below `below` (Lehmer's generator). */
export function randomBelow(seed: number): Random {
  let state = seed % 2_147_483_647 || 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

export async function runEpisode(options: EpisodeOptions): Promise<Episode> {
  const { seed, deaths, meddle, elsewhere, disk, forgetsPipe = false } = options;
  const folder = mkdtempSync(join(tmpdir(), "streamkit-crash-"));
  try {
    const random = randomBelow(seed);
    mkdirSync(join(folder, "in"));
    if (disk !== undefined) putOn(disk, folder);
    await Bun.write(join(folder, "job.yaml"), crashJob(elsewhere?.warehouse));
    const piped: string[] = [];
    const wrong: string[] = [];
    const survived: string[] = [];
    let filed = 0;
    let kills = 0;
    let taken = 0;
    const lookAtTaken = (): void => {
      const now = takenId(folder);
      if (now < taken && !forgetsPipe) wrong.push(`line ${taken} was taken from the pipe, and is gone`);
      taken = now;
    };
    /** What comes next on the pipe: lines that were not taken come again, as they were. */
    const nextPiped = (): readonly string[] => {
      lookAtTaken();
      const given = forgetsPipe ? piped.length : taken;
      piped.push(...linesFrom(piped.length + 1, given + LINES_A_LIFE - piped.length, random));
      return piped.slice(given);
    };
    let life = -1;
    for (const death of deaths(random)) {
      life += 1;
      const file = linesFrom(filed + 1, LINES_A_LIFE, random);
      filed += file.length;
      await Bun.write(join(folder, `in/${String(life).padStart(4, "0")}.ndjson`), `${file.join("\n")}\n`);
      const started = { folder, disk, env: elsewhere?.env ?? {} };
      const { wasKilled, stderr, code } = await live(started, nextPiped(), death);
      if (wasKilled) kills += 1;
      else if (code === 0 && "failpoint" in death) survived.push(death.failpoint);
      else if ("fault" in death && isClear(code, stderr)) survived.push(death.fault.kind);
      else wrong.push(`life ${life} (${JSON.stringify(death)}) ended with ${code}: ${stderr}`);
      if (wrong.length > 0) return { kills, survived, rows: piped.length + filed, wrong };
      lookAtTaken();
      meddle?.(folder, life);
    }
    const last = await spawned(folder, ["--once"], elsewhere?.env ?? {}, new Blob([text(nextPiped())]));
    const stderr = await new Response(last.stderr).text();
    const code = await last.exited;
    if (code !== 0) wrong.push(`the last life ended with ${code}: ${stderr}`);
    else {
      await elsewhere?.fetch(join(folder, "wh"));
      wrong.push(...(await wrongInSinks(folder, forgetsPipe ? writtenOf(folder, piped) : piped)));
    }
    return { kills, survived, rows: piped.length + filed, wrong };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface Life {
  readonly wasKilled: boolean;
  readonly code: number;
  readonly stderr: string;
}

/** The lines that the sink has; that it has each once and unchanged is for the answers to tell. */
function writtenOf(folder: string, piped: readonly string[]): readonly string[] {
  const rows = linesOf(readFileSync(join(folder, "out/piped_rows.ndjson"), "utf8"));
  const ids = new Set(rows.map((line) => (JSON.parse(line) as { id: number }).id));
  return piped.filter((_, index) => ids.has(index + 1));
}

/** The end of a life whose disk failed: it got over that, or said what went wrong, as a person reads it. */
function isClear(code: number, stderr: string): boolean {
  if (code === 0) return true;
  return code === 1 && /^streamkit: /m.test(stderr) && !/\n {4}at |is a bug/.test(stderr);
}

/** The folders that the job writes into lie on the disk. */
function putOn(disk: FaultyDisk, folder: string): void {
  for (const name of ["state", "out", "wh"]) {
    const target = join(disk.path, basename(folder), name);
    mkdirSync(target, { recursive: true });
    symlinkSync(target, join(folder, name));
  }
  disk.sync();
}

interface Started {
  readonly folder: string;
  readonly disk: FaultyDisk | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/** Spawns the binary and waits until it is dead. */
async function live(
  { folder, disk, env: extraEnv }: Started,
  piped: readonly string[],
  death: Death,
): Promise<Life> {
  if ("fault" in death) {
    disk?.order({ fault: death.fault });
    const child = await spawned(folder, ["--available-now"], extraEnv, new Blob([text(piped)]));
    const stderr = await new Response(child.stderr).text();
    const code = await child.exited;
    const told = disk?.state().told.join(", ") ?? "";
    disk?.order({});
    return { code, wasKilled: child.signalCode === "SIGKILL", stderr: `${stderr}(${told})` };
  }
  if ("failpoint" in death) {
    const env = { ...extraEnv, STREAMKIT_FAILPOINT: death.failpoint };
    const child = await spawned(folder, ["--available-now"], env, new Blob([text(piped)]));
    const stderr = await new Response(child.stderr).text();
    return { code: await child.exited, wasKilled: child.signalCode === "SIGKILL", stderr };
  }
  const child = await spawned(folder, [], extraEnv, "pipe");
  const stderr = new Response(child.stderr).text();
  // In two pieces: the second comes while the first is worked on, or is not read at all.
  const middle = Math.floor(piped.length / 2);
  void child.stdin?.write(text(piped.slice(0, middle)));
  await Bun.sleep(death.afterMs / 2);
  void child.stdin?.write(text(piped.slice(middle)));
  await Bun.sleep(death.afterMs / 2);
  child.kill("SIGKILL");
  const code = await child.exited;
  return { code, wasKilled: child.signalCode === "SIGKILL", stderr: await stderr };
}

/** The binary with the folder's job. */
export async function spawned<In extends "pipe" | Blob>(
  folder: string,
  flags: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin: In,
) {
  return Bun.spawn([await binary(), "process", join(folder, "job.yaml"), ...flags], {
    env: { ...process.env, ...env },
    stdin,
    stdout: "ignore",
    stderr: "pipe",
  });
}

export function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
