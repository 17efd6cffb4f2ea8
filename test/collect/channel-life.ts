/**
 * One life of a channel on disk: `bun channel-life.ts FOLDER LIFE BLOCKS SEED exact|again|away`. It puts
 * blocks, says on stdout which are safe, and delivers them to FOLDER/out at the same time, through a receiver
 * that fails now and then, or always (`away`). With BLOCKS 0 it drains the channel.
 */

import { writeSync } from "node:fs";
import { systemClock } from "../../src/base/clock.ts";
import { openDurableChannel } from "../../src/collect/channel/durable.ts";
import { fileOutput } from "../../src/collect/outputs/file.ts";
import type { Output } from "../../src/collect/outputs/output.ts";
import { runPump } from "../../src/collect/pump.ts";
import { NO_OUTPUT } from "../../src/runtime/stdio.ts";
import { randomBelow } from "../crash/episode.ts";

const [folder = "", life = "0", blocks = "0", seed = "1", mode = "exact"] = process.argv.slice(2);
const random = randomBelow(Number(seed) * 1000 + Number(life));
/** One of its own: how often the receiver is tried depends on time. */
const fails = randomBelow(Number(seed) * 1000 + Number(life) + 500);
/** Retries need no waiting here. */
const clock = {
  ...systemClock,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(Math.min(ms, 2), signal),
};
const channel = await openDurableChannel({
  folder: `${folder}/channel`,
  maxBytes: 96 * 1024,
  segmentBytes: 12 * 1024,
  clock,
});
const file = await fileOutput.open(
  { path: "out" },
  {
    clock,
    baseFolder: folder,
    // Without it, the file is one that can't tell how long it was.
    committed: mode === "again" ? undefined : channel.committed,
    stdout: NO_OUTPUT,
    stageFolder: `${folder}/stage`,
    env: {},
    kafka: { connection: { config: {} }, baseFolder: folder },
  },
);
const flaky: Output = {
  ...file,
  async deliver(taken) {
    if (fails(5) === 0 || (mode === "away" && blocks !== "0")) throw new Error("the receiver is away");
    await file.deliver(taken);
  },
};
const pump = runPump({ channel, output: flaky, clock, stop: new AbortController().signal });

for (let number = 0; number < Number(blocks); ) {
  const group = Math.min(1 + random(6), Number(blocks) - number);
  const puts = Array.from({ length: group }, (_, index) => {
    const size = random(40) === 0 ? random(400_000) : random(1500);
    const bytes = Buffer.from(`${life} ${number + index} ${"x".repeat(size)}\n`);
    return channel.put({ bytes, events: 1, headers: { turn: String((number + index) % 3) } });
  });
  number += group;
  await Promise.all(puts);
  await channel.flush();
  // Synchronous: what is said was said before the next step.
  writeSync(1, `${number}\n`);
}
channel.end();
await pump;
await file.close();
await channel.close();
