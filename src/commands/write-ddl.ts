/** `streamkit write --ddl`: the HiveQL of the table that would be written. */

import { StreamkitError } from "../base/error.ts";
import { openDatabase } from "../duckdb/database.ts";
import { planForCheck } from "../engine/prepare.ts";
import type { LoadedJob } from "../job/load.ts";
import { resolveSink } from "../sinks/list.ts";
import { parquetTable } from "../sinks/parquet.ts";
import type { ParquetOptions } from "../sinks/parquet-options.ts";
import { hiveDdl } from "../warehouse/ddl.ts";
import { openStore } from "../warehouse/stores.ts";
import type { Context } from "./context.ts";

export async function tableDdl(job: LoadedJob, context: Context): Promise<string> {
  const database = await openDatabase();
  try {
    const { outputs } = await planForCheck(job, database, context);
    const [sink] = job.config.sinks;
    const output = sink === undefined ? undefined : outputs.get(sink.from);
    if (sink === undefined || output === undefined) throw new StreamkitError("bug", "A sink is expected");
    const options = resolveSink(sink).options as ParquetOptions;
    const store = openStore(options.warehouse, { baseFolder: job.folder, ...context });
    return hiveDdl(await parquetTable(options, { ...output, query: output.name }, database, store));
  } finally {
    database.close();
  }
}
