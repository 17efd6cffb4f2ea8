/** A power cut takes what was not synced. What `flush` promised comes out all the same. */

import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { openDurableChannel } from "../../src/collect/channel/durable.ts";
import { randomBelow } from "../crash/episode.ts";
import { emptyFolder } from "../support/binary.ts";
import { blockOf, hurriedClock, textOf } from "./channels.ts";
import { volatileDisk } from "./volatile-disk.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const LIVES = 60;

/** What was promised, what came out and was committed; life after life on one disk. */
async function lives(seed: number, forgets: Parameters<typeof volatileDisk>[1]): Promise<string[]> {
  using folder = emptyFolder();
  const random = randomBelow(seed);
  let disk = volatileDisk(new Map(), forgets);
  const safe: number[] = [];
  const delivered: number[] = [];
  let next = 0;
  const numbersIn = (text: string): number[] =>
    text
      .split("\n")
      .filter(Boolean)
      .map((line) => Number(line.split(" ")[0]));
  for (let life = 0; life <= LIVES; life += 1) {
    const channel = await openDurableChannel({
      folder: folder.path,
      maxBytes: 1e9,
      segmentBytes: 20_000,
      clock: hurriedClock,
      disk,
    });
    /** Numbers of lives before that were promised to nobody may be gone. */
    const before = next;
    const steps = life === LIVES ? 0 : random(30);
    for (let step = 0; step < steps; step += 1) {
      const kind = random(5);
      if (kind <= 2) {
        const numbers = Array.from({ length: 1 + random(4) }, () => (next += 1));
        await Promise.all(
          numbers.map((number) => channel.put(blockOf([`${number} ${"x".repeat(random(6000))}`]))),
        );
        // What was put before in this life is safe too.
        if (random(2) === 0) {
          await channel.flush();
          for (let number = Math.max(before, safe.at(-1) ?? 0); number < next; ) safe.push((number += 1));
        }
      } else if (channel.hasMore()) {
        const batch = await channel.take(1 + random(20_000));
        if (batch === undefined) continue;
        const numbers = numbersIn(textOf(batch.blocks));
        await channel.commit(batch.end, undefined);
        // A receiver that has synced: it keeps what it was given.
        delivered.push(...numbers);
      }
    }
    if (life === LIVES) {
      channel.end();
      for (;;) {
        const batch = await channel.take(1e6);
        if (batch === undefined) break;
        delivered.push(...numbersIn(textOf(batch.blocks)));
      }
    } else {
      disk = disk.cutPower(random);
      rmSync(join(folder.path, "lock"));
    }
  }
  const wrong: string[] = [];
  const there = new Set(delivered);
  for (const number of safe) if (!there.has(number)) wrong.push(`${number} was safe, and is gone`);
  const firsts = [...there];
  if (firsts.some((number, index) => index > 0 && number < (firsts[index - 1] ?? 0)))
    wrong.push("out of order");
  if (delivered.length !== there.size) wrong.push("something came twice, though it was committed");
  return wrong;
}

for (let seed = SEED; seed < SEED + 8; seed += 1)
  test(`nothing that was promised is lost (SEED=${seed})`, async () => {
    expect(await lives(seed, "nothing")).toEqual([]);
  });

test.each(["file syncs", "folder syncs"] as const)(
  "a disk that forgets its %s is found out",
  async (forgets) => {
    const outcomes: string[] = [];
    for (let seed = SEED; seed < SEED + 8; seed += 1)
      outcomes.push(...(await lives(seed, forgets).catch((error: unknown) => [String(error)])));
    expect(outcomes).not.toEqual([]);
  },
);
