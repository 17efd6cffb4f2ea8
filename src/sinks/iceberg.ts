/** The sink `iceberg:`: a job's rows into an Iceberg table of a file catalog. `src/iceberg` does the work. */

import { createHash, randomUUID } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import { isAboutValues } from "../duckdb/data-error.ts";
import { raw } from "../duckdb/sql.ts";
import { evolved } from "../iceberg/evolve.ts";
import { parsePartition, resolved } from "../iceberg/partitions.ts";
import { type Adopted, type IcebergTable, openTable } from "../iceberg/table.ts";
import { checkColumns, holdsTime } from "../iceberg/types.ts";
import { TABLE_NAME } from "../warehouse/hive-layout.ts";
import { locationOf } from "../warehouse/metastore-observer.ts";
import { openStore, plainPlaces, warehouseProblem } from "../warehouse/stores.ts";
import { takeUnfit } from "../warehouse/unfit-rows.ts";
import { asDeadLetters } from "./parquet.ts";
import type { Sink, SinkContext, SinkKind } from "./sink.ts";

const options = z.strictObject({
  warehouse: z
    .string()
    .superRefine((text, context) => {
      const message = warehouseProblem(text);
      if (message !== undefined) context.addIssue({ code: "custom", message });
    })
    .default("./warehouse")
    .describe(
      "where all tables are: a folder, relative to the job file, `webhdfs://HOST:PORT/PATH` or " +
        "`s3://BUCKET/PREFIX`",
    ),
  table: z
    .string()
    .regex(
      TABLE_NAME,
      "a table is called NAME or DATABASE.NAME, each a letter and then letters, digits and _",
    )
    .describe("the table's name: NAME or DATABASE.NAME, in the folder DATABASE/NAME of the warehouse"),
  partition_by: z
    .array(z.string())
    .optional()
    .describe(
      "columns, or `year(COLUMN)`, `month(COLUMN)`, `day(COLUMN)`, `hour(COLUMN)` of a time; if left out, " +
        "a table that is there stays partitioned as it is",
    ),
  location: z
    .string()
    .optional()
    .describe(
      "what other engines call the warehouse, like hdfs://NAMENODE/warehouse; if left out, its own name " +
        "with file:, webhdfs: or s3a:",
    ),
  keep_snapshots: z
    .union([z.int().positive(), z.literal("all")])
    .default(100)
    .describe(
      "so many snapshots of streamkit's own stay at least, for readers that go back to one: their rows " +
        "stay all; or all",
    ),
});

type IcebergOptions = z.infer<typeof options>;

interface IcebergPosition {
  /** The last batch that had rows. */
  readonly written: number;
  /** The columns that these had. */
  readonly columns: readonly string[];
}

export const icebergSink: SinkKind<IcebergOptions> = {
  name: "iceberg",
  summary: "an Iceberg table of a file catalog, one snapshot a batch; URL `iceberg:WAREHOUSE/TABLE`",
  options,
  modes: ["append"],
  fromUrl: optionsOfUrl,
  target: ({ warehouse, table }) =>
    /^[A-Za-z][\w+.-]+:\/\//.test(warehouse)
      ? `${warehouse}/${folderOf(table)}`
      : path.join(warehouse, folderOf(table)),
  plainTargets: plainPlaces,
  async warnings({ partition_by: partitions = [] }, { columns }) {
    checkColumns(columns);
    resolved(partitions.map(parsePartition), evolved([], 0, columns, () => false).fields);
    return columns.flatMap(({ name, type }) => [
      ...(/\bU?HUGEINT\b/.test(type)
        ? [`"${name}" is decimal(38, 0) in the table: rows with more digits become dead letters`]
        : []),
      ...(holdsTime(type)
        ? [`"${name}" has times of day: Spark reads no table with such a column, cast it to VARCHAR for it`]
        : []),
    ]);
  },
  open: openIceberg,
};

/** `iceberg:./warehouse/trades?partition_by=day(ts)`: the last folder is the table. */
function optionsOfUrl(url: string): Readonly<Record<string, unknown>> | undefined {
  if (!url.startsWith("iceberg:")) return undefined;
  const [place = "", query = ""] = url.slice("iceberg:".length).split("?");
  const at = place.lastIndexOf("/");
  const table = place.slice(at + 1);
  if (!TABLE_NAME.test(table))
    throw new StreamkitError(
      "job",
      `iceberg:WAREHOUSE/TABLE is expected, with the table's name at its end, found "${url}"`,
    );
  const parameters = new URLSearchParams(query);
  const unknown = [...parameters.keys()].find((name) => name !== "partition_by");
  if (unknown !== undefined)
    throw new StreamkitError("job", `iceberg:WAREHOUSE/TABLE takes ?partition_by= alone, found "${unknown}"`);
  const partitions = parameters.getAll("partition_by");
  return {
    warehouse: at === -1 ? "." : place.slice(0, at) || "/",
    table,
    ...(partitions.length === 0 ? {} : { partition_by: partitions }),
  };
}

