/**
 * The plan of the batch under way, durable before the batch reads anything: one small file, written in place,
 * as a rename would cost four times as much in every batch. What a crash cut off in the middle is known by
 * its digest, and is no plan: nothing had been read by it, and the batch before it was committed.
 */

import { createHash } from "node:crypto";
import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync, writeSync } from "node:fs";
import path from "node:path";
import { failpoint } from "../base/failpoint.ts";

export interface PlanFile {
  /** There after a power cut when it returns. */
  write(plan: unknown): void;
  close(): void;
}

/** Of one size for nearly all plans: a sync then writes data only. */
const SIZE_STEP_BYTES = 4096;

export function openPlanFile(folder: string): PlanFile {
  let descriptor: number | undefined;
  return {
    write(plan) {
      descriptor ??= openSync(fileIn(folder), existsSync(fileIn(folder)) ? "r+" : "w");
      const text = Buffer.from(textOf(JSON.stringify(plan)));
      const middle = Math.floor(text.length / 2);
      writeFully(descriptor, text.subarray(0, middle), 0);
      failpoint("plan-torn");
      const padding = Buffer.alloc(SIZE_STEP_BYTES - (text.length % SIZE_STEP_BYTES), " ");
      writeFully(descriptor, Buffer.concat([text.subarray(middle), padding]), middle);
      fdatasyncSync(descriptor);
      failpoint("plan-written");
    },
    close() {
      if (descriptor !== undefined) closeSync(descriptor);
    },
  };
}

/** The plan that was written last; undefined where there is none, or only a part of one. */
export function readPlanFile(folder: string): unknown {
  if (!existsSync(fileIn(folder))) return undefined;
  const [json = "", digest] = readFileSync(fileIn(folder), "utf8").split("\n");
  if (digest !== undefined) return digest === digestOf(json) ? JSON.parse(json) : undefined;
  try {
    // The first checkpoints had a file of one line without a digest, and renamed it.
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Two lines; what follows them is of a longer plan before, or nothing. */
function textOf(json: string): string {
  return `${json}\n${digestOf(json)}\n`;
}

function digestOf(json: string): string {
  return createHash("sha256").update(json).digest("hex");
}

function fileIn(folder: string): string {
  return path.join(folder, "plan.json");
}

function writeFully(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
}
