/**
 * The kernel's requests to a file system in user space, and the answers, as bytes.
 *
 * @see https://www.kernel.org/doc/html/latest/filesystems/fuse/fuse.html and include/uapi/linux/fuse.h
 */

export const OP = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  access: 34,
  create: 35,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
  rename2: 45,
} as const;

export const ERRNO = {
  ENOENT: 2,
  EIO: 5,
  EEXIST: 17,
  EXDEV: 18,
  ENOTDIR: 20,
  EINVAL: 22,
  ENOSPC: 28,
  ENOSYS: 38,
  ENOTEMPTY: 39,
} as const;

/** What a request is answered with in the place of a result. */
export class Refusal extends Error {
  readonly errno: number;
  constructor(errno: number) {
    super(`errno ${errno}`);
    this.errno = errno;
  }
}

const HEADER_BYTES = 40;
const ANSWER_HEADER_BYTES = 16;
const VERSION = { major: 7, minor: 31 };
const ATOMIC_O_TRUNC = 1 << 3;
const BIG_WRITES = 1 << 5;
export const MAX_WRITE_BYTES = 131_072;
/** Every read and write comes here: the kernel keeps no pages. */
const DIRECT_IO = 1;

export interface Request {
  readonly opcode: number;
  readonly unique: bigint;
  readonly node: bigint;
  /** Of the thread that asks. */
  readonly pid: number;
  readonly body: Buffer;
}

export function requestOf(bytes: Buffer): Request {
  return {
    opcode: bytes.readUInt32LE(4),
    unique: bytes.readBigUInt64LE(8),
    node: bytes.readBigUInt64LE(16),
    pid: bytes.readUInt32LE(32),
    body: bytes.subarray(HEADER_BYTES),
  };
}

export function answerOf(unique: bigint, errno: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(ANSWER_HEADER_BYTES);
  header.writeUInt32LE(ANSWER_HEADER_BYTES + body.length, 0);
  header.writeInt32LE(-errno, 4);
  header.writeBigUInt64LE(unique, 8);
  return Buffer.concat([header, body]);
}

/** The texts that end with a NUL, from `start` on. */
export function textsIn(body: Buffer, start: number): readonly string[] {
  return body.subarray(start).toString("utf8").split("\0").slice(0, -1);
}

export function initAnswer(): Buffer {
  const out = Buffer.alloc(64);
  out.writeUInt32LE(VERSION.major, 0);
  out.writeUInt32LE(VERSION.minor, 4);
  out.writeUInt32LE(ATOMIC_O_TRUNC | BIG_WRITES, 12);
  out.writeUInt32LE(MAX_WRITE_BYTES, 20);
  out.writeUInt32LE(1, 24);
  return out;
}

export interface Attributes {
  readonly id: bigint;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly links: number;
  readonly changedMs: number;
}

function attributesOf({ id, sizeBytes, mode, links, changedMs }: Attributes): Buffer {
  const out = Buffer.alloc(88);
  out.writeBigUInt64LE(id, 0);
  out.writeBigUInt64LE(BigInt(sizeBytes), 8);
  out.writeBigUInt64LE(BigInt(Math.ceil(sizeBytes / 512)), 16);
  const seconds = Math.floor(changedMs / 1000);
  const nanoseconds = Math.floor((changedMs - seconds * 1000) * 1e6);
  for (const at of [24, 32, 40]) out.writeBigUInt64LE(BigInt(seconds), at);
  for (const at of [48, 52, 56]) out.writeUInt32LE(nanoseconds, at);
  out.writeUInt32LE(mode, 60);
  out.writeUInt32LE(links, 64);
  out.writeUInt32LE(4096, 80);
  return out;
}

/** What is known of a node holds for no time: the kernel asks again. */
export function attributesAnswer(node: Attributes): Buffer {
  return Buffer.concat([Buffer.alloc(16), attributesOf(node)]);
}

export function entryAnswer(node: Attributes): Buffer {
  const out = Buffer.alloc(40);
  out.writeBigUInt64LE(node.id, 0);
  return Buffer.concat([out, attributesOf(node)]);
}

export function openAnswer(): Buffer {
  const out = Buffer.alloc(16);
  out.writeUInt32LE(DIRECT_IO, 8);
  return out;
}

export function writtenAnswer(bytes: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeUInt32LE(bytes, 0);
  return out;
}

export function spaceAnswer(): Buffer {
  const out = Buffer.alloc(80);
  for (const at of [0, 8, 16, 24, 32]) out.writeBigUInt64LE(1_000_000n, at);
  out.writeUInt32LE(4096, 40);
  out.writeUInt32LE(255, 44);
  out.writeUInt32LE(4096, 48);
  return out;
}

export interface NamedNode {
  readonly name: string;
  readonly id: bigint;
  readonly mode: number;
}

/** As many names from the `offset`-th on as fit into so many bytes. */
export function namesAnswer(names: readonly NamedNode[], offset: number, maxBytes: number): Buffer {
  const entries: Buffer[] = [];
  let left = maxBytes;
  for (const [index, { name, id, mode }] of names.entries()) {
    if (index < offset) continue;
    const text = Buffer.from(name);
    const entry = Buffer.alloc((24 + text.length + 7) & ~7);
    if (entry.length > left) break;
    left -= entry.length;
    entry.writeBigUInt64LE(id, 0);
    entry.writeBigUInt64LE(BigInt(index + 1), 8);
    entry.writeUInt32LE(text.length, 16);
    entry.writeUInt32LE((mode & 0o170000) >> 12, 20);
    text.copy(entry, 24);
    entries.push(entry);
  }
  return Buffer.concat(entries);
}