function folderOf(table: string): string {
  return table.replace(".", "/");
}

async function openIceberg(given: IcebergOptions, context: SinkContext): Promise<Sink> {
  const { database, input, isDurable, writer, clock, committedBatch, plannedBatch } = context;
  checkColumns(input.columns);
  const store = openStore(given.warehouse, context);
  const folder = folderOf(given.table);
  const committed = context.committed as IcebergPosition | undefined;
  const digest = createHash("sha256").update(`${store.url}\0${folder}`).digest("hex").slice(0, 16);
  const table = await openTable({
    database,
    store,
    folder,
    table: given.table,
    location: locationOf(store, folder, given.location),
    columns: input.columns,
    partitions: given.partition_by?.map(parsePartition),
    writer: context.shard === undefined ? writer : `${writer}#${context.shard}`,
    checkpoint: isDurable ? context.checkpointId : `memory ${randomUUID()}`,
    knownColumns: committed?.columns,
    keepSnapshots: given.keep_snapshots === "all" ? undefined : given.keep_snapshots,
    staging: path.join(context.workingFolder, "iceberg", `${digest}-${context.shard ?? 0}`),
    isDurable,
    nowMs: () => clock.nowMs(),
  });
  const name = `${given.table} in ${store.url}`;
  let position: IcebergPosition = committed ?? { written: 0, columns: [] };
  if (isDurable) refuseOtherStory(table.batch, position.written, name, context);
  if (position.written === 0 && table.hasOtherBatches)
    logger("iceberg").warn(
      `${name} has rows that were written with another checkpoint: they stay, and this one's come in ` +
        "addition",
    );
  // To list a table that is elsewhere takes long: where no batch was begun, no crash has left anything.
  if (isDurable && plannedBatch > committedBatch) await table.sweep();
  let diverted = 0;
  return {
    async write(_, batch) {
      diverted = 0;
      if (batch.rows === 0) return;
      const adopted = await table.adopt();
      diverted = await writeFitting(table, adopted, batch, context);
      position = { written: batch.id, columns: input.columns.map((column) => column.name) };
    },
    divertedRows: () => diverted,
    position: () => position,
    close: async () => {},
  };
}

/** How many rows became dead letters: those whose values the table can't hold. */
async function writeFitting(
  table: IcebergTable,
  adopted: Adopted,
  { id: batchId, relation }: { readonly id: number; readonly relation: string },
  context: SinkContext,
): Promise<number> {
  const { database } = context;
  let fault: Error | undefined;
  try {
    if ((await table.append(batchId, relation, adopted)) === "written") return 0;
  } catch (error) {
    if (!isAboutValues(error)) throw error;
    fault = error;
  }
  // Also of a batch that the table had already: its dead letters are lost with the checkpoint's commit.
  const unfit = await takeUnfit(database, relation, {
    columns: adopted.columns,
    partitioning: { columns: [], items: [], key: raw("'[]'"), expressions: [] },
    prefix: `iceberg_${context.writer}`,
  });
  if (unfit === undefined) {
    if (fault !== undefined) throw fault;
    return 0;
  }
  if (unfit.rows > 0) await table.append(batchId, unfit.fitting, adopted);
  let diverted = 0;
  for (const { rows, reason } of unfit.unfit)
    diverted += await database.runCounting(asDeadLetters(rows, { batch: batchId, reason }, context));
  return diverted;
}

/** Throws code `io` where checkpoint and table are of different times: one is an older copy. */
function refuseOtherStory(
  batch: number | undefined,
  written: number,
  table: string,
  { committedBatch, plannedBatch }: SinkContext,
): void {
  if ((batch ?? 0) < written)
    throw new StreamkitError(
      "io",
      `${table} has this checkpoint's batches up to ${batch ?? 0}, but ${written} was written: the table ` +
        "is an older copy, or another checkpoint of the job has written since. Put the newer one back, or " +
        "begin with a new checkpoint",
      { component: "iceberg" },
    );
  if (batch !== undefined && batch > plannedBatch)
    throw new StreamkitError(
      "io",
      `${table} has batch ${batch} of this checkpoint, which itself is at batch ${committedBatch}: it is ` +
        "an older copy. Put the newer one back, or begin with a new one",
      { component: "iceberg" },
    );
}
