/** One process at a time in a channel's folder. */

import { join } from "node:path";
import { StreamkitError } from "../../base/error.ts";
import { type Lock, lockFile } from "../../base/lock-file.ts";

/** Throws code `io` where a living process has the folder. */
export function lockFolder(folder: string): Lock {
  return lockFile(
    join(folder, "lock"),
    (pid) =>
      new StreamkitError(
        "io",
        `The channel "${folder}" is in use by process ${pid}: give this one a folder of its own`,
      ),
  );
}
