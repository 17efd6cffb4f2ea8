/** Every line arrives, whatever rotation does and however often the follower is killed. */

import { expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  type Follower,
  type Torture,
  type TortureOptions,
  tailCommand,
  tailJob,
  torture,
} from "./torture.ts";

const SEED = Number(process.env["STREAMKIT_TORTURE_SEED"] ?? 1);
const ROUNDS = Number(process.env["STREAMKIT_TORTURE_ROUNDS"] ?? 110);
const MINUTES_MS = 5 * 60_000;

function expectWhole({ wrong }: Torture): void {
  const command = `STREAMKIT_TORTURE_SEED=${SEED} bun test test/tail/torture.test.ts`;
  expect(wrong, `repeat with ${command}`).toEqual([]);
}

test(
  `${ROUNDS} lives of tail: each line at least once`,
  async () => expectWhole(await torture({ seed: SEED, rounds: ROUNDS, follower: tailCommand })),
  MINUTES_MS,
);

test(
  `${ROUNDS} lives of a job from tail to Parquet: each line once`,
  async () => expectWhole(await torture({ seed: SEED + 1, rounds: ROUNDS, follower: tailJob })),
  MINUTES_MS,
);

/** Where a kill falls is the machine's choice: not each torture meets the moment that matters. */
const MAX_TRIES = 20;

async function wrongOf(options: Pick<TortureOptions, "follower" | "meddle">): Promise<string> {
  for (let seed = 7; seed < 7 + MAX_TRIES; seed += 1) {
    const { wrong } = await torture({ seed, rounds: 40, ...options });
    if (wrong.length > 0) return wrong.join("\n");
  }
  return "";
}

test(
  "a follower that knows files by their names alone is found out",
  async () =>
    expect(await wrongOf({ follower: tailCommand, meddle: forgetIdentity })).toMatch(
      /lines (missing|strange)/,
    ),
  MINUTES_MS,
);

test(
  "a follower that gives lines twice is found out",
  async () => {
    const careless: Follower = { ...tailCommand, isExactlyOnce: true };
    expect(await wrongOf({ follower: careless })).toMatch(/lines repeated/);
  },
  MINUTES_MS,
);

/** Each path goes on where it was left, whatever file is there now. */
function forgetIdentity(folder: string): void {
  const file = path.join(folder, "position");
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined) return;
  const [first, ...lines] = readFileSync(file, "utf8").trimEnd().split("\n");
  const nothing = { lengthBytes: 0, hash: "e3b0c44298fc1c149afbf4c8996fb924" };
  const entries = lines
    .map((line) => JSON.parse(line) as { path: string; gzip?: unknown })
    .flatMap(({ gzip, ...entry }) => {
      const there = statSync(entry.path, { bigint: true, throwIfNoEntry: false });
      if (there === undefined || gzip !== undefined) return [];
      const { dev, ino, birthtimeNs } = there;
      const number = { device: String(dev), inode: String(ino), born: String(birthtimeNs) };
      return [{ ...entry, ...number, head: nothing, tail: nothing }];
    });
  writeFileSync(file, `${[first, ...entries.map((entry) => JSON.stringify(entry))].join("\n")}\n`);
}
