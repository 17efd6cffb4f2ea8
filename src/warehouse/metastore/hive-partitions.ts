/** Partitions of a Hive Metastore's tables. */

import { NULL_VALUE } from "../partition-path.ts";
import { call, knownTable, unless } from "./hive-calls.ts";
import type { PartitionChange, PartitionSpec, PartitionStatistics, TableName } from "./metastore.ts";
import {
  bool,
  i16,
  itemsOf,
  mapOf,
  struct,
  structOf,
  structs,
  type Thrift,
  type ThriftStruct,
  text,
  textMap,
  textOf,
  texts,
} from "./thrift-binary.ts";
import type { ThriftConnection } from "./thrift-connection.ts";

/** The bound that says there is none. */
const ALL = i16(-1);

const partitionValues = (values: PartitionSpec["values"]): Thrift =>
  texts(values.map((value) => value ?? NULL_VALUE));

export async function addPartitions(
  connection: ThriftConnection,
  { database, table }: TableName,
  partitions: readonly PartitionSpec[],
): Promise<void> {
  const storage = structOf((await knownTable(connection, { database, table }))[7]);
  const parts = partitions.map(({ values, location, statistics }) =>
    struct({
      1: partitionValues(values),
      2: text(database),
      3: text(table),
      6: struct({ ...storage, 2: text(location) }),
      7: textMap(parametersOf(statistics)),
    }),
  );
  const request = struct({
    1: text(database),
    2: text(table),
    3: structs(parts),
    4: bool(true),
    5: bool(false),
  });
  await call(connection, "add_partitions_req", { 1: request });
}

/** An environment context: or the metastore would put what it finds in the folder itself. */
const KEEPS_STATISTICS = struct({ 1: textMap({ DO_NOT_UPDATE_STATS: "true" }) });

/** As Hive names them. Version 4 lists a new partition's folder all the same, and finds the same files. */
function parametersOf(statistics: PartitionStatistics | undefined): Record<string, string> {
  if (statistics === undefined) return {};
  return {
    ...(statistics.rows === undefined ? {} : { numRows: String(statistics.rows) }),
    totalSize: String(statistics.bytes),
    numFiles: String(statistics.files),
    DO_NOT_UPDATE_STATS: "true",
  };
}

async function rawPartition(
  connection: ThriftConnection,
  { database, table }: TableName,
  values: PartitionSpec["values"],
) {
  const asked = { 1: text(database), 2: text(table), 3: partitionValues(values) };
  const found = await unless(2, () => call(connection, "get_partition", asked));
  return found === undefined ? undefined : structOf(found);
}

export async function findPartitions(
  connection: ThriftConnection,
  name: TableName,
  values: readonly PartitionSpec["values"][],
): Promise<(PartitionSpec | undefined)[]> {
  const found: (PartitionSpec | undefined)[] = [];
  for (const own of values) {
    const partition = await rawPartition(connection, name, own);
    found.push(
      partition === undefined
        ? undefined
        : {
            values: own,
            location: textOf(structOf(partition[6])[2]),
            statistics: statisticsOf(mapOf(partition[7])),
          },
    );
  }
  return found;
}

function statisticsOf(parameters: Record<string, string>): PartitionStatistics | undefined {
  const { numRows, totalSize, numFiles } = parameters;
  if (totalSize === undefined || numFiles === undefined) return undefined;
  const rows = numRows === undefined ? undefined : Number(numRows);
  return { rows, bytes: Number(totalSize), files: Number(numFiles) };
}

export async function partitionNames(
  connection: ThriftConnection,
  { database, table }: TableName,
): Promise<string[]> {
  const asked = { 1: text(database), 2: text(table), 3: ALL };
  return itemsOf(await call(connection, "get_partition_names", asked)).map(textOf);
}

export async function changePartitions(
  connection: ThriftConnection,
  name: TableName,
  changes: readonly PartitionChange[],
): Promise<void> {
  const changed: ThriftStruct[] = [];
  for (const { values, location, statistics } of changes) {
    const found = await rawPartition(connection, name, values);
    if (found === undefined) continue;
    const { DO_NOT_UPDATE_STATS: _, ...parameters } = { ...mapOf(found[7]), ...parametersOf(statistics) };
    const storage = structOf(found[6]);
    const moved = location === undefined ? storage : { ...storage, 2: text(location) };
    changed.push(struct({ ...found, 6: struct(moved), 7: textMap(parameters) }));
  }
  if (changed.length === 0) return;
  await call(connection, "alter_partitions_with_environment_context", {
    1: text(name.database),
    2: text(name.table),
    3: structs(changed),
    4: KEEPS_STATISTICS,
  });
}

export async function dropPartition(
  connection: ThriftConnection,
  { database, table }: TableName,
  values: PartitionSpec["values"],
): Promise<void> {
  const asked = { 1: text(database), 2: text(table), 3: partitionValues(values), 4: bool(false) };
  await unless(1, () => call(connection, "drop_partition", asked));
}
