/** A channel on disk through many lives that end by kill -9, and what must have come out of it. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHANNEL_FAILPOINTS } from "../../src/base/failpoint.ts";
import { type Kill, type Random, randomBelow } from "../crash/episode.ts";

export type Mode = "exact" | "again" | "away";

export interface TortureOptions {
  readonly seed: number;
  readonly deaths: (random: Random) => Iterable<Kill>;
  /**
   * `exact`: the output knows how long it was, so that each block comes once; `again`: at least once; `away`:
   * nothing is delivered before the last life.
   */
  readonly mode: Mode;
  /** A fault of the test's own between two lives, which must be found out. */
  readonly meddle?: (folder: string, life: number) => void;
}

export interface Tortured {
  readonly kills: number;
  readonly survived: readonly string[];
  readonly blocks: number;
  readonly wrong: readonly string[];
}

const BLOCKS_A_LIFE = 60;
const MAX_PASSES = 3;
/** Half of it is the start. */
const MAX_LIFE_MS = 300;

export function* anyChannelDeaths(lives: number, random: Random): Generator<Kill> {
  for (let life = 0; life < lives; life += 1) {
    const name = CHANNEL_FAILPOINTS[random(2 * CHANNEL_FAILPOINTS.length)];
    yield name === undefined
      ? { afterMs: random(MAX_LIFE_MS) }
      : { failpoint: `${name}:${1 + random(MAX_PASSES)}` };
  }
}

export async function torture({ seed, deaths, mode, meddle }: TortureOptions): Promise<Tortured> {
  const folder = mkdtempSync(join(tmpdir(), "streamkit-channel-"));
  try {
    const random = randomBelow(seed);
    const safe: number[] = [];
    const survived: string[] = [];
    const wrong: string[] = [];
    let kills = 0;
    for (const death of deaths(random)) {
      const life = safe.length;
      const ended = await live([folder, String(life), String(BLOCKS_A_LIFE), String(seed), mode], death);
      safe.push(ended.safe);
      if (ended.wasKilled) kills += 1;
      else if (ended.code === 0)
        survived.push("failpoint" in death ? death.failpoint : `${death.afterMs} ms`);
      else wrong.push(`life ${life} (${JSON.stringify(death)}) ended with ${ended.code}: ${ended.stderr}`);
      if (wrong.length > 0) break;
      meddle?.(folder, life);
    }
    if (wrong.length === 0) {
      const last = await live([folder, String(safe.length), "0", String(seed), mode], undefined);
      if (last.code !== 0) wrong.push(`the last life ended with ${last.code}: ${last.stderr}`);
      else wrong.push(...wrongOutput(readFileSync(join(folder, "out"), "latin1"), safe, mode));
    }
    return { kills, survived, blocks: safe.reduce((sum, count) => sum + count, 0), wrong };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `safe` says of each life how many of its blocks were promised. */
export function wrongOutput(text: string, safe: readonly number[], mode: Mode): string[] {
  const wrong: string[] = [];
  const seen = new Set<string>();
  let last = { life: -1, number: -1 };
  const lines = text.split("\n").slice(0, -1);
  for (const [index, line] of lines.entries()) {
    const found = /^(\d+) (\d+) x*$/.exec(line);
    // What a life that was killed left of a line in a file that can't be cut back comes again.
    const comesAgain = (): boolean => lines.slice(index + 1).some((later) => later.startsWith(line));
    if (found === null && mode === "again" && comesAgain()) continue;
    if (found === null) {
      wrong.push(`no block of ours: "${line.slice(0, 60)}"`);
      continue;
    }
    const [life, number] = [Number(found[1]), Number(found[2])];
    const key = `${life} ${number}`;
    const isFirst = !seen.has(key);
    seen.add(key);
    if (!isFirst && mode !== "again") wrong.push(`block ${key} comes twice`);
    const isNext = life > last.life || (life === last.life && number === last.number + 1);
    if (isFirst && !isNext) wrong.push(`block ${key} comes after ${last.life} ${last.number}`);
    if (isFirst) last = { life, number };
  }
  for (const [life, count] of safe.entries())
    for (let number = 0; number < count; number += 1)
      if (!seen.has(`${life} ${number}`)) wrong.push(`block ${life} ${number} was safe, and is gone`);
  return wrong.slice(0, 10);
}

interface Ended {
  /** Blocks of which it was said that they are safe. */
  readonly safe: number;
  readonly wasKilled: boolean;
  readonly code: number;
  readonly stderr: string;
}

async function live(args: readonly string[], death: Kill | undefined): Promise<Ended> {
  const env = death !== undefined && "failpoint" in death ? { STREAMKIT_FAILPOINT: death.failpoint } : {};
  const child = Bun.spawn([process.execPath, join(import.meta.dirname, "channel-life.ts"), ...args], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const texts = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if (death !== undefined && "afterMs" in death) {
    await Bun.sleep(death.afterMs);
    child.kill("SIGKILL");
  }
  const code = await child.exited;
  const [stdout, stderr] = await texts;
  const safe = Number(stdout.trimEnd().split("\n").at(-1) ?? 0);
  return { safe, wasKilled: child.signalCode === "SIGKILL", code, stderr };
}
