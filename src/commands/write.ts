/** `streamkit write`: an input into a table in Hive's layout, as a small job that the engine runs. */

import { createHash } from "node:crypto";
import path from "node:path";
import { Command } from "commander";
import { StreamkitError } from "../base/error.ts";
import { countFlag, durationFlagMs } from "../base/units.ts";
import type { Context } from "./context.ts";
import { collect } from "./job-flags.ts";
import { withHintForMore } from "./more-arguments.ts";
import type { CompactFlags } from "./write-compact.ts";
import { type Purpose, refuseIdleWriteFlags } from "./write-flags.ts";

interface WriteFlags extends Omit<CompactFlags, "compact"> {
  readonly table?: string;
  readonly compact?: string;
  readonly ddl?: boolean;
  /** The table, where it is named here. */
  readonly retention?: string | boolean;
  readonly dryRun?: boolean;
  readonly keep?: string;
  readonly partitionBy?: readonly string[];
  readonly rollRows?: string;
  readonly rollBytes?: string;
  readonly rollEvery?: string;
  readonly in: string;
  readonly format: string;
  readonly schema?: string;
  readonly timezone?: string;
  readonly maxBad?: string;
  readonly pattern?: string;
  readonly logFormat?: string;
  readonly delimiter?: string;
  readonly time?: string;
  readonly watermark?: string;
  readonly checkpoint?: string;
  readonly name?: string;
  readonly set?: readonly string[];
  readonly once?: boolean;
  readonly availableNow?: boolean;
  readonly allowEmpty?: boolean;
  readonly stopTimeout?: string;
}

const HELP = `
A partition is a column, or NAME=EXPRESSION with a DuckDB expression over the columns. To avoid small files,
rows wait until one of --roll-rows, --roll-bytes and --roll-every is reached, the watermark passes their
partition, or the input ends. With --checkpoint they wait there, and each row is written exactly once, also
after a crash; without it they wait in memory. Every option of a job's parquet: sink can be given as
--set sinks.0.parquet.KEY=VALUE.

--compact merges small files. Readers that go through \`query\` or a metastore never miss a row or see one
twice: they are redirected to the merged files, and after --delay these replace the old ones. Readers that
only list folders may see rows twice while the old files are being removed. After a crash the next run
continues.

--retention removes the partitions that --keep does not cover, measured by the watermark of --checkpoint, or
without one by the latest date in a partition's name; --dry-run only lists them.

Examples:
  streamkit simulate quotes --count 1e6 | streamkit write --table quotes --partition-by "dt=ts::DATE"
  streamkit write --in "tail:/var/log/nginx/access.log" --format combined --table web.access \\
    --warehouse webhdfs://namenode:9870/warehouse --partition-by "dt=ts::DATE" \\
    --partition-by "hour=strftime(ts, '%H')" --roll-bytes 128MiB --roll-every 15m --checkpoint ./state/access
  streamkit write --in "file:in/*.ndjson" --once --table raw --warehouse s3://bucket/warehouse
  streamkit write --ddl --table web.hits --schema "ts TIMESTAMP, path VARCHAR" --partition-by "dt=ts::DATE"
  streamkit write --retention web.access --keep 90d --dry-run --warehouse /data/warehouse
  streamkit write --compact web.access --warehouse /data/warehouse --metastore thrift://metastore:9083`;

