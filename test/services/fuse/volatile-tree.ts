/**
 * Folders and files that forget at a power cut what was not synced. Names change in one order, as in the
 * journals of ext4 and XFS: the sync of a file or folder keeps the changes up to the last one of it, and a
 * cut keeps the first so many of the others.
 */

import type { Random } from "../../crash/episode.ts";
import { type VolatileFile, volatileFile } from "./volatile-file.ts";
import { ERRNO, Refusal } from "./wire.ts";

const PERMISSIONS = 0o7777;
export const ROOT_ID = 1n;

export interface Node {
  readonly id: bigint;
  mode: number;
  changedMs: number;
  links: number;
  readonly file?: VolatileFile;
  readonly names?: { readonly current: Map<string, Node>; readonly synced: Map<string, Node> };
}

interface NameChange {
  readonly folder: Node;
  readonly name: string;
  /** Undefined = the name goes. */
  readonly node: Node | undefined;
}

export interface VolatileTree {
  readonly root: Node;
  node(id: bigint): Node;
  lookup(folder: Node, name: string): Node | undefined;
  make(folder: Node, name: string, kind: "file" | "folder", mode: number): Node;
  link(node: Node, folder: Node, name: string): void;
  remove(folder: Node, name: string): void;
  rename(from: Node, name: string, to: Node, newName: string, mayReplace: boolean): void;
  /** Of a file or folder: its name, and the names in it. */
  syncNames(node: Node): void;
  syncAll(): void;
  /** As it is after a power cut now. */
  afterCut(random: Random): VolatileTree;
}

interface Before {
  readonly root: Node;
  readonly random: Random;
  /** The kernel must not take a node for one of before. */
  readonly nextId: bigint;
}

export function volatileTree(nowMs: () => number, before?: Before): VolatileTree {
  let nextId = before?.nextId ?? ROOT_ID + 2n;
  const nodes = new Map<bigint, Node>();
  const newNode = (kind: "file" | "folder", mode: number, bytes?: Buffer, id = nextId++): Node => {
    const parts =
      kind === "file"
        ? { file: volatileFile(bytes) }
        : { names: { current: new Map<string, Node>(), synced: new Map<string, Node>() } };
    const node: Node = { id, mode, changedMs: nowMs(), links: kind === "file" ? 0 : 1, ...parts };
    nodes.set(id, node);
    return node;
  };
  const root = newNode("folder", typeOf("folder") | 0o755, undefined, ROOT_ID);
  const journal: (readonly NameChange[])[] = [];

  const namesOf = ({ names }: Node): NonNullable<Node["names"]> => {
    if (names === undefined) throw new Refusal(ERRNO.ENOTDIR);
    return names;
  };
  const change = (...changes: readonly NameChange[]): void => {
    for (const { folder, name, node } of changes) {
      put(namesOf(folder).current, name, node);
      folder.changedMs = nowMs();
    }
    journal.push(changes);
  };
  const copyInto = (folder: Node, from: Node, random: Random, copies: Map<Node, Node>): void => {
    for (const [name, old] of namesOf(from).synced) {
      const known = copies.get(old);
      const kind = old.file === undefined ? "folder" : "file";
      const copy = known ?? newNode(kind, old.mode, old.file?.afterCut(random));
      copies.set(old, copy);
      if (known === undefined && old.names !== undefined) copyInto(copy, old, random, copies);
      if (copy.file !== undefined) copy.links += 1;
      for (const names of Object.values(namesOf(folder))) names.set(name, copy);
    }
  };
  if (before !== undefined) copyInto(root, before.root, before.random, new Map());
  return {
    root,
    node(id) {
      const node = nodes.get(id);
      if (node === undefined) throw new Refusal(ERRNO.EIO);
      return node;
    },
    lookup: (folder, name) => namesOf(folder).current.get(name),
    make(folder, name, kind, mode) {
      if (namesOf(folder).current.has(name)) throw new Refusal(ERRNO.EEXIST);
      const node = newNode(kind, typeOf(kind) | (mode & PERMISSIONS));
      if (kind === "file") node.links = 1;
      change({ folder, name, node });
      return node;
    },
    link(node, folder, name) {
      if (namesOf(folder).current.has(name)) throw new Refusal(ERRNO.EEXIST);
      node.links += 1;
      change({ folder, name, node });
    },
    remove(folder, name) {
      const node = namesOf(folder).current.get(name);
      if (node === undefined) throw new Refusal(ERRNO.ENOENT);
      if (node.names !== undefined && node.names.current.size > 0) throw new Refusal(ERRNO.ENOTEMPTY);
      node.links -= 1;
      change({ folder, name, node: undefined });
    },
    rename(from, name, to, newName, mayReplace) {
      const node = namesOf(from).current.get(name);
      if (node === undefined) throw new Refusal(ERRNO.ENOENT);
      const replaced = namesOf(to).current.get(newName);
      if (replaced !== undefined && !mayReplace) throw new Refusal(ERRNO.EEXIST);
      if (replaced === node) return;
      if ((replaced?.names?.current.size ?? 0) > 0) throw new Refusal(ERRNO.ENOTEMPTY);
      if (replaced !== undefined) replaced.links -= 1;
      change({ folder: from, name, node: undefined }, { folder: to, name: newName, node });
    },
    syncNames(synced) {
      const isOf = ({ folder, node }: NameChange) => folder === synced || node === synced;
      const last = journal.findLastIndex((changes) => changes.some(isOf));
      for (const changes of journal.splice(0, last + 1)) keep(changes);
    },
    syncAll() {
      for (const changes of journal.splice(0)) keep(changes);
      for (const { file } of nodes.values()) file?.sync();
    },
    afterCut(random) {
      for (const changes of journal.splice(0, random(journal.length + 1))) keep(changes);
      return volatileTree(nowMs, { root, random, nextId });
    },
  };
}

function typeOf(kind: "file" | "folder"): number {
  return kind === "file" ? 0o100000 : 0o040000;
}

function keep(changes: readonly NameChange[]): void {
  for (const { folder, name, node } of changes)
    if (folder.names !== undefined) put(folder.names.synced, name, node);
}

function put(names: Map<string, Node>, name: string, node: Node | undefined): void {
  if (node === undefined) names.delete(name);
  else names.set(name, node);
}
