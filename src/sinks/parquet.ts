/** The sink `parquet:`: a job's rows into a table in Hive's layout. `src/warehouse` does the work. */

import { createHash } from "node:crypto";
import path from "node:path";
import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import { thisProcess } from "../base/process-mark.ts";
import { counted } from "../base/units.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { type BufferedRows, openBufferedRows, type Roll } from "../warehouse/buffered-rows.ts";
import { refuseCompacted } from "../warehouse/compaction/compacted-batches.ts";
import { type ForeignTable, foreignTable } from "../warehouse/foreign/foreign-table.ts";
import { respelled, type Spelling } from "../warehouse/foreign/spelling.ts";
import { takenOver } from "../warehouse/foreign/take-over.ts";
import {
  type PartitionColumn,
  parsePartition,
  removeStaged,
  removeUncommitted,
  stagingFolder,
  tableFolder,
} from "../warehouse/hive-layout.ts";
import { hiddenFolders, hiveTable, tableWarnings } from "../warehouse/hive-table.ts";
import { mayNotFit, writable } from "../warehouse/hive-types.ts";
import { openMetastore } from "../warehouse/metastore/hive-metastore.ts";
import type { Metastore, TableSpec } from "../warehouse/metastore/metastore.ts";
import {
  addForgotten,
  locationOf,
  type MetastoreObserverOptions,
  metastoreName,
  metastoreObserver,
} from "../warehouse/metastore-observer.ts";
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
import { openStore, plainPlaces } from "../warehouse/stores.ts";
import { claimTable } from "../warehouse/table-owners.ts";
import { heldSchema } from "../warehouse/table-schema.ts";
import { openTableWriter, type TableBatch, type TablePosition } from "../warehouse/table-writer.ts";
import type { WrittenColumn } from "../warehouse/unfit-rows.ts";
import { lineOf } from "./json-lines.ts";
import { type ParquetOptions, parquetOptions } from "./parquet-options.ts";
import {
  type Claim,
  type Probe,
  rowsLike,
  type Sink,
  type SinkBatch,
  type SinkContext,
  type SinkInput,
  type SinkKind,
} from "./sink.ts";

export const parquetSink: SinkKind<ParquetOptions> = {
  name: "parquet",
  summary: "Parquet files in Hive layout, partitioned by SQL expressions",
  options: parquetOptions,
  modes: ["append"],
  fromUrl: () => undefined,
  target: ({ warehouse, table }) =>
    /^[A-Za-z][\w+.-]+:\/\//.test(warehouse) ? `${warehouse}/${table}` : path.join(warehouse, table),
  plainTargets: plainPlaces,
  probes,
  async warnings(given, input, database) {
    if (given.metastore !== undefined) await hiveTableOf(given, input, database);
    return tableWarnings(database, input.columns, given.partition_by.map(parsePartition), rowsLike(input));
  },
  claim: claimParquet,
  open: openParquet,
};

async function claimParquet(given: ParquetOptions, context: SinkContext): Promise<Claim> {
  const claim = await claimTable({
    store: openStore(given.warehouse, context),
    folder: tableFolder(given.table),
    table: given.table,
    writer: context.writer,
    claimant: context.claimant,
    besideOthers: given.beside_others,
    isKnown: context.committed !== undefined,
  });
  return { ...claim, release: () => {} };
}

function probes({ partition_by, complete }: ParquetOptions, input: SinkInput): readonly Probe[] {
  const values = partition_by.map(parsePartition).map(({ name, expression }) => {
    const isRowsOwn = input.columns.some((column) => column.name === name);
    return sql`${isRowsOwn ? id(name) : raw(`(${expression})`)} AS ${id(name)}`;
  });
  const columns = [...values, raw("NULL::TIMESTAMP AS watermark")];
  const when = sql`SELECT (${raw(complete.when ?? "true")}) FROM (SELECT ${columns} FROM ${rowsLike(input)})`;
  return [
    ...values.map((value, index) => ({
      keyPath: ["partition_by", String(index)],
      select: sql`SELECT ${value} FROM ${rowsLike(input)}`,
    })),
    { keyPath: ["complete", "when"], select: when },
  ];
}

