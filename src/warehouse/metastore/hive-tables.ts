/** Tables of a Hive Metastore: made, compared, and given more columns. */

import { StreamkitError } from "../../base/error.ts";
import type { FailOver } from "./fail-over.ts";
import { call, getTable, unless } from "./hive-calls.ts";
import type { TableSpec } from "./metastore.ts";
import { columnsOf, tableDifferences } from "./table-check.ts";
import {
  bool,
  i32,
  itemsOf,
  struct,
  structOf,
  structs,
  type Thrift,
  type ThriftStruct,
  text,
  textMap,
  texts,
} from "./thrift-binary.ts";
import type { ThriftConnection } from "./thrift-connection.ts";

const PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
const PARQUET_INPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
const PARQUET_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";

export async function ensureTable(calls: FailOver, spec: TableSpec, user: string): Promise<void> {
  await calls.attempt(async (connection) => {
    const { database } = spec;
    const found = await unless(1, () => call(connection, "get_database", { 1: text(database) }));
    if (found !== undefined) return;
    const wanted = struct({ 1: text(database), 2: text(""), 4: textMap({}), 6: text(user), 7: i32(1) });
    await unless(1, () => call(connection, "create_database", { 1: wanted }));
  });
  const table = await calls.attempt(async (connection) => {
    const found = await getTable(connection, spec);
    if (found !== undefined) return found;
    // Another may have made it in between, or the answer to our own call was lost: then it is compared.
    await unless(1, () => call(connection, "create_table", { 1: newTable(spec, user) }));
    return getTable(connection, spec);
  });
  refuseOther(table, spec);
}

export function refuseOther(found: Thrift | undefined, spec: TableSpec, mayLack = false): void {
  const differences = found === undefined ? [] : tableDifferences(found, spec, mayLack);
  if (differences.length > 0)
    throw new StreamkitError(
      "job",
      `The table ${spec.database}.${spec.table} of the metastore is another: ${differences.join("; ")}`,
    );
}

const fieldSchemas = (columns: TableSpec["columns"]): Thrift =>
  structs(columns.map(({ hiveName, declared }) => struct({ 1: text(hiveName), 2: text(declared) })));

function newTable(spec: TableSpec, user: string): ThriftStruct {
  const serde = struct({ 2: text(PARQUET_SERDE), 3: textMap({ "serialization.format": "1" }) });
  const storage = struct({
    1: fieldSchemas(spec.columns),
    2: text(spec.location),
    3: text(PARQUET_INPUT),
    4: text(PARQUET_OUTPUT),
    5: bool(false),
    6: i32(-1),
    7: serde,
    8: texts([]),
    9: structs([]),
    10: textMap({}),
  });
  return struct({
    1: text(spec.table),
    2: text(spec.database),
    3: text(user),
    7: storage,
    8: fieldSchemas(spec.partitions),
    9: textMap({ EXTERNAL: "TRUE", "parquet.compression": "ZSTD" }),
    12: text("EXTERNAL_TABLE"),
  });
}

export async function addColumns(connection: ThriftConnection, spec: TableSpec): Promise<string[]> {
  const found = await getTable(connection, spec);
  if (found === undefined) return [];
  const table = structOf(found);
  const storage = structOf(table[7]);
  const known = new Set(columnsOf(storage[1]).map(({ name }) => name));
  const added = spec.columns.filter(({ hiveName }) => !known.has(hiveName));
  if (added.length === 0) return [];
  const columns = structs([...structItems(storage[1]), ...structItems(fieldSchemas(added))]);
  const changed = struct({ ...table, 7: struct({ ...storage, 1: columns }) });
  await call(connection, "alter_table_with_environment_context", {
    1: text(spec.database),
    2: text(spec.table),
    3: changed,
    // The partitions' own lists of columns are lengthened with the table's.
    4: struct({ 1: textMap({ CASCADE: "true", DO_NOT_UPDATE_STATS: "true" }) }),
  });
  return added.map(({ hiveName }) => hiveName);
}

const structItems = (list: Thrift | undefined): ThriftStruct[] =>
  itemsOf(list).map((item) => struct(structOf(item)));
