/** Where finished files are put: a folder of this machine, or another store like HDFS. */

import { existsSync } from "node:fs";
import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { sync } from "../../base/durable.ts";
import { isRemote, openStore, type StoreContext } from "../../warehouse/stores.ts";

export interface Shelf {
  /** For a person. */
  readonly url: string;
  /**
   * Moves a file of this machine to a path below the shelf: whole or not at all, and for good when it
   * resolves. Where the local file is gone, it was moved before. `id` is the caller's own.
   */
  place(localFile: string, target: string, id: string): Promise<void>;
}

/** A folder, or the URL of a store. Throws code `job` for a URL of no store. */
export function openShelf(to: string, context: StoreContext): Shelf {
  if (!isRemote(to)) return folderShelf(path.resolve(context.baseFolder, to.replace(/^file:/, "")));
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

function folderShelf(folder: string): Shelf {
  return {
    url: folder,
    async place(localFile, target) {
      const final = path.join(folder, target);
      await mkdir(path.dirname(final), { recursive: true });
      try {
        await rename(localFile, final);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "ENOENT") return;
        if (code !== "EXDEV") throw error;
        // Another disk: beside its name first, so that nobody sees a part of it.
        const beside = path.join(path.dirname(final), `.${path.basename(final)}.tmp`);
        await copyFile(localFile, beside);
        await sync(beside);
        await rename(beside, final);
        await rm(localFile);
      }
      await sync(path.dirname(final));
    },
  };
}
