/** URLs of databases that are files: `duckdb:FILE?table=NAME`. */

import { StreamkitError } from "../base/error.ts";

/** The options that the URL stands for; undefined where it is of another scheme. Throws code `job`. */
export function fileAndTable(scheme: string, url: string): Readonly<Record<string, unknown>> | undefined {
  if (!url.startsWith(`${scheme}:`)) return undefined;
  const [file = "", query = ""] = url.slice(scheme.length + 1).split("?");
  const parameters = new URLSearchParams(query);
  const table = parameters.get("table");
  if (file === "" || table === null)
    throw new StreamkitError(
      "job",
      `${scheme}:FILE?table= with the table's name is expected, found "${url}"`,
    );
  const create = parameters.get("create");
  return { file, table, ...(create === null ? {} : { create: create === "true" }) };
}
