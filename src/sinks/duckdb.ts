/** The sink `duckdb:`: a table in a file of DuckDB. `src/databases` does the work. */

import path from "node:path";
import { z } from "zod";
import { StreamkitError } from "../base/error.ts";
import { duckdbTarget } from "../databases/duckdb/target.ts";
import { feedOf, openDatabaseSink, tableFields } from "./database.ts";
import { fileAndTable } from "./database-file.ts";
import type { SinkKind } from "./sink.ts";

const options = z.strictObject({
  file: z.string().min(1).describe("the file, relative to the job file"),
  ...tableFields,
});

export const duckdbSink: SinkKind<z.infer<typeof options>> = {
  name: "duckdb",
  summary: "a table in a DuckDB file, one transaction a batch; URL `duckdb:FILE?table=NAME`",
  options,
  modes: ["append", "update", "complete"],
  fromUrl: (url) => fileAndTable("duckdb", url),
  target: ({ file, table }) => `${path.normalize(file)}/${table}`,
  plainTargets: (target, baseFolder) => [path.resolve(baseFolder, target)],
  async open(given, context) {
    if (context.shard !== undefined)
      throw new StreamkitError(
        "job",
        "a DuckDB file has one writer, and processes that share a source would be several: use a server",
      );
    const target = duckdbTarget({
      database: context.database,
      file: path.resolve(context.baseFolder, given.file),
      table: given.table,
      creates: given.create,
      feed: feedOf(context),
    });
    return openDatabaseSink(target, context, given.on_error);
  },
};
