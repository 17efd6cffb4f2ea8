/**
 * Who holds something that several machines can see. Of a process of this machine it can be proven that it
 * has ended; of any other nothing is known but when it was last heard of.
 */

import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { processIdentity } from "./process-identity.ts";

export interface ProcessMark {
  readonly host: string;
  readonly pid: number;
  /** Tells the process from all others of its machine that have, or will have, its number. */
  readonly identity: string;
  /** Tells machines, and containers on them, that are called the same; older marks have none. */
  readonly machine?: string;
}

/** A process, and what it knows of others of its machine. */
export interface Holder {
  readonly host: string;
  readonly pid: number;
  readonly machine?: string;
  readonly identityOf: (pid: number) => string;
}

export function thisProcess(): Holder {
  return { host: hostname(), pid: process.pid, machine: machineName(), identityOf: processIdentity };
}

export function markOf({ host, pid, machine, identityOf }: Holder): ProcessMark {
  return { host, pid, identity: identityOf(pid), ...(machine === undefined ? {} : { machine }) };
}

/** True where it has ended for sure, or was not heard of for as long as a lease lasts. */
export function isGone(
  mark: Partial<ProcessMark>,
  own: Holder,
  { silentMs, leaseMs }: { readonly silentMs: number; readonly leaseMs: number },
): boolean {
  const isHere = mark.host === own.host && (mark.machine === undefined || mark.machine === own.machine);
  return isHere ? own.identityOf(mark.pid ?? 0) !== mark.identity : silentMs > leaseMs;
}

const NAME_LETTERS = 12;

/** Made of the machine's id and the namespace of its process numbers, where the system has these. */
function machineName(): string {
  const read = (action: () => string): string => {
    try {
      return action().trim();
    } catch {
      return "";
    }
  };
  const machine = read(() => readFileSync("/etc/machine-id", "utf8"));
  const numbers = read(() => readlinkSync("/proc/self/ns/pid"));
  return createHash("sha256").update(`${machine} ${numbers}`).digest("hex").slice(0, NAME_LETTERS);
}
