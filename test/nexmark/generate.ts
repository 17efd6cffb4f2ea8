/**
 * Nexmark's events to standard output, to measure with or to look at:
 *
 *     bun test/nexmark/generate.ts --count 1000000 --seed 1 > events.ndjson
 */

import { writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { type NexmarkSettings, nexmarkBlocks } from "./generator.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    "events-per-second": { type: "string" },
    "disorder-ms": { type: "string" },
    "time-step-ms": { type: "string" },
    start: { type: "string" },
  },
});

const settings: NexmarkSettings = {
  count: Number(values.count),
  seed: Number(values.seed),
  ...numberIf("eventsPerSecond", values["events-per-second"]),
  ...numberIf("disorderMs", values["disorder-ms"]),
  ...numberIf("timeStepMs", values["time-step-ms"]),
  ...(values.start === undefined ? {} : { startMs: Date.parse(values.start) }),
};
for (const block of nexmarkBlocks(settings)) writeWhole(Buffer.from(block, "latin1"));

function numberIf(name: string, value: string | undefined): Readonly<Record<string, number>> {
  return value === undefined ? {} : { [name]: Number(value) };
}

/** A pipe may take a part only. */
function writeWhole(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(1, bytes, written);
}
