/** Which of a job's sources processes share. */

import { messageOf } from "../base/error.ts";
import type { LoadedJob } from "../job/load.ts";
import { resolveSource } from "../sources/list.ts";
import type { Sharing } from "../sources/source.ts";

/** How a job's input is shared; undefined where one process reads all of it. Throws code `job`. */
export function sharingOf({ config, errorAt }: LoadedJob): Shared | undefined {
  const sources = Object.entries(config.sources).map(([name, { from }]) => {
    const { kind, options } = resolved(from, (message, cause) =>
      errorAt(["sources", name, "from"], message, cause),
    );
    return { name, options, sharing: kind.sharing?.(options) };
  });
  const first = sources.find(({ sharing }) => sharing !== undefined);
  if (first?.sharing === undefined) return undefined;
  const keys = first.sharing.by.join(", ");
  for (const { name, sharing } of sources)
    if (sharing?.by.join(", ") !== keys)
      throw errorAt(
        ["sources", name],
        `${first.name} is shared by ${keys}: all sources of the job must be, by the same columns`,
      );
  return { sharing: first.sharing, options: sources.map(({ options }) => options) };
}

export interface Shared {
  readonly sharing: Sharing;
  readonly options: readonly unknown[];
}

/** As elsewhere a wrong `from:` is told at its place, without the values of variables. */
function resolved(from: unknown, errorAt: (message: string, cause: unknown) => Error) {
  try {
    return resolveSource(from);
  } catch (error) {
    throw errorAt(messageOf(error), error);
  }
}
