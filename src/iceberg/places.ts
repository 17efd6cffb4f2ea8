/**
 * Paths of a table's files: in metadata each is a whole URI, `file:/warehouse/t/data/1.parquet`, in the store
 * it is relative to its root. A table's files are all below its own folder.
 */

import { StreamkitError } from "../base/error.ts";
import { joinPath } from "../warehouse/store.ts";

export interface Places {
  /** What metadata calls a path of the table's folder. */
  uriOf(path: string): string;
  /** The store's path for a URI of the metadata. Throws code `job` where it is elsewhere. */
  pathOf(uri: string): string;
}

/** `location` is the table's, by its metadata; `folder` is where that is in the store. */
export function placesOf(location: string, folder: string): Places {
  const base = location.replace(/\/+$/, "");
  return {
    uriOf: (path) => `${base}/${path}`,
    pathOf(uri) {
      const [whole, root] = [plain(uri), `${plain(base)}/`];
      if (!whole.startsWith(root))
        throw new StreamkitError(
          "job",
          `The table in ${location} has files elsewhere, like ${uri}: this version appends to tables that ` +
            "have theirs in their own folder",
        );
      return joinPath(folder, whole.slice(root.length));
    },
  };
}

/** `file:///a`, `file:/a` and `/a` are one; so are S3's names, and HDFS with and without a host. */
function plain(uri: string): string {
  const match = /^([A-Za-z][\w+.-]*):(.*)$/s.exec(uri);
  if (match === null) return uri.replace(/^\/+/, "/");
  const scheme = match[1]?.toLowerCase() ?? "";
  const rest = match[2] ?? "";
  if (scheme === "file") return rest.replace(/^\/+/, "/");
  if (/^s3[an]?$/.test(scheme)) return `s3:${rest}`;
  if (/^(?:s?webhdfs|hdfs)$/.test(scheme)) return `hdfs:${rest.replace(/^\/\/[^/]*/, "")}`;
  return `${scheme}:${rest}`;
}
