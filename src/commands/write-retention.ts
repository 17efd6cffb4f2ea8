/**
 * `streamkit write --retention`: removes partitions of a table that are older than `--keep`, or, with
 * `--dry-run`, only says which these are. Time is the watermark of a checkpoint; without one it is the latest
 * date that names a partition.
 */

import path from "node:path";
import { StreamkitError } from "../base/error.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { counted, durationText } from "../base/units.ts";
import { type Column, type Database, openDatabase } from "../duckdb/database.ts";
import { id, raw, type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import type { LoadedJob } from "../job/load.ts";
import { resolveSink } from "../sinks/list.ts";
import type { ParquetOptions } from "../sinks/parquet-options.ts";
import { attachCheckpoint } from "../warehouse/checkpoint-snapshot.ts";
import { parsePartition, tableFolder } from "../warehouse/hive-layout.ts";
import { openMetastore } from "../warehouse/metastore/hive-metastore.ts";
import { metastoreName } from "../warehouse/metastore-observer.ts";
import { partitioningOf } from "../warehouse/partition-columns.ts";
import type { PartitionObserver } from "../warehouse/partition-observers.ts";
import { valuesOfPath } from "../warehouse/partition-path.ts";
import { type PartitionRule, partitionRule } from "../warehouse/partition-rule.ts";
import {
  type CountedPartition,
  countedPartitions,
  expiredPartitions,
  partitionFolders,
  removePartitions,
  wordsOf,
} from "../warehouse/retention.ts";
import { savedSchema } from "../warehouse/schema-log.ts";
import type { Store } from "../warehouse/store.ts";
import { openStore } from "../warehouse/stores.ts";
import type { Context } from "./context.ts";

export interface RetentionRequest {
  /** The job that writes the table: its sink says what is kept, its source which column is the time. */
  readonly job: LoadedJob;
  readonly checkpoint: string | undefined;
  readonly isDryRun: boolean;
  readonly isQuiet: boolean;
}

export async function runRetention(request: RetentionRequest, context: Context): Promise<void> {
  const { job, isDryRun } = request;
  const [sink] = job.config.sinks;
  if (sink === undefined) throw new StreamkitError("bug", "A sink is expected");
  const options = resolveSink(sink).options as ParquetOptions;
  const { table, keep } = options;
  if (keep === undefined)
    throw new StreamkitError("usage", "--retention needs to know what is kept: --keep 90d");
  const store = openStore(options.warehouse, { baseFolder: job.folder, ...context });
  const folder = tableFolder(table);
  const database = await openDatabase();
  const workingFolder = await temporaryFolder("retention");
  const observer = metastoreOf(options, context);
  try {
    await database.run(raw("SET TimeZone = 'UTC'"));
    const place = { store, folder, table, database, workingFolder };
    const { rule, depth, atLatest } = await ruleOf(database, store, options, timeColumnOf(job));
    const reached =
      request.checkpoint === undefined
        ? await atLatest(await partitionFolders(store, folder, depth))
        : await watermarkOf(database, request.checkpoint, workingFolder, context);
    const columns = new Map([[timeColumnOf(job), reached]]);
    const bound = await rule.boundAt({ columns, watermark: reached }, keep);
    const expired = await expiredPartitions({ store, folder, rule, depth }, bound);
    const found = await countedPartitions(place, expired);
    if (!isDryRun) await removePartitions({ store, folder, observers: observer.observers }, expired);
    if (request.isQuiet) return;
    for (const line of linesOf(found, { table, keepMs: keep, isDryRun })) context.say(line);
  } finally {
    observer.close();
    database.close();
  }
}

function linesOf(
  found: readonly CountedPartition[],
  {
    table,
    keepMs,
    isDryRun,
  }: { readonly table: string; readonly keepMs: number; readonly isDryRun: boolean },
): string[] {
  const what = `${counted(found.length, "partition")} of ${table}`;
  if (found.length === 0)
    return [`streamkit: no partition of ${table} is older than ${durationText(keepMs)}`];
  return isDryRun
    ? [`streamkit: ${what} would be removed: ${wordsOf(found)}`]
    : [`streamkit: ${what} removed: ${wordsOf(found)}`];
}

function timeColumnOf({ config }: LoadedJob): string {
  const [source] = Object.values(config.sources);
  return typeof source?.time === "string" ? source.time : "ts";
}

interface TableRule {
  readonly rule: PartitionRule;
  readonly depth: number;
  /** The latest date in the names of partitions. Throws code `usage` where they have none. */
  readonly atLatest: (partitions: readonly string[]) => Promise<Sql>;
}

const IS_DATE = /^(?:DATE|TIMESTAMP)/;

/** By the partitions' expressions as they are given; else by the first partition column that is a date. */
async function ruleOf(
  database: Database,
  store: Store,
  { table, partition_by, complete }: ParquetOptions,
  timeColumn: string,
): Promise<TableRule> {
  const schema = await savedSchema(store, tableFolder(table));
  if (schema === undefined)
    throw new StreamkitError("usage", `There is no table ${table} of streamkit in ${store.url}`);
  const dated = schema.partitions.find(({ type }) => IS_DATE.test(type));
  const given = partition_by.map(parsePartition);
  const partitions = given.length > 0 ? given : schema.partitions.map(({ name }) => parsePartition(name));
  const inFolders = schema.partitions.filter(
    ({ name }) =>
      given.length === 0 || given.some((own) => own.name === name && own.expression === `"${name}"`),
  );
  const rows: Column[] = [...schema.columns, ...inFolders].map(({ name, type }) => ({
    name,
    type: type.replace(/^TIMESTAMP WITH TIME ZONE$/, "TIMESTAMP"),
  }));
  const byDate = dated === undefined ? undefined : `${id(dated.name).text} < watermark::DATE`;
  const rule = await partitionRule(database, {
    rows,
    partitions,
    partitioning: await partitioningOf(database, rows, partitions),
    timeColumns: rows.some(({ name }) => name === timeColumn) ? [timeColumn] : [],
    when: complete.when ?? (given.length > 0 ? undefined : byDate),
  });
  if (rule === undefined)
    throw new StreamkitError(
      "usage",
      `Nothing tells the time of the partitions of ${table}: give --partition-by as the table was written ` +
        "with, and --time",
    );
  return {
    rule,
    depth: partitions.length,
    async atLatest(paths) {
      if (dated === undefined)
        throw new StreamkitError("usage", "--retention goes by a watermark: give --checkpoint FOLDER");
      const texts = paths.flatMap((name) => valuesOfPath(name).get(dated.name) ?? []);
      const row = await database.row(sql`SELECT max(TRY_CAST(v AS TIMESTAMP))::VARCHAR AS latest
        FROM unnest([${texts.map((value) => sql`${value}`)}]::VARCHAR[]) u(v)`);
      return sql`coalesce(CAST(${row["latest"] as string | null} AS TIMESTAMP), '-infinity'::TIMESTAMP)`;
    },
  };
}

/** The least of the checkpoint's sources. */
async function watermarkOf(
  database: Database,
  checkpoint: string,
  working: string,
  { clock }: Context,
): Promise<Sql> {
  await attachCheckpoint(database, path.resolve(checkpoint), { working, clock });
  const [row] = await database.rows(sql`SELECT json FROM checkpoint.progress`);
  const { sources } = JSON.parse(String(row?.["json"] ?? `{"sources":{}}`)) as {
    readonly sources: Readonly<Record<string, { readonly watermarkUs?: string }>>;
  };
  const known = Object.values(sources).map(({ watermarkUs }) =>
    watermarkUs === undefined ? null : BigInt(watermarkUs),
  );
  const least = known.reduce((a, b) => (a === null || b === null ? null : a < b ? a : b), known[0] ?? null);
  return timestampUs(least);
}

/** Tells the metastore that the job names of what is removed. */
function metastoreOf(
  { metastore: urls, table }: ParquetOptions,
  { clock, env, stop }: Context,
): { readonly observers: readonly PartitionObserver[]; close(): void } {
  if (urls === undefined) return { observers: [], close: () => {} };
  const user = env["HADOOP_USER_NAME"] ?? env["USER"] ?? env["LOGNAME"] ?? "streamkit";
  const metastore = openMetastore(urls, { clock, user, stop });
  const observer: PartitionObserver = {
    async dropped(partitions) {
      for (const { path: name } of partitions)
        await metastore.dropPartition(metastoreName(table), [...valuesOfPath(name).values()]);
    },
  };
  return { observers: [observer], close: () => metastore.close() };
}
