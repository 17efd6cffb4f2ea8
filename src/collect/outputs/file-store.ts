/** Where finished files are put: a folder of this machine, or another store like HDFS. */

import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { StreamkitError } from "../../base/error.ts";
import { moveWithoutReplacing } from "../../base/move.ts";
import { isRemote, openStore, type StoreContext } from "../../warehouse/stores.ts";

export interface FileStore {
  /** For a person. */
  readonly url: string;
  /**
   * Moves a file of this machine to a path below the shelf: whole or not at all, and for good when it
   * resolves. Where the local file is gone, it was moved before. A folder's file of that name that holds
   * something else stays, and the moved one gets a number. `id` is the caller's own.
   */
  place(localFile: string, target: string, id: string): Promise<void>;
}

/** A folder, or the URL of a store. Throws code `job` for a URL of no store. */
export function openFileStore(to: string, context: StoreContext): FileStore {
  if (!isRemote(to)) return folderStore(path.resolve(context.baseFolder, to.replace(/^file:/, "")));
  const store = openStore(to, context);
  return {
    url: to,
    async place(localFile, target, id) {
      if (!existsSync(localFile)) return;
      const staging = `_streamkit-${id}`;
      await store.put([{ from: localFile, to: target }], { staging, isDurable: true });
      await store.remove(staging);
    },
  };
}

/** Nobody has so many files of one name; what never ends is worse than an error. */
const MAX_COPIES = 100;

function folderStore(folder: string): FileStore {
  return {
    url: folder,
    async place(localFile, target) {
      const final = path.join(folder, target);
      await mkdir(path.dirname(final), { recursive: true });
      // Tried in the same order after a crash: a name that was given then is found again.
      for (let copy = 1; copy <= MAX_COPIES; copy += 1) {
        const outcome = await moveWithoutReplacing(localFile, copy === 1 ? final : `${final}.${copy}`);
        if (outcome === "moved") return;
        if (outcome === "moved before") return rm(localFile, { force: true });
      }
      throw new StreamkitError("io", `"${final}" and ${MAX_COPIES} names like it are taken by other files`);
    },
  };
}
