/**
 * A disk in memory that a program uses like any other, and that fails as it is told: at its so-many-th change
 * it loses power, is slow, full, broken, on another device, or writes a part. Runs in a process of its own,
 * since whoever waits for the disk can't answer for it. `.control` in its root takes orders and tells the
 * state, as JSON.
 *
 * Usage: bun server.ts FOLDER
 */

import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { type Random, randomBelow } from "../../crash/episode.ts";
import type { DiskOrder, DiskState, Fault } from "./faulty-disk.ts";
import { attributesIn, performed } from "./requests.ts";
import { ROOT_ID, type VolatileTree, volatileTree } from "./volatile-tree.ts";
import { type WaitingRequest, waitingRequests } from "./waiting.ts";
import {
  answerOf,
  attributesAnswer,
  ERRNO,
  entryAnswer,
  MAX_WRITE_BYTES,
  OP,
  openAnswer,
  Refusal,
  type Request,
  requestOf,
  textsIn,
  writtenAnswer,
} from "./wire.ts";

const BUFFER_BYTES = MAX_WRITE_BYTES + 65_536;
const CONTROL_ID = ROOT_ID + 1n;
const SIGKILL = 9;
const SECTOR_BYTES = 512;
const MAX_SYNC_MS = 300;
const nowMs = (): number => performance.timeOrigin + performance.now();
const CHANGES: ReadonlySet<number> = new Set([
  OP.create,
  OP.mkdir,
  OP.write,
  OP.fsync,
  OP.fsyncdir,
  OP.rename,
  OP.rename2,
  OP.link,
  OP.unlink,
  OP.setattr,
]);
const FILLING: ReadonlySet<number> = new Set([OP.create, OP.mkdir, OP.write, OP.link]);
const SYNCING: ReadonlySet<number> = new Set([OP.fsync, OP.fsyncdir]);
const MOVING: ReadonlySet<number> = new Set([OP.rename, OP.rename2, OP.link]);
const UNANSWERED: ReadonlySet<number> = new Set([OP.forget, OP.batchForget, OP.interrupt]);

const [folder = ""] = process.argv.slice(2);
const device = openSync("/dev/fuse", "r+");
const options = `fd=3,rootmode=40000,user_id=0,group_id=0,allow_other`;
const mounted = Bun.spawnSync(["mount", "-i", "-t", "fuse", "-o", options, "faulty-disk", folder], {
  stdio: ["ignore", "inherit", "inherit", device],
});
if (mounted.exitCode !== 0) process.exit(1);
process.stdout.write("mounted\n");

let tree: VolatileTree = volatileTree(nowMs);
let changes = 0;
let fault: Fault | undefined;
let left = 0;
let slowSyncs = 0;
let isOff = false;
let forgets = false;
const told: string[] = [];
const waiting = waitingRequests(device, nowMs);

const buffer = Buffer.alloc(BUFFER_BYTES);
for (;;) {
  const due = waiting.due();
  if (due !== undefined) {
    finish(due);
    continue;
  }
  let size: number;
  try {
    size = readSync(device, buffer, 0, BUFFER_BYTES, null);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENODEV") break;
    if (code === "ENOENT" || code === "EINTR") continue;
    throw error;
  }
  const request = requestOf(buffer.subarray(0, size));
  if (UNANSWERED.has(request.opcode) || isPutOff(request)) continue;
  answer(request, () => control(request) ?? result(request));
}
closeSync(device);

