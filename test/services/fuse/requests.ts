/** What each request of the kernel does with the tree. */

import { type Node, ROOT_ID, type VolatileTree } from "./volatile-tree.ts";
import {
  type Attributes,
  attributesAnswer,
  ERRNO,
  entryAnswer,
  initAnswer,
  namesAnswer,
  OP,
  openAnswer,
  Refusal,
  type Request,
  spaceAnswer,
  textsIn,
  writtenAnswer,
} from "./wire.ts";

const TRUNCATES = 0o1000;
const SET_MODE = 1;
const SET_SIZE = 8;
const SET_CHANGED = 32;
const NO_REPLACE = 1;

export function attributesIn({ id, mode, links, changedMs, file }: Node): Attributes {
  return { id, mode, links, changedMs, sizeBytes: file?.sizeBytes() ?? 0 };
}

/** The answer's body. Throws a `Refusal`: of a request that nobody knows, so the kernel asks otherwise. */
export function performed(
  { opcode, node: id, body }: Request,
  tree: VolatileTree,
  nowMs: () => number,
): Buffer {
  const nothing = Buffer.alloc(0);
  switch (opcode) {
    case OP.init:
      return initAnswer();
    case OP.statfs:
      return spaceAnswer();
    case OP.release:
    case OP.releasedir:
    case OP.flush:
    case OP.access:
    case OP.destroy:
      return nothing;
    default:
  }
  const node = tree.node(id);
  const [name = "", second = ""] = textsIn(body, textsStart(opcode));
  switch (opcode) {
    case OP.lookup: {
      const found = tree.lookup(node, name);
      if (found === undefined) throw new Refusal(ERRNO.ENOENT);
      return entryAnswer(attributesIn(found));
    }
    case OP.getattr:
      return attributesAnswer(attributesIn(node));
    case OP.setattr:
      return setAttributes(node, body, nowMs);
    case OP.mkdir:
      return entryAnswer(attributesIn(tree.make(node, name, "folder", body.readUInt32LE(0))));
    case OP.create: {
      const made = tree.make(node, name, "file", body.readUInt32LE(4));
      return Buffer.concat([entryAnswer(attributesIn(made)), openAnswer()]);
    }
    case OP.unlink:
    case OP.rmdir:
      tree.remove(node, name);
      return nothing;
    case OP.rename:
    case OP.rename2: {
      const flags = opcode === OP.rename2 ? body.readUInt32LE(8) : 0;
      if ((flags & ~NO_REPLACE) !== 0) throw new Refusal(ERRNO.EINVAL);
      tree.rename(node, name, tree.node(body.readBigUInt64LE(0)), second, flags === 0);
      return nothing;
    }
    case OP.link: {
      const linked = tree.node(body.readBigUInt64LE(0));
      tree.link(linked, node, name);
      return entryAnswer(attributesIn(linked));
    }
    case OP.open:
      if ((body.readUInt32LE(0) & TRUNCATES) !== 0) node.file?.truncate(0);
      return openAnswer();
    case OP.opendir:
      return openAnswer();
    case OP.read:
      return fileOf(node).read(Number(body.readBigUInt64LE(8)), body.readUInt32LE(16));
    case OP.write: {
      const bytes = body.subarray(40, 40 + body.readUInt32LE(16));
      fileOf(node).write(Number(body.readBigUInt64LE(8)), bytes);
      node.changedMs = nowMs();
      return writtenAnswer(bytes.length);
    }
    case OP.fsync:
      fileOf(node).sync();
      tree.syncNames(node);
      return nothing;
    case OP.fsyncdir:
      tree.syncNames(node);
      return nothing;
    case OP.readdir:
      return listed(node, body);
    default:
      throw new Refusal(ERRNO.ENOSYS);
  }
}

/** Where the names of a request begin. */
function textsStart(opcode: number): number {
  switch (opcode) {
    case OP.create:
    case OP.rename2:
      return 16;
    case OP.mkdir:
    case OP.rename:
    case OP.link:
      return 8;
    case OP.lookup:
    case OP.unlink:
    case OP.rmdir:
      return 0;
    default:
      return Number.MAX_SAFE_INTEGER;
  }
}

function fileOf({ file }: Node): NonNullable<Node["file"]> {
  if (file === undefined) throw new Refusal(ERRNO.EINVAL);
  return file;
}

function setAttributes(node: Node, body: Buffer, nowMs: () => number): Buffer {
  const valid = body.readUInt32LE(0);
  if ((valid & SET_MODE) !== 0) node.mode = (node.mode & ~0o7777) | (body.readUInt32LE(68) & 0o7777);
  if ((valid & SET_SIZE) !== 0) {
    fileOf(node).truncate(Number(body.readBigUInt64LE(16)));
    node.changedMs = nowMs();
  }
  if ((valid & SET_CHANGED) !== 0)
    node.changedMs = Number(body.readBigUInt64LE(40)) * 1000 + body.readUInt32LE(60) / 1e6;
  return attributesAnswer(attributesIn(node));
}

function listed(node: Node, body: Buffer): Buffer {
  const own = { name: ".", id: node.id, mode: node.mode };
  const parent = { name: "..", id: ROOT_ID, mode: node.mode };
  const names = [...(node.names?.current ?? [])].map(([name, { id, mode }]) => ({ name, id, mode }));
  return namesAnswer([own, parent, ...names], Number(body.readBigUInt64LE(8)), body.readUInt32LE(16));
}
