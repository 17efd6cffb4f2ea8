/**
 * Places at which the program can be told to die, so that tests see what a crash leaves at each of them:
 * `STREAMKIT_FAILPOINT=committed` kills the process when it passes the place for the first time,
 * `committed:3` for the third. Nothing is written, closed or said: it is a SIGKILL. Without the variable a
 * failpoint is one comparison.
 *
 * The variable is read here and not passed in: a failpoint may stand in any room and in a worker.
 */

/** In the order of a batch. Each is killed at by test/crash: a new one is tested from then on. */
export const FAILPOINTS = [
  "spool-appended", // in the spool's worker: bytes are in the segment, nobody knows of them
  "spool-ended",
  "spool-tail-torn", // in the middle of a cut: half of the tail is in a file that does not count
  "spool-tail-written", // in the middle of a cut: the tail stands in two files
  "spool-shortened", // the tail stands only in the file that waits for its name
  "spool-cut",
  "plan-torn", // half of it is in the file
  "plan-written",
  "files-piece-copied",
  "source-read",
  "batch-read",
  "query-executed",
  "file-written", // not synced yet
  "parquet-staged",
  "parquet-renamed", // one file has its name, others may not
  "parquet-published",
  "sink-written",
  "batch-written",
  "commit-open", // all statements of the transaction ran, COMMIT did not
  "committed",
  "partition-marked", // one partition is marked as complete, others are not
  "source-committed", // one source has forgotten what it gave, others have not
  "batch-ended",
  "state-folded", // the write-ahead log went into the database file
] as const;

/** In a batch of which many rows wait. Each is killed at by test/crash/waiting.test.ts. */
export const WAITING_FAILPOINTS = [
  "rows-kept-torn", // the file is written, and not synced
  "rows-kept", // it is, and the checkpoint does not name it
  "rows-dropped", // the checkpoint names a file no more, and it is there
] as const;

/** In a batch that a topic of Kafka takes. Each is killed at by test/crash/kafka.test.ts. */
export const KAFKA_FAILPOINTS = [
  "kafka-produced", // all records are acknowledged, the transaction is open
  "kafka-offsets-sent", // the batch's mark is in the open transaction
  "kafka-committed", // the transaction is committed, the checkpoint is not
] as const;

/** In a batch that a database takes. Each is killed at by test/crash/databases.test.ts. */
export const DATABASE_FAILPOINTS = [
  "database-staged", // the mark is in the open transaction, the rows are in the table or beside it
  "database-applied", // the rows are in the table, the transaction is open
  "database-committed", // the transaction is committed, the checkpoint is not
] as const;

/** In a batch that an Iceberg table takes. Each is killed at by test/crash/iceberg.test.ts. */
export const ICEBERG_FAILPOINTS = [
  "iceberg-begun", // the table is there, and nothing says where
  "iceberg-staged", // the data files are on this machine
  "iceberg-published", // data files and manifest are in the table, nobody knows of them
  "iceberg-listed", // so is the list of manifests
  "iceberg-committed", // the version is there, the hint does not say so
  "iceberg-hinted", // old versions of the metadata are still there
] as const;

/** In a channel on disk. Each is killed at by test/collect/channel-kill.test.ts. */
export const CHANNEL_FAILPOINTS = [
  "channel-piece-written", // a part of a group of blocks is in the segment
  "channel-appended",
  "channel-synced", // and nobody was told
  "channel-delivered", // the output has it, the position does not say so
  "channel-output-synced",
  "channel-committed", // the position says so, the segment is still there
  "channel-segment-removed",
] as const;

/** In a batch that goes to HDFS. Each is killed at by test/crash/hdfs.test.ts. */
export const HDFS_FAILPOINTS = [
  "hdfs-created", // a file is in the staging folder, others may not be
  "hdfs-renamed", // one file has its name
] as const;

/** Where files are tailed. Each is killed at by test/tail/torture.ts. */
export const TAIL_FAILPOINTS = [
  "tail-copied", // some of what a batch reads is in its segment
  "tail-segment-written", // all of it is, nothing says so
  "tail-segment-kept", // no batch of it is planned
  "tail-position-written", // of the command: the new position file has not its name yet
] as const;

/** In a compaction. Each is killed at by test/warehouse/compact.test.ts. */
export const COMPACTION_FAILPOINTS = [
  "compact-noted", // whose batches will be in which file is remembered
  "compact-written", // the new files are there, nobody knows of them
  "compact-decided", // who knows of the manifest reads them
  "compact-switched", // a metastore's readers read them
  "compact-placed", // one is in the partition's folder, others may not be
  "compact-removed", // one old file is gone, others may not be
  "compact-returned", // a metastore's readers are sent back
  "compact-retired", // only late readers look at the new files' first place
  "compact-cleared", // that is gone too
] as const;

/** In a batch that goes to S3. Killed at by test/crash/s3.test.ts. */
export const S3_FAILPOINTS = [
  "s3-put", // one file has its name, others may not
] as const;

type Failpoint =
  | (typeof FAILPOINTS)[number]
  | (typeof WAITING_FAILPOINTS)[number]
  | (typeof KAFKA_FAILPOINTS)[number]
  | (typeof DATABASE_FAILPOINTS)[number]
  | (typeof ICEBERG_FAILPOINTS)[number]
  | (typeof CHANNEL_FAILPOINTS)[number]
  | (typeof HDFS_FAILPOINTS)[number]
  | (typeof TAIL_FAILPOINTS)[number]
  | (typeof S3_FAILPOINTS)[number]
  | (typeof COMPACTION_FAILPOINTS)[number];

const [armed, times = "1"] = (process.env["STREAMKIT_FAILPOINT"] ?? "").split(":");
let passesLeft = Number(times);

/** Kills the process if it was told to die here. */
export function failpoint(name: Failpoint): void {
  if (armed !== name) return;
  passesLeft -= 1;
  if (passesLeft === 0) process.kill(process.pid, "SIGKILL");
}
