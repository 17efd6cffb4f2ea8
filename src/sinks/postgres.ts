/** The sink `postgres:`: a table of PostgreSQL. `src/databases` does the work. */

import { z } from "zod";
import { connectionFields, nameOf, parsePostgresUrl, reachOf } from "../databases/postgres/options.ts";
import { postgresTarget } from "../databases/postgres/target.ts";
import { feedOf, openDatabaseSink, tableFields } from "./database.ts";
import type { SinkKind } from "./sink.ts";

const options = z.strictObject({ ...connectionFields, ...tableFields });

export const postgresSink: SinkKind<z.infer<typeof options>> = {
  name: "postgres",
  summary:
    "a table of PostgreSQL, one transaction a batch; URL `postgres://USER@HOST:PORT/DATABASE?table=NAME`",
  options,
  modes: ["append", "update", "complete"],
  fromUrl: parsePostgresUrl,
  target: ({ url, table }) => `${nameOf(url)}/${table}`,
  open: (given, context) =>
    openDatabaseSink(
      postgresTarget({
        reached: reachOf(given, context),
        place: nameOf(given.url),
        table: given.table,
        creates: given.create,
        feed: feedOf(context),
      }),
      context,
      given.on_error,
    ),
};
