/** The stores there are, by the URL that names a warehouse. */

import path from "node:path";
import { StreamkitError } from "../base/error.ts";
import { openLocalStore } from "./local-store.ts";
import type { Store } from "./store.ts";

/** A folder, relative to `baseFolder`, or a URL. Throws code `job` where nothing is meant by it. */
export function openStore(warehouse: string, { baseFolder }: { readonly baseFolder: string }): Store {
  const scheme = schemeOf(warehouse);
  if (scheme === undefined) return openLocalStore(path.resolve(baseFolder, warehouse));
  if (scheme === "file")
    return openLocalStore(path.resolve(baseFolder, warehouse.replace(/^file:(?:\/\/(?=\/))?/, "")));
  throw new StreamkitError("job", `A warehouse is a folder: found "${warehouse}"`);
}

function schemeOf(warehouse: string): string | undefined {
  return /^([A-Za-z][\w+.-]+):/.exec(warehouse)?.[1]?.toLowerCase();
}