function answer(request: Request, resultOf: () => Buffer): void {
  let reply: Buffer;
  try {
    reply = answerOf(request.unique, 0, resultOf());
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    reply = answerOf(request.unique, error.errno);
  }
  try {
    writeSync(device, reply);
  } catch (error) {
    // Who asked is dead.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function result(request: Request): Buffer {
  if (isOff && request.node !== ROOT_ID) throw new Refusal(ERRNO.EIO);
  if (CHANGES.has(request.opcode)) {
    changes += 1;
    left -= 1;
    if (fault !== undefined && left < 0) failed(request, fault);
    if (forgets && SYNCING.has(request.opcode)) return Buffer.alloc(0);
  }
  return performed(request, tree, nowMs);
}

/** A sync of a slow disk waits while others are served; a disk that forgets says at once that it is done. */
function isPutOff(request: Request): boolean {
  if (fault?.kind !== "slow" || isOff || !SYNCING.has(request.opcode) || left > 0) return false;
  slowSyncs += 1;
  changes += 1;
  const random = randomBelow(fault.seed + slowSyncs);
  waiting.add({ request, dueMs: nowMs() + random(MAX_SYNC_MS), isCut: slowSyncs === fault.lasts });
  if (!forgets) return true;
  answer(request, () => Buffer.alloc(0));
  return true;
}

function finish({ request, isCut }: WaitingRequest): void {
  if (!isCut && forgets) return;
  if (!isCut) return answer(request, () => performed(request, tree, nowMs));
  const others = waiting.drop();
  const refused = (): never => {
    throw new Refusal(ERRNO.EIO);
  };
  cutPower(request.pid, randomBelow(fault?.seed ?? 1));
  for (const one of forgets ? [] : [{ request }, ...others]) answer(one.request, refused);
}

/** What was not synced may be gone, and who works on the disk dies. */
function cutPower(pid: number, random: Random): void {
  tree = tree.afterCut(random);
  isOff = true;
  process.kill(pid, SIGKILL);
}

/** Throws what the change is refused with, where it is one that can fail so. */
function failed(request: Request, { kind, lasts, seed }: Fault): void {
  if (kind === "slow") return;
  const random = randomBelow(seed);
  if (kind === "power cut") {
    if (random(2) === 0) performed(request, tree, nowMs);
    cutPower(request.pid, random);
    throw new Refusal(ERRNO.EIO);
  }
  if (kind === "torn") {
    if (request.opcode === OP.write)
      writePart(request, SECTOR_BYTES * random(writtenBy(request).sectors + 1));
    isOff = true;
    process.kill(request.pid, SIGKILL);
    throw new Refusal(ERRNO.EIO);
  }
  const errno = errnoOf(request, kind);
  if (errno === undefined) return;
  told.push(`${kind} at change ${changes}`);
  if (-left >= lasts) fault = undefined;
  throw new Refusal(errno);
}

function writtenBy({ body }: Request): { readonly bytes: Buffer; readonly sectors: number } {
  const bytes = body.subarray(40, 40 + body.readUInt32LE(16));
  return { bytes, sectors: Math.ceil(bytes.length / SECTOR_BYTES) };
}

function writePart(request: Request, sizeBytes: number): void {
  const part = writtenBy(request).bytes.subarray(0, sizeBytes);
  tree.node(request.node).file?.write(Number(request.body.readBigUInt64LE(8)), part);
}

function errnoOf(request: Request, kind: Fault["kind"]): number | undefined {
  const { opcode } = request;
  switch (kind) {
    case "full":
      return FILLING.has(opcode) ? ERRNO.ENOSPC : undefined;
    case "half": {
      // The first half is there when the disk is full: the program is told of an error, as of a torn write.
      if (opcode !== OP.write) return undefined;
      writePart(request, Math.floor(writtenBy(request).bytes.length / 2));
      return ERRNO.ENOSPC;
    }
    case "elsewhere":
      return MOVING.has(opcode) ? ERRNO.EXDEV : undefined;
    default:
      return ERRNO.EIO;
  }
}

/** Undefined for a request that is about something else. */
function control({ opcode, node, body }: Request): Buffer | undefined {
  const state: DiskState = { changes, isOff, told };
  const text = Buffer.from(JSON.stringify(state));
  const attributes = {
    ...attributesIn(tree.root),
    id: CONTROL_ID,
    mode: 0o100644,
    sizeBytes: text.length,
  };
  if (node === ROOT_ID && opcode === OP.lookup && textsIn(body, 0)[0] === ".control")
    return entryAnswer(attributes);
  if (node !== CONTROL_ID) return undefined;
  switch (opcode) {
    case OP.getattr:
    case OP.setattr:
      return attributesAnswer(attributes);
    case OP.open:
      return openAnswer();
    case OP.read:
      return text.subarray(Number(body.readBigUInt64LE(8)));
    case OP.write: {
      const bytes = body.subarray(40, 40 + body.readUInt32LE(16));
      obey(JSON.parse(bytes.toString()) as DiskOrder);
      return writtenAnswer(bytes.length);
    }
    default:
      return Buffer.alloc(0);
  }
}

function obey({ fault: next, syncs = false, forgetsSyncs = false }: DiskOrder): void {
  forgets ||= forgetsSyncs;
  if (syncs) tree.syncAll();
  isOff = false;
  fault = next;
  slowSyncs = 0;
  left = next?.after ?? 0;
  told.length = 0;
}