export function writeCommand(context: Context): Command {
  return withHintForMore(
    new Command("write"),
    (word) => `--in ${word} says what is written into --table NAME`,
  )
    .summary("writes its input to a Parquet table in Hive layout")
    .description("Writes the standard input, or another source, to a Parquet table in Hive layout.")
    .option("--table <name>", "the table: NAME or DATABASE.NAME")
    .option(
      "--warehouse <place>",
      "where tables are: a folder, webhdfs://HOST:PORT/PATH, s3://BUCKET/PREFIX",
      "./warehouse",
    )
    .option("--partition-by <expression>", 'a level of folders, like "dt=ts::DATE"; repeatable', collect)
    .option("--roll-rows <count>", "write a partition's file when this many rows are waiting")
    .option("--roll-bytes <size>", "… or when it would be about this large, like 128MiB")
    .option("--roll-every <duration>", "… or when a row has waited this long, like 15m")
    .option(
      "--in <url>",
      "what to read: - (standard input), a file or glob, tail:GLOB, kafka://HOST:PORT/TOPIC",
      "-",
    )
    .option(
      "--format <format>",
      "json, csv, combined … (`streamkit formats` lists them); auto: detected in files, else json",
      "auto",
    )
    .option("--schema <columns>", '"ts TIMESTAMP, price DOUBLE" (default: inferred from the first lines)')
    .option("--pattern <regex>", "with --format regex: the pattern, with named groups")
    .option(
      "--log-format <text>",
      "with --format nginx or apache: log_format from the server's configuration",
    )
    .option("--delimiter <character>", "with --format csv: the separator, or tab (default: detected)")
    .option("--time <column>", 'the event-time column, or "epoch_ms(COLUMN)" (default: ts)')
    .option(
      "--max-bad <share>",
      "stop if a larger share of 100,000 lines is unreadable, like 50%, or off (default: all of them)",
    )
    .option(
      "--timezone <zone>",
      "the time zone of times without a UTC offset, like Europe/Berlin (default: UTC)",
    )
    .option("--watermark <duration>", "how far out of order events may arrive (default: 0)")
    .option("--checkpoint <folder>", "save progress and waiting rows here, and resume from it")
    .option(
      "--name <name>",
      "the writer's name in file names (part-NAME-…); must be unique among the table's writers",
    )
    .option("--once", "treat what is there now as the whole input: write all rows, then stop")
    .option(
      "--available-now",
      "write what is there now, commit, then stop; waiting rows stay in the checkpoint",
    )
    .option("--allow-empty", "with --once or --available-now: accept that there is no file to read")
    .option(
      "--stop-timeout <duration>",
      "after a signal, abandon a batch that takes longer than this (default: 30s)",
    )
    .option("--metastore <url>", "register the table in this Hive Metastore, thrift://HOST:9083")
    .option(
      "--location <place>",
      "the warehouse's location for other engines, like hdfs://NAMENODE/warehouse",
    )
    .option(
      "--keep <duration>",
      "remove partitions that the watermark has left behind by this much, like 90d",
    )
    .option("--retention [table]", "instead of writing: remove those partitions now, and list them")
    .option("--dry-run", "with --retention: only list them, with their number of rows")
    .option("--ddl", "print the table's HiveQL instead of writing")
    .option("--compact <table>", "instead of writing: merge a table's small files")
    .option("--target-bytes <size>", "with --compact: leave files of at least this size alone", "128MiB")
    .option("--idle <duration>", "with --compact: skip partitions written within this time", "10m")
    .option("--delay <duration>", "with --compact: the longest time a reader may take", "10m")
    .option("--no-wait", "with --compact: do not wait for readers; the next run does the rest")
    .option("--set <key=value>", "set any key of the underlying job; repeatable", collect)
    .option("--quiet", "print only errors")
    .addHelpText("after", HELP)
    .action((flags: WriteFlags, command: Command) => {
      const table = flags.table ?? (typeof flags.retention === "string" ? flags.retention : undefined);
      const named = table === undefined ? flags : { ...flags, table };
      refuseTwoTables(named);
      refuseIdleWriteFlags(command, purposeOf(named));
      return runWrite(named, context);
    });
}

function purposeOf({ compact, ddl, retention }: WriteFlags): Purpose {
  if (compact !== undefined) return "compact";
  if (retention !== undefined) return "retention";
  return ddl === true ? "ddl" : "write";
}

