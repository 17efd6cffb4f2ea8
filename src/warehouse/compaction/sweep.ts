/** What writers have left that were killed, and to which nobody comes back. */

import type { Clock } from "../../base/clock.ts";
import { isHiddenName, type Store, type StoredFile } from "../store.ts";

/** No writer that is alive has files on their way for so long. */
const MAX_STAGED_MS = 86_400_000;

/** What runs without a checkpoint have left that were killed: nobody else comes for it. */
export async function sweepStaged(
  { store, folder, clock }: { readonly store: Store; readonly folder: string; readonly clock: Clock },
  isFinalWriter: (writer: string) => boolean,
): Promise<void> {
  const isOld = ({ modifiedAtMs }: StoredFile): boolean => clock.nowMs() - modifiedAtMs > MAX_STAGED_MS;
  for (const file of await store.list(folder)) {
    const staging = /^_staging-([^/]+)\//.exec(file.path.slice(folder.length + 1))?.[1];
    const isNobodys = isHiddenName(file.path) || (staging !== undefined && isFinalWriter(staging));
    if (isNobodys && isOld(file)) await store.remove(file.path);
  }
}
