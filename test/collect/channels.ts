/** What tests of collecting share: blocks, outputs that remember, and what an output is opened with. */

import { join } from "node:path";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import type { DeliveryState } from "../../src/collect/channel/channel.ts";
import type { Output, OutputContext } from "../../src/collect/outputs/output.ts";
import { NO_OUTPUT } from "../../src/runtime/stdio.ts";
import type { EventBlock } from "../../src/tail/block.ts";

/** Each text is a line of the block. */
export function blockOf(lines: readonly string[], headers: EventBlock["headers"] = {}): EventBlock {
  return { bytes: Buffer.from(lines.map((line) => `${line}\n`).join("")), events: lines.length, headers };
}

export function textOf(blocks: readonly EventBlock[]): string {
  return blocks.map(({ bytes }) => Buffer.from(bytes).toString()).join("");
}

export interface Remembering extends Output {
  readonly delivered: EventBlock[];
  /** Whether it fails: may be changed at any time. */
  isAway: boolean;
  tries: number;
}

export function rememberingOutput(name = "memory"): Remembering {
  const output: Remembering = {
    name,
    delivered: [],
    isAway: false,
    tries: 0,
    async deliver(blocks) {
      output.tries += 1;
      if (output.isAway) throw new Error(`${name} is away`);
      output.delivered.push(...blocks.map((block) => ({ ...block, bytes: Buffer.from(block.bytes) })));
    },
    sync: async () => undefined,
    close: async () => {},
  };
  return output;
}

export function outputContext(baseFolder: string, committed?: DeliveryState): OutputContext {
  return {
    clock: systemClock,
    baseFolder,
    committed,
    stdout: NO_OUTPUT,
    stageFolder: join(baseFolder, "stage"),
    env: {},
    kafka: { connection: { config: {} }, baseFolder },
  };
}

/** The real clock, that sleeps no longer than a moment. */
export const hurriedClock: Clock = {
  ...systemClock,
  sleep: (durationMs, signal) => systemClock.sleep(Math.min(durationMs, 2), signal),
};

/** Of what is not stopped. */
export const never = new AbortController().signal;
