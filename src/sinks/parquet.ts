/** The sink `parquet:`: a job's rows into a table in Hive's layout. `src/warehouse` does the work. */

import path from "node:path";
import { z } from "zod";
import { StreamkitError } from "../base/error.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { durationField, sizeField } from "../job/fields.ts";
import { parsePartition, removeUncommitted, stagingFolder, tableFolder } from "../warehouse/hive-layout.ts";
import { type HiveTable, hiveTable, tableWarnings } from "../warehouse/hive-table.ts";
import { writable } from "../warehouse/hive-types.ts";
import { isMetastore } from "../warehouse/metastore/hive-metastore.ts";
import { addForgotten, metastorePartitions } from "../warehouse/metastore/partitions.ts";
import { type Partitioning, partitioningOf } from "../warehouse/partition-columns.ts";
import {
  commandHook,
  type PartitionObserver,
  successFiles,
  urlHook,
} from "../warehouse/partition-observers.ts";
import { type PartitionRule, partitionRule } from "../warehouse/partition-rule.ts";
import { openRetention, partitionFolders } from "../warehouse/retention.ts";
import type { Store } from "../warehouse/store.ts";
import { openStore } from "../warehouse/stores.ts";
import { adoptSchema } from "../warehouse/table-schema.ts";
import { openTableWriter, type TableBatch, type TablePosition } from "../warehouse/table-writer.ts";
import { openWaitingRows, type Roll, type WaitingRows } from "../warehouse/waiting-rows.ts";
import { lineOf } from "./json-lines.ts";
import { openMetastoreTable } from "./parquet-metastore.ts";
import {
  rowsLike,
  type Sink,
  type SinkBatch,
  type SinkContext,
  type SinkInput,
  type SinkKind,
} from "./sink.ts";

const options = z.strictObject({
  warehouse: z.string().default("./warehouse").describe("the folder of all tables, relative to the job file"),
  table: z.string().describe("the table's name: NAME or DATABASE.NAME"),
  partition_by: z
    .array(z.string())
    .default([])
    .describe("partition folders: a column, or `NAME=EXPRESSION` like `dt=window_start::DATE`"),
  roll: z
    .strictObject({
      rows: z.int().positive().optional().describe("a partition's file is written when so many rows wait"),
      bytes: sizeField.optional().describe("or when its file will be about so large, like 128MiB"),
      every: durationField.optional().describe("or when a row has waited for so long, like 10m"),
    })
    .optional()
    .describe(
      "few large files: rows wait in the checkpoint until one of these is so, their partition is complete, " +
        "or the input ends; without it every batch writes its files",
    ),
  complete: z
    .strictObject({
      when: z
        .string()
        .optional()
        .describe(
          "SQL over the partition columns and `watermark` that says that no row is to come, like " +
            "`dt < watermark::DATE`; if left out, partition columns that are computed from an event " +
            "time tell it",
        ),
      delay: durationField.default(0).describe("how much later than that the watermark must be"),
      success_file: z.boolean().default(true).describe("a file `_SUCCESS` in a partition that is complete"),
      run: z
        .string()
        .optional()
        .describe(
          "a shell command for each; $STREAMKIT_TABLE, $STREAMKIT_PARTITION and $STREAMKIT_LOCATION name it",
        ),
      post: z
        .url()
        .optional()
        .describe("a URL that gets a POST of `table`, `partition` and `location` for each"),
    })
    .prefault({})
    .describe("what is done when the watermark passes a partition, after the commit and at least once"),
  late_partitions: z
    .enum(["reopen", "dead_letter"])
    .default("reopen")
    .describe(
      "rows of a partition that is complete: written into it, which completes it again; or dead letters",
    ),
  keep: durationField.optional().describe("partitions that are older than this by the watermark are removed"),
  metastore: z
    .string()
    .refine(isMetastore, "a metastore is thrift://HOST:PORT")
    .optional()
    .describe(
      "a Hive Metastore, `thrift://HOST:9083`, or several with commas between: the table is made there or " +
        "compared before anything is written, and its partitions are added and dropped",
    ),
  location: z
    .string()
    .optional()
    .describe(
      "the warehouse as the metastore's readers name it, like `hdfs://NAMENODE:8020/warehouse`; a local one " +
        "is `file:/…` if left out",
    ),
  add_columns: z
    .boolean()
    .default(false)
    .describe("columns that the metastore's table lacks are added to it; else they are refused"),
});

