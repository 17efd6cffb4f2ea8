/** The sink `sqlite:`: a table in a file of SQLite. `src/databases` does the work. */

import path from "node:path";
import { z } from "zod";
import { sqliteTarget } from "../databases/sqlite/target.ts";
import { feedOf, openDatabaseSink, tableFields } from "./database.ts";
import { fileAndTable } from "./database-file.ts";
import type { SinkKind } from "./sink.ts";

const options = z.strictObject({
  file: z.string().min(1).describe("the file, relative to the job file"),
  ...tableFields,
});

export const sqliteSink: SinkKind<z.infer<typeof options>> = {
  name: "sqlite",
  summary: "a table in a SQLite file, one transaction a batch; URL `sqlite:FILE?table=NAME`",
  options,
  modes: ["append", "update", "complete"],
  fromUrl: (url) => fileAndTable("sqlite", url),
  target: ({ file, table }) => `${path.normalize(file)}/${table}`,
  plainTargets: (target, baseFolder) => [path.resolve(baseFolder, target)],
  open: (given, context) =>
    openDatabaseSink(
      sqliteTarget({
        file: path.resolve(context.baseFolder, given.file),
        table: given.table,
        creates: given.create,
        feed: feedOf(context),
      }),
      context,
      given.on_error,
    ),
};
