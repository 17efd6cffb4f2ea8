/**
 * Hive-layout Parquet: a batch is written under a staging name and renamed to a name that contains its id, so
 * a batch that is written again replaces itself.
 */

import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { failpoint } from "../base/failpoint.ts";
import type { Column } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import {
  type PartitionColumn,
  parsePartition,
  publish,
  removeUncommitted,
  STAGED_EXTENSION,
  stagingFolder,
  tableFolder,
} from "../warehouse/hive-layout.ts";
import { tableWarnings } from "../warehouse/hive-table.ts";
import { writable } from "../warehouse/hive-types.ts";
import { rowsLike, type Sink, type SinkContext, type SinkKind } from "./sink.ts";

const options = z.strictObject({
  warehouse: z.string().default("./warehouse").describe("the folder of all tables, relative to the job file"),
  table: z.string().describe("the table's name: NAME or DATABASE.NAME"),
  partition_by: z
    .array(z.string())
    .default([])
    .describe("partition folders: a column, or `NAME=EXPRESSION` like `dt=window_start::DATE`"),
});

export const parquetSink: SinkKind<z.infer<typeof options>> = {
  name: "parquet",
  summary: "Parquet files in Hive layout, partitioned by SQL expressions",
  options,
  modes: ["append"],
  fromUrl: () => undefined,
  target: ({ warehouse, table }) => path.join(warehouse, table),
  probe: ({ partition_by }, input) =>
    sql`SELECT ${[raw("1"), ...partition_by.map((text) => raw(parsePartition(text).expression))]}
      FROM ${rowsLike(input)}`,
  warnings: ({ partition_by }, input, database) =>
    tableWarnings(database, input.columns, partition_by.map(parsePartition), rowsLike(input)),
  open: openParquet,
};

interface ParquetPosition {
  readonly batch: number;
}

async function openParquet(
  { warehouse, table, partition_by }: z.infer<typeof options>,
  context: SinkContext,
): Promise<Sink> {
  const folder = tableFolder(path.resolve(context.baseFolder, warehouse), table);
  const partitions = partition_by.map(parsePartition);
  const writer = context.writer;
  const staging = stagingFolder(folder, writer);
  let committedBatch = (context.committed as ParquetPosition | undefined)?.batch ?? 0;
  await removeUncommitted(folder, writer, committedBatch);
  return {
    async write(database, batch) {
      if (batch.rows > 0) {
        await rm(staging, { recursive: true, force: true });
        await mkdir(staging, { recursive: true });
        await database.run(copyStatement(context.input.columns, batch.relation, partitions, staging));
        failpoint("parquet-staged");
        await publish(staging, folder, writer, batch.id, context.isDurable);
      }
      committedBatch = batch.id;
    },
    position: (): ParquetPosition => ({ batch: committedBatch }),
    close: async () => {},
  };
}

function copyStatement(
  columns: readonly Column[],
  relation: string,
  partitions: readonly PartitionColumn[],
  staging: string,
): Sql {
  const own = partitions.filter(({ name }) => !columns.some((column) => column.name === name));
  const items = [
    ...columns.map(({ name, type }) => sql`${writable(id(name), type)} AS ${id(name)}`),
    ...own.map(({ name, expression }) => sql`${raw(expression)} AS ${id(name)}`),
  ];
  const rows = sql`SELECT ${join(items)} FROM ${id(relation)}`;
  if (partitions.length === 0)
    return sql`COPY (${rows}) TO ${path.join(staging, `0.${STAGED_EXTENSION}`)}
      (FORMAT parquet, COMPRESSION zstd)`;
  return sql`COPY (${rows}) TO ${staging} (FORMAT parquet, COMPRESSION zstd, OVERWRITE_OR_IGNORE,
    PARTITION_BY (${partitions.map(({ name }) => id(name))}), FILE_EXTENSION ${STAGED_EXTENSION})`;
}
