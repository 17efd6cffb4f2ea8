/** One job from its first start to its last answer, killed on the way as often as it is told. */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FAILPOINTS } from "../../src/base/failpoint.ts";
import { binary } from "../e2e/binary.ts";
import { crashJob, linesFrom, takenId, wrongInSinks } from "./crash-job.ts";

/** When a life ends: at a failpoint as `name:times`, or so many milliseconds after its start. */
export type Death = { readonly failpoint: string } | { readonly afterMs: number };

export interface EpisodeOptions {
  readonly seed: number;
  /** The deaths of one life after the other; `random` goes on with the seed. */
  readonly deaths: (random: Random) => Iterable<Death>;
  /** A fault of the test's own between two lives, which must be found out. */
  readonly meddle?: (folder: string, life: number) => void;
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
export function* anyDeaths(lives: number, random: Random): Generator<Death> {
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

export async function runEpisode({ seed, deaths, meddle, elsewhere }: EpisodeOptions): Promise<Episode> {
  const folder = mkdtempSync(join(tmpdir(), "streamkit-crash-"));
  try {
    const random = randomBelow(seed);
    mkdirSync(join(folder, "in"));
    await Bun.write(join(folder, "job.yaml"), crashJob(elsewhere?.warehouse));
    const piped: string[] = [];
    const wrong: string[] = [];
    const survived: string[] = [];
    let filed = 0;
    let kills = 0;
    let taken = 0;
    const lookAtTaken = (): void => {
      const now = takenId(folder);
      if (now < taken) wrong.push(`line ${taken} was taken from the pipe, and is gone`);
      taken = now;
    };
    /** What comes next on the pipe: lines that were not taken come again, as they were. */
    const nextPiped = (): readonly string[] => {
      lookAtTaken();
      piped.push(...linesFrom(piped.length + 1, taken + LINES_A_LIFE - piped.length, random));
      return piped.slice(taken);
    };
    let life = -1;
    for (const death of deaths(random)) {
      life += 1;
      const file = linesFrom(filed + 1, LINES_A_LIFE, random);
      filed += file.length;
      await Bun.write(join(folder, `in/${String(life).padStart(4, "0")}.ndjson`), `${file.join("\n")}\n`);
      const { wasKilled, stderr, code } = await live(folder, nextPiped(), death, elsewhere?.env);
      if (wasKilled) kills += 1;
      else if (code === 0 && "failpoint" in death) survived.push(death.failpoint);
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
      wrong.push(...(await wrongInSinks(folder, piped)));
    }
    return { kills, survived, rows: piped.length + filed, wrong };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Life {
  readonly wasKilled: boolean;
  readonly code: number;
  readonly stderr: string;
}

/** Spawns the binary and waits until it is dead. */
async function live(
  folder: string,
  piped: readonly string[],
  death: Death,
  extraEnv: Readonly<Record<string, string>> = {},
): Promise<Life> {
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
