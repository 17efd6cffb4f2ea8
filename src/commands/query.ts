/** `streamkit query`: DuckDB SQL over the warehouse and the checkpoint. */

import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { Command, Option } from "commander";
import { messageOf, StreamkitError } from "../base/error.ts";
import type { Questions } from "../warehouse/query.ts";
import type { Context } from "./context.ts";
import { withHintForMore } from "./more-arguments.ts";
import { endedInTime } from "./stop-deadline.ts";

/** Who does not read the answer keeps nobody from stopping. */
const STOP = { timeoutMs: 1000, what: "Printing the answer", outlook: "the rest of it is missing" };

interface QueryFlags {
  readonly warehouse: string;
  readonly checkpoint?: string;
  readonly file?: string;
  readonly format: "table" | "json" | "ndjson" | "csv" | "parquet";
  readonly out?: string;
  readonly allowFiles: boolean;
}

const HELP = `
The tables are those of the warehouse: the folder ohlc is the table ohlc, market.db/ohlc is market.ohlc. With
--checkpoint there are also dead_letters and the state tables (checkpoint.NAME), as the last batch left them;
the job may be running. The query may also name any file, unless --no-allow-files is given: use that for SQL
written by somebody else. From a remote warehouse, only the files of the tables in the query are fetched,
without the partitions that its WHERE excludes. Queries only read: SELECT, FROM, SHOW TABLES, DESCRIBE,
SUMMARIZE, EXPLAIN and the like are accepted, several of them separated by semicolons.

At a terminal, without a query, it starts a shell: SQL ends with a semicolon, Tab completes, .help lists more.

Examples:
  streamkit query "SELECT symbol, max(high) FROM ohlc WHERE dt >= DATE '2026-01-05' GROUP BY ALL"
  streamkit query "SHOW TABLES"
  streamkit query "FROM dead_letters LIMIT 10" --checkpoint ./state/market
  streamkit query "SELECT count(*) FROM 'out/*.ndjson'" --format json
  streamkit query -f report.sql --format csv > report.csv
  echo "FROM ohlc LIMIT 3" | streamkit query`;

export function queryCommand(context: Context): Command {
  const command = new Command("query")
    .summary("runs SQL over the Parquet warehouse and a checkpoint")
    .description("Runs DuckDB SQL over the tables of a warehouse and prints the results.")
    .argument("[sql]", "the query; without it --file, standard input, or a shell at a terminal")
    .option("-f, --file <file>", "read the query from this file; - is standard input")
    .option("--warehouse <place>", "the folder of the tables, or webhdfs://… or s3://…", "./warehouse")
    .option("--checkpoint <folder>", "add a checkpoint's tables; its job may be running")
    .addOption(
      new Option("--format <format>", "output format")
        .choices(["table", "json", "ndjson", "csv", "parquet"])
        .default("table"),
    )
    .option(
      "--out <file>",
      "write to a file instead of stdout; the format follows the extension: .csv, .json, .ndjson, .parquet",
    )
    .option("--allow-files", "let the query read files on this machine", true)
    .option("--no-allow-files", "let the query read only the warehouse and the checkpoint")
    .addHelpText("after", HELP)
    .action((text: string | undefined, flags: QueryFlags, given: Command) =>
      query(text, { ...flags, format: formatOf(flags, given) }, context),
    );
  return withHintForMore(command, () => "the query is one, in quotes, as the shell takes it apart without");
}

const FORMAT_OF_NAME: Readonly<Record<string, QueryFlags["format"]>> = {
  ".parquet": "parquet",
  ".json": "json",
  ".ndjson": "ndjson",
  ".jsonl": "ndjson",
};

/** A file is of the format that its name says, where no flag does; a table is for people. */
function formatOf({ format, out }: QueryFlags, given: Command): QueryFlags["format"] {
  if (out === undefined || format !== "table") return format;
  if (given.getOptionValueSource("format") === "cli")
    throw new StreamkitError(
      "usage",
      "--format table is for a terminal: --out takes json, ndjson, csv or parquet",
    );
  return FORMAT_OF_NAME[extname(out).toLowerCase()] ?? "csv";
}

async function query(argument: string | undefined, flags: QueryFlags, context: Context): Promise<void> {
  const text = await textOf(argument, flags, context);
  await (text === undefined
    ? shell(flags, context)
    : endedInTime(answer(text, flags, context), context, STOP));
}

/** A signal ends it at once: what was printed of the answer stays. */
async function answer(text: string, flags: QueryFlags, context: Context): Promise<void> {
  const { questions, progress } = await opened(flags, context);
  const interrupt = (): void => void questions.interrupt();
  context.stop.addEventListener("abort", interrupt);
  try {
    await progress.during(() => questions.ask(text));
  } catch (error) {
    if (!context.stop.aborted) throw error;
  } finally {
    context.stop.removeEventListener("abort", interrupt);
    await questions.close();
  }
}

async function opened(flags: QueryFlags, context: Context) {
  const { openQuestions } = await import("../warehouse/query.ts");
  const { openQueryProgress } = await import("./query-progress.ts");
  const questions = await openQuestions({ ...flags, ...context }, () => progress.stdout);
  const progress = openQueryProgress(() => questions.percentDone(), context);
  return { questions, progress };
}

/** Undefined where a person is to type it. */
async function textOf(
  argument: string | undefined,
  { file, out }: QueryFlags,
  { isStdinTerminal, stdout }: Context,
): Promise<string | undefined> {
  if (argument !== undefined && file !== undefined)
    throw new StreamkitError("usage", "A query or --file is expected, not both");
  if (argument !== undefined) return argument;
  if (file !== undefined && file !== "-") return fileText(file);
  if (isStdinTerminal === true && file === undefined && stdout.isTerminal && out === undefined)
    return undefined;
  if (isStdinTerminal === true && file === undefined)
    throw new StreamkitError("usage", "An SQL query is expected: as an argument, with --file or on stdin");
  const { readStdinText } = await import("../runtime/stdio.ts");
  return readStdinText();
}

function fileText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new StreamkitError("usage", `--file: "${file}" can't be read: ${messageOf(cause)}`, { cause });
  }
}

async function shell(flags: QueryFlags, context: Context): Promise<void> {
  const { openHistory } = await import("./query-history.ts");
  const { runShell } = await import("./query-shell.ts");
  const { questions, progress } = await opened(flags, context);
  const { format, warehouse } = flags;
  const history = openHistory(context.env);
  try {
    context.say(`streamkit: the tables of ${warehouse}; .help tells what to type, Ctrl-D leaves`);
    const ask: Questions["ask"] = (text, style) => progress.during(() => questions.ask(text, style));
    const streams = { input: process.stdin, output: process.stdout };
    await runShell({ ...questions, ask }, { format, history, ...streams }, context);
  } finally {
    await questions.close();
  }
}