async function openParquet(given: ParquetOptions, context: SinkContext): Promise<Sink> {
  const { database, input, isDurable, writer: name } = context;
  const store = openStore(given.warehouse, context);
  const folder = tableFolder(given.table);
  const staging = path.join(
    store.localFolder ?? path.join(context.workingFolder, "parquet"),
    stagingFolder(folder, name),
  );
  const place = { store, folder, table: given.table, database, workingFolder: context.workingFolder };
  const foreign = await foreignTable(place);
  const partitions = inOrderOf(given.partition_by.map(parsePartition), foreign);
  const spellings = foreign === undefined ? [] : partitions.map(({ name: own }) => spellingIn(foreign, own));
  const partitioning = respelled(await partitioningOf(database, input.columns, partitions), spellings);
  for (const warning of hiddenFolders(partitions)) logger("parquet").warn(`${given.table}: ${warning}`);
  const rule = await partitionRule(database, {
    rows: input.columns,
    partitions,
    partitioning,
    timeColumns: context.timeColumns,
    when: given.complete.when,
  });
  refuseWithoutRule(given, rule);
  const columns = takenOver(
    await writtenColumns(database, input.columns, partitioning),
    foreign?.columns ?? [],
  );
  const committed = context.committed as TablePosition | undefined;
  // Of the checkpoint, not of this place in it: the place may have had another name.
  const committedBatch = Math.max(committed?.batch ?? 0, context.committedBatch);
  await refuseCompacted(store, folder, { table: given.table, writer: name, committedBatch });
  const catalog = await openCatalog(given, { store, folder, addsAtOnce: rule === undefined }, context);
  const schema = await heldSchema({
    database,
    store,
    folder,
    table: given.table,
    rows: sql`SELECT ${columns.map(({ written }) => written)} FROM ${rowsLike(input)}`,
    partitions: partitioning.columns,
    hasRows: () => hasWaitingRows(context),
    workingFolder: context.workingFolder,
    clock: context.clock,
    owner: thisProcess(),
    foreign: foreign?.columns,
  });
  const writer = { store, folder, name, staging, isDurable };
  // To list a table that is elsewhere takes long: where no batch was begun, no crash has left anything.
  const mayHaveLeft = committed === undefined || context.plannedBatch > context.committedBatch;
  if (store.localFolder !== undefined || mayHaveLeft) {
    const removed = await removeUncommitted(writer, committedBatch, context.clock.nowMs());
    if (removed > 0 && context.plannedBatch === 0)
      logger("parquet").warn(
        `${counted(removed, "file")} of ${given.table} removed: "${name}" wrote them with another ` +
          "checkpoint, and begins anew with this one. A job of another name leaves them",
      );
  } else await removeStaged(writer);
  if (catalog !== undefined) {
    // A table that the metastore makes has its columns from now on. Its folder is ours, not the metastore's.
    await schema.adopt();
    // Only now: who is refused has changed nothing.
    const added = given.add_columns ? await catalog.metastore.addColumns(catalog.options.spec) : [];
    if (added.length > 0) logger("parquet").info(`${given.table} has new columns: ${added.join(", ")}`);
    await catalog.metastore.ensureTable(catalog.options.spec);
    await addForgotten(catalog.options, await partitionFolders(store, folder, partitions.length));
  }
  const observers = [
    ...(catalog === undefined ? [] : [metastoreObserver(catalog.options)]),
    ...observersOf(given, store, folder, context),
  ];
  // They may be written before a batch brings others.
  if (await hasWaitingRows(context)) await schema.adopt();
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
        : openRetention({
            store,
            folder,
            table: given.table,
            rule,
            depth: partitions.length,
            keepMs: given.keep,
            observers,
            database,
            workingFolder: context.workingFolder,
          }),
    waiting: await waitingRows(given, context, columns, partitioning),
    divert: (rows, batch, reason) => database.runCounting(asDeadLetters(rows, { batch, reason }, context)),
    divertsLate: given.late_partitions === "dead_letter",
    observers,
    committed,
    folders: foreign?.folders,
  });
  return {
    ...table,
    async write(_, batch) {
      if (batch.rows > 0) {
        await schema.adopt();
        await removeSummaries(store, foreign);
      }
      await table.write(tableBatch(batch));
    },
    async close() {
      await table.close();
      catalog?.metastore.close();
    },
  };
}

/** The same partitions in the order of the folders that are there; what differs is told by the schema. */
function inOrderOf(
  partitions: readonly PartitionColumn[],
  foreign: ForeignTable | undefined,
): readonly PartitionColumn[] {
  const ordered = (foreign?.partitions ?? []).flatMap(
    ({ name }) => partitions.find((own) => own.name === name) ?? [],
  );
  return ordered.length === partitions.length ? ordered : partitions;
}

function spellingIn({ partitions }: ForeignTable, name: string): Spelling {
  return partitions.find((theirs) => theirs.name === name)?.spelling ?? { kind: "text" };
}

/** Who reads by them would not find the files that come now. */
async function removeSummaries(store: Store, foreign: ForeignTable | undefined): Promise<void> {
  for (const path of foreign?.summaries ?? []) {
    if (!(await store.exists(path))) continue;
    await store.remove(path);
    logger("parquet").info(`${path} of ${store.url} listed the table's files without these: it was removed`);
  }
}

