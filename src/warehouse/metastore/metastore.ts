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

export interface PartitionStatistics {
  readonly rows: number;
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
   * Makes the database and the external table where they aren't there. A table that is there is compared, and
   * never changed: throws with all that differs. It may have more columns: their values are NULL.
   */
  ensureTable(table: TableSpec): Promise<void>;
  /** Appends columns that the table lacks and the specification has; returns their names. */
  addColumns(table: TableSpec): Promise<readonly string[]>;
  /** Partitions that are there are left as they are. */
  addPartitions(table: TableSpec, partitions: readonly PartitionSpec[]): Promise<void>;
  /** In the order asked for; undefined for those that aren't there. */
  partitions(
    table: TableName,
    values: readonly PartitionSpec["values"][],
  ): Promise<readonly (PartitionSpec | undefined)[]>;
  /**
   * Sets the locations and statistics of partitions that are there. Readers that ask from then on are sent to
   * the new location: for each partition in one step.
   */
  movePartitions(table: TableName, partitions: readonly PartitionSpec[]): Promise<void>;
  /** The partition alone: the files stay. */
  dropPartition(table: TableName, values: PartitionSpec["values"]): Promise<void>;
  close(): void;
}

/** Hive's name for the partition of rows without a value. */
export const NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__";
