/**
 * Stores: where the files of a warehouse are. A folder, HDFS and S3 behave alike, which test/warehouse says
 * over each of them.
 *
 * Paths are relative to the store's root, with `/` between names; "" is the root itself. A store makes the
 * folders that a path needs. What fails throws code `io`, and is `retryable` where the same call may succeed
 * later. Short faults of a network are bridged inside.
 */

import { randomUUID } from "node:crypto";

export interface StoredFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

/** A file of this machine, and the path that it is to have in the store. */
export interface Publication {
  readonly from: string;
  readonly to: string;
}

export interface PutOptions {
  /**
   * A folder of the store that is the caller's own: a store that renames may build files there before they
   * have their names, and readers pass over it, as its name begins with `_`. The caller removes it.
   */
  readonly staging: string;
  /** True where the files must be there after a power cut too. */
  readonly isDurable: boolean;
}

export interface Store {
  /** The root as people name it: a folder, or a URL. */
  readonly url: string;
  /** Whether `rename` is there, and moves a file or a folder in one step. */
  readonly hasRename: boolean;
  /** The root where it is a folder of this machine: what is staged on the same disk is moved, not copied. */
  readonly localFolder: string | undefined;
  /** All files below a folder, by their paths; none where it isn't there. */
  list(folder: string): Promise<readonly StoredFile[]>;
  /** The names of the folders in a folder; none where it isn't there. */
  folders(folder: string): Promise<readonly string[]>;
  /** Whether a file or a folder with something in it is there. */
  exists(path: string): Promise<boolean>;
  /** A file's bytes; undefined where it isn't there. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** So many of a file's bytes from an offset within it; undefined where the file isn't there. */
  readPart(path: string, offset: number, length: number): Promise<Uint8Array | undefined>;
  /** Copies a file to a path of this machine. */
  download(path: string, localFile: string): Promise<void>;
  /**
   * Takes files into the store. Each appears under its name whole or not at all, and the local ones are
   * gone. After a failure some may be there. A store that renames replaces what had the name; one that does
   * not takes the same bytes again, and refuses others.
   */
  put(files: readonly Publication[], options: PutOptions): Promise<void>;
  /** Writes a small file, whole or not at all, in place of what had its name. */
  write(path: string, text: string): Promise<void>;
  /** The same where nothing has that name: false, and nothing is done, where something has. */
  create(path: string, text: string): Promise<boolean>;
  /** Moves a file or folder to a name that nothing has. Throws code `bug` where the store can't. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with all that is in it; nothing where it isn't there. */
  remove(path: string): Promise<void>;
}

/** `a/b/c` → `a/b`; "" for what is in the root. */
export function parentOf(path: string): string {
  return path.split("/").slice(0, -1).join("/");
}

/** Joins parts of which any may be empty. */
export function joinPath(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("/");
}

/** For a small file that waits for its name; if a crash leaves it behind, it is swept away later. */
export function hiddenName(): string {
  return `._${randomUUID()}.staged`;
}

export function isHiddenName(path: string): boolean {
  return /(?:^|\/)\._[\da-f-]{36}\.staged$/.test(path);
}
