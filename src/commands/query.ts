/** `streamkit query`: DuckDB SQL over the warehouse and the checkpoint. */

import { Command, Option } from "commander";
import type { Context } from "./context.ts";
import { endedInTime } from "./stop-deadline.ts";

/** Who does not read the answer keeps nobody from stopping. */
const STOP = { timeoutMs: 1000, what: "Printing the answer", outlook: "the rest of it is missing" };

interface QueryFlags {
  readonly warehouse: string;
  readonly checkpoint?: string;
  readonly format: "table" | "json" | "ndjson" | "csv" | "parquet";
  readonly out?: string;
}

const HELP = `
Tables are the warehouse's: a folder market.db/ohlc is market.ohlc, ohlc is ohlc. With --checkpoint also
dead_letters and the state tables (checkpoint.NAME), as a batch left them: the job may be running. Any file
can be named in the query itself. From a warehouse that is elsewhere, the files of the tables that the query
names are fetched for it, without those of partitions that its WHERE rules out.

Examples:
  streamkit query "SELECT symbol, max(high) FROM ohlc WHERE dt >= DATE '2026-01-05' GROUP BY ALL"
  streamkit query "FROM dead_letters LIMIT 10" --checkpoint ./state/market
  streamkit query "SELECT count(*) FROM 'out/*.ndjson'" --format json`;

export function queryCommand(context: Context): Command {
  return new Command("query")
    .summary("DuckDB SQL over the Parquet warehouse and a checkpoint")
    .description("Runs one DuckDB query over the tables of a warehouse, and prints its answer.")
    .argument("<sql>", "the query")
    .option("--warehouse <place>", "the folder of the tables, or webhdfs://… or s3://…", "./warehouse")
    .option("--checkpoint <folder>", "also a checkpoint's tables, while its job runs or not")
    .addOption(
      new Option("--format <format>", "how to print it")
        .choices(["table", "json", "ndjson", "csv", "parquet"])
        .default("table"),
    )
    .option("--out <file>", "write to a file instead of stdout (parquet needs it)")
    .addHelpText("after", HELP)
    .action(async (text: string, flags: QueryFlags) => {
      const { runQuery } = await import("../warehouse/query.ts");
      const { clock, env, stop, stdout } = context;
      await endedInTime(runQuery(text, { ...flags, clock, env, stop }, stdout), context, STOP);
    });
}
