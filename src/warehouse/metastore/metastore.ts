/** What a writer of tables asks of a Hive Metastore. */

import type { HiveTable } from "../hive-table.ts";

export interface TableName {
  readonly database: string;
  readonly table: string;
}

export interface TableSpec extends TableName, HiveTable {
  /** The folder as readers of the metastore name it: `file:/…`, `hdfs://NAMENODE/…`. Not percent-encoded. */
  readonly location: string;
}

export interface PartitionSpec {
  /** In the order of the table's partition columns; null is the partition of rows without a value. */
  readonly values: readonly (string | null)[];
  /** Always said: Hive, Spark and DuckDB don't agree on how a value is written in a folder's name. */
  readonly location: string;
  readonly statistics?: PartitionStatistics | undefined;
}

export type PartitionChange = Pick<PartitionSpec, "values"> & Partial<PartitionSpec>;

export interface PartitionStatistics {
  /** Undefined where nobody has counted. */
  readonly rows?: number | undefined;
  readonly bytes: number;
  readonly files: number;
}

/**
 * All calls may be made again after a failure. What is there already is no failure. A metastore that can't be
 * reached is tried again for a while; then code `io`, retryable. What it refuses is code `io`; a table that
 * isn't what the specification says is code `job`.
 */
export interface Metastore {
  /**
   * Throws where the table is there and isn't what the specification says, with all that differs. `mayLack`:
   * columns that are to be added are no difference.
   */
  checkTable(table: TableSpec, mayLack?: boolean): Promise<void>;
  /**
   * Makes the database and the external table where they aren't there. A table that is there is compared, and
   * never changed. It may have more columns: their values are NULL.
   */
  ensureTable(table: TableSpec): Promise<void>;
  /** Appends columns that the table lacks, if it is there, and the specification has; returns their names. */
  addColumns(table: TableSpec): Promise<readonly string[]>;
  /** The names of all partitions, as Hive writes them: `dt=2026-01-05/host=a`. */
  partitionNames(table: TableName): Promise<readonly string[]>;
  /** Partitions that are there are left as they are. */
  addPartitions(table: TableName, partitions: readonly PartitionSpec[]): Promise<void>;
  /** In the order asked for; undefined for those that aren't there. */
  partitions(
    table: TableName,
    values: readonly PartitionSpec["values"][],
  ): Promise<readonly (PartitionSpec | undefined)[]>;
  /**
   * Sets the location, the statistics or both of partitions that are there; others are passed over. Readers
   * that ask from then on are sent to the new location: for each partition in one step.
   */
  changePartitions(table: TableName, changes: readonly PartitionChange[]): Promise<void>;
  /** The partition alone: the files stay. */
  dropPartition(table: TableName, values: PartitionSpec["values"]): Promise<void>;
  close(): void;
}