type Options = z.infer<typeof options>;

export const parquetSink: SinkKind<Options> = {
  name: "parquet",
  summary: "Parquet files in Hive layout, partitioned by SQL expressions",
  options,
  modes: ["append"],
  fromUrl: () => undefined,
  target: ({ warehouse, table }) =>
    /^[A-Za-z][\w+.-]+:\/\//.test(warehouse) ? `${warehouse}/${table}` : path.join(warehouse, table),
  probes: ({ partition_by }, input) =>
    partition_by.flatMap((text, index) => {
      const { name, expression } = parsePartition(text);
      if (!isOwn(name, input)) return [];
      const select = sql`SELECT ${raw(`(${expression})`)} FROM ${rowsLike(input)}`;
      return [{ keyPath: ["partition_by", String(index)], select }];
    }),
  async warnings(given, input, database) {
    if (given.metastore !== undefined) await hiveTableOf(given, input, database);
    return tableWarnings(database, input.columns, given.partition_by.map(parsePartition), rowsLike(input));
  },
  open: openParquet,
};

/** Throws code `job` where Hive can't have it. */
function hiveTableOf({ partition_by }: Options, input: SinkInput, database: Database): Promise<HiveTable> {
  return hiveTable(database, input.columns, partition_by.map(parsePartition), rowsLike(input));
}

function isOwn(name: string, { columns }: SinkInput): boolean {
  return !columns.some((column) => column.name === name);
}

async function openParquet(given: Options, context: SinkContext): Promise<Sink> {
  const { database, input, isDurable, writer: name } = context;
  const store = openStore(given.warehouse, context);
  const folder = tableFolder(given.table);
  const staging = path.join(
    store.localFolder ?? path.join(context.workingFolder, "parquet"),
    stagingFolder(folder, name),
  );
  const partitions = given.partition_by.map(parsePartition);
  const partitioning = await partitioningOf(database, input.columns, partitions);
  const rule = await partitionRule(database, {
    rows: input.columns,
    partitions,
    partitioning,
    timeColumns: context.timeColumns,
    when: given.complete.when,
  });
  refuseWithoutRule(given, rule);
  const columns = await writtenColumns(database, input.columns, partitioning);
  const hive = await openMetastoreTable(given, {
    store,
    folder,
    // Without a metastore nobody asks for it.
    hive: () => hiveTableOf(given, input, database),
    clock: context.clock,
    env: context.env,
  });
  await adoptSchema({
    database,
    store,
    folder,
    table: given.table,
    rows: sql`SELECT ${columns.map(({ written }) => written)} FROM ${rowsLike(input)}`,
    partitions: partitioning.columns,
    workingFolder: context.workingFolder,
  });
  const committed = context.committed as TablePosition | undefined;
  const writer = { store, folder, name, staging, isDurable };
  await removeUncommitted(writer, committed?.batch ?? 0, context.clock.nowMs());
  if (hive !== undefined) {
    await hive.metastore.ensureTable(hive.spec);
    await addForgotten(hive.metastore, hive.spec, await partitionFolders(store, folder, partitions.length));
  }
  const observers = [
    ...(hive === undefined ? [] : [metastorePartitions(hive.metastore, hive.spec, { store, folder })]),
    ...observersOf(given, store, folder, context),
  ];
  const table = await openTableWriter({
    database,
    writer,
    columns,
    partitioning,
    rule,
    completionDelayMs: given.complete.delay,
    retention:
      rule === undefined || given.keep === undefined
        ? undefined
        : openRetention({ store, folder, rule, depth: partitions.length, keepMs: given.keep, observers }),
    waiting: await waitingRows(given, context, columns, partitioning),
    divert:
      given.late_partitions === "dead_letter"
        ? (rows, batch) => asDeadLetters(rows, batch, context)
        : undefined,
    observers,
    committed,
  });
  return {
    ...table,
    write: (_, batch) => table.write(tableBatch(batch)),
    async close() {
      await table.close();
      hive?.metastore.close();
    },
  };
}