function refuseTwoTables({ table, compact }: WriteFlags): void {
  if ((table === undefined) === (compact === undefined))
    throw new StreamkitError("usage", "One of --table and --compact is expected: which table is it?");
}

async function runWrite(flags: WriteFlags, context: Context): Promise<void> {
  const { table, compact } = flags;
  if (compact !== undefined) {
    const { runCompact } = await import("./write-compact.ts");
    return runCompact({ ...flags, compact }, context);
  }
  if (flags.once === true && flags.availableNow === true)
    throw new StreamkitError("usage", "--once and --available-now exclude each other");
  const { writeJobText, inlineFlagOf } = await import("../job/inline.ts");
  const { loadJobText } = await import("../job/load.ts");
  const { wholeJobSchema } = await import("./load-job.ts");
  const { DEFAULT_STOP_TIMEOUT_MS, executeJob } = await import("./execute-job.ts");
  const text = writeJobText({
    name: flags.name ?? nameOf(flags),
    from: flags.in,
    format: flags.format,
    schema: flags.schema,
    time: flags.time,
    watermark: flags.watermark,
    pattern: flags.pattern,
    timezone: flags.timezone,
    maxBad: flags.maxBad,
    logFormat: flags.logFormat,
    delimiter: flags.delimiter,
    parquet: {
      warehouse: flags.warehouse,
      table,
      // Each checkpoint, and each run without one, has a name of its own.
      beside_others: true,
      partition_by: flags.partitionBy ?? [],
      ...(flags.metastore === undefined ? {} : { metastore: flags.metastore }),
      ...(flags.location === undefined ? {} : { location: flags.location }),
      ...(flags.keep === undefined ? {} : { keep: flags.keep }),
      ...rollOf(flags),
    },
  });
  const { withGuessedFormats } = await import("./guess-formats.ts");
  const given = loadJobText(text, "write", wholeJobSchema(), {
    env: context.env,
    overrides: flags.set ?? [],
    flagOf: inlineFlagOf,
  });
  if (flags.retention !== undefined) {
    const { runRetention } = await import("./write-retention.ts");
    return runRetention(
      {
        job: given,
        checkpoint: flags.checkpoint,
        isDryRun: flags.dryRun === true,
        isQuiet: flags.quiet === true,
      },
      context,
    );
  }
  const job = await withGuessedFormats(given);
  if (flags.ddl === true) {
    const { tableDdl } = await import("./write-ddl.ts");
    context.stdout.write(await tableDdl(job, context));
    return;
  }
  await executeJob(job, context, {
    batchMs: undefined,
    checkpoint: flags.checkpoint,
    resets: [],
    stopTimeoutMs:
      flags.stopTimeout === undefined
        ? DEFAULT_STOP_TIMEOUT_MS
        : durationFlagMs("--stop-timeout", flags.stopTimeout),
    until: flags.once === true ? "once" : flags.availableNow === true ? "available" : "stopped",
    allowsEmpty: flags.allowEmpty === true,
    serve: undefined,
    bareRows: false,
    quiet: flags.quiet === true,
  });
}

function rollOf({ rollRows, rollBytes, rollEvery }: WriteFlags): { readonly roll?: object } {
  const roll = {
    ...(rollRows === undefined ? {} : { rows: countFlag("--roll-rows", rollRows, 1) }),
    ...(rollBytes === undefined ? {} : { bytes: rollBytes }),
    ...(rollEvery === undefined ? {} : { every: rollEvery }),
  };
  return Object.keys(roll).length === 0 ? {} : { roll };
}

/**
 * Another for each checkpoint: what a writer's name is on it takes for its own, and removes where its
 * checkpoint does not know of it.
 */
function nameOf({ checkpoint }: WriteFlags): string {
  if (checkpoint === undefined) return "write";
  return `write_${createHash("sha256").update(path.resolve(checkpoint)).digest("hex").slice(0, 8)}`;
}