interface Catalog {
  readonly metastore: Metastore;
  readonly options: MetastoreObserverOptions;
}

type Place = Pick<MetastoreObserverOptions, "store" | "folder" | "addsAtOnce">;

/** The metastore that the job names. A table that is there is compared; nothing is made yet. */
async function openCatalog(given: ParquetOptions, place: Place, context: SinkContext) {
  const { metastore: urls, add_columns: addsColumns } = given;
  const { database, input, env, clock, stop, workingFolder } = context;
  if (urls === undefined) return undefined;
  const spec = await parquetTable(given, input, database, place.store);
  const user = env["HADOOP_USER_NAME"] ?? env["USER"] ?? env["LOGNAME"] ?? "streamkit";
  const metastore = openMetastore(urls, { clock, user, stop });
  try {
    await metastore.checkTable(spec, addsColumns);
  } catch (error) {
    metastore.close();
    throw error;
  }
  return { metastore, options: { ...place, metastore, spec, database, workingFolder } } satisfies Catalog;
}

/** The table as a metastore would have it. Throws code `job` where Hive can't. */
export async function parquetTable(
  given: ParquetOptions,
  input: SinkInput,
  database: Database,
  store: Store,
): Promise<TableSpec> {
  return {
    ...metastoreName(given.table),
    ...(await hiveTableOf(given, input, database)),
    location: locationOf(store, tableFolder(given.table), given.location),
  };
}

function hiveTableOf({ partition_by }: ParquetOptions, input: SinkInput, database: Database) {
  return hiveTable(database, input.columns, partition_by.map(parsePartition), rowsLike(input));
}

function refuseWithoutRule({ keep, late_partitions }: ParquetOptions, rule: PartitionRule | undefined): void {
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
): Promise<readonly WrittenColumn[]> {
  const inFolders = new Set(partitioning.columns.map(({ name }) => name));
  const written = columns
    .filter(({ name }) => !inFolders.has(name))
    .map(({ name, type }) => ({ name, value: writable(id(name), type), mayFail: mayNotFit(type) }));
  if (written.length === 0)
    throw new StreamkitError("job", "every column is a partition: files need one too");
  const types = await database.describe(
    sql`SELECT ${written.map(({ name, value }) => sql`${value} AS ${id(name)}`)}
      FROM (SELECT ${columns.map(({ name, type }) => sql`NULL::${raw(type)} AS ${id(name)}`)} WHERE false)`,
  );
  return written.map((column, index) => ({
    ...column,
    type: types[index]?.type ?? "",
    written: sql`${column.value} AS ${id(column.name)}`,
  }));
}

async function waitingRows(
  { roll }: ParquetOptions,
  context: SinkContext,
  columns: readonly Column[],
  partitioning: Partitioning,
): Promise<BufferedRows | undefined> {
  // Rows that waited when the job still said so are not forgotten.
  if (roll === undefined && !(await hasWaitingRows(context))) return undefined;
  const given: Roll =
    roll === undefined ? { rows: 1 } : { rows: roll.rows, bytes: roll.bytes, everyMs: roll.every };
  return openBufferedRows({
    database: context.database,
    table: context.state("rows"),
    filesTable: context.state("files"),
    folder: context.isDurable ? waitingFolder(context) : undefined,
    columns: [...columns, ...partitioning.columns],
    partitioning,
    roll: given,
  });
}

/** Beside the checkpoint, of this place alone. */
function waitingFolder({ workingFolder, state }: SinkContext): string {
  const digest = createHash("sha256").update(state("rows").text).digest("hex");
  return path.join(workingFolder, "waiting", digest.slice(0, 16));
}

async function hasWaitingRows({ database, state }: SinkContext): Promise<boolean> {
  const hasRows = (table: Sql): Promise<boolean> =>
    database.rows(sql`SELECT 1 FROM ${table} LIMIT 1`).then(
      (found) => found.length > 0,
      () => false,
    );
  return (await hasRows(state("rows"))) || (await hasRows(state("files")));
}

function observersOf(
  { complete, table }: ParquetOptions,
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
export function asDeadLetters(
  rows: Sql,
  { batch, reason }: { readonly batch: number; readonly reason: string },
  { input, deadLetters }: SinkContext,
): Sql {
  return sql`INSERT INTO ${deadLetters} (source, origin, byte_offset, line, reason, batch)
    SELECT ${input.query}, NULL, NULL, ${lineOf(input, batch, "bare")}, ${reason}, ${batch}
    FROM (${rows})`;
}