function refuseWithoutRule({ keep, late_partitions }: Options, rule: PartitionRule | undefined): void {
  if (rule !== undefined) return;
  const what = keep === undefined ? (late_partitions === "reopen" ? undefined : "late_partitions") : "keep";
  if (what === undefined) return;
  throw new StreamkitError(
    "job",
    `${what} needs to know the time of a partition, and nothing tells it: let partition_by have a column ` +
      "that is computed from an event time and sorts as time goes, like dt=ts::DATE, or say complete.when",
  );
}

function tableBatch({ watermark, times, ...batch }: SinkBatch): TableBatch {
  const at = (which: "before" | "after") => ({
    watermark: watermark[which],
    columns: new Map([...times].map(([name, reached]) => [name, reached[which]])),
  });
  return { ...batch, before: at("before"), after: at("after") };
}

/** The columns of the files: a partition column is in its folder's name alone. */
async function writtenColumns(
  database: Database,
  columns: readonly Column[],
  partitioning: Partitioning,
): Promise<readonly (Column & { readonly written: Sql })[]> {
  const inFolders = new Set(partitioning.columns.map(({ name }) => name));
  const written = columns
    .filter(({ name }) => !inFolders.has(name))
    .map(({ name, type }) => ({ name, value: writable(id(name), type) }));
  if (written.length === 0)
    throw new StreamkitError("job", "every column is a partition: files need one too");
  const types = await database.describe(
    sql`SELECT ${written.map(({ name, value }) => sql`${value} AS ${id(name)}`)}
      FROM (SELECT ${columns.map(({ name, type }) => sql`NULL::${raw(type)} AS ${id(name)}`)} WHERE false)`,
  );
  return written.map(({ name, value }, index) => ({
    name,
    type: types[index]?.type ?? "",
    written: sql`${value} AS ${id(name)}`,
  }));
}

async function waitingRows(
  { roll, table }: Options,
  { database, state }: SinkContext,
  columns: readonly Column[],
  { columns: partitions, key }: Partitioning,
): Promise<WaitingRows | undefined> {
  const rows = state("rows");
  // Rows that waited when the job still said so are not forgotten.
  const isThere = (): Promise<boolean> =>
    database.rows(sql`SELECT 1 FROM ${rows} LIMIT 1`).then(
      (found) => found.length > 0,
      () => false,
    );
  if (roll === undefined && !(await isThere())) return undefined;
  const given: Roll =
    roll === undefined ? { rows: 1 } : { rows: roll.rows, bytes: roll.bytes, everyMs: roll.every };
  return openWaitingRows({
    database,
    table: rows,
    name: table,
    columns: [...columns, ...partitions],
    key,
    roll: given,
  });
}

function observersOf(
  { complete, table }: Options,
  store: Store,
  folder: string,
  { env }: SinkContext,
): readonly PartitionObserver[] {
  const target = { store, folder, table, env };
  return [
    ...(complete.success_file ? [successFiles(store, folder)] : []),
    ...(complete.run === undefined ? [] : [commandHook(complete.run, target)]),
    ...(complete.post === undefined ? [] : [urlHook(complete.post, target)]),
  ];
}

/** Rows as dead letters of the query: their text is the row as JSON. */
function asDeadLetters(rows: Sql, batch: number, { input, deadLetters }: SinkContext): Sql {
  return sql`INSERT INTO ${deadLetters} (source, origin, byte_offset, line, reason, batch)
    SELECT ${input.query}, NULL, NULL, ${lineOf(input, batch, "bare")}, 'its partition is complete', ${batch}
    FROM (${rows})`;
}
