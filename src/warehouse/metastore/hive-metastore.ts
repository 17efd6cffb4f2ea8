/**
 * A Hive Metastore, spoken to in its own Thrift calls: those that 2.3, 3.1 and 4.x share, and for reading a
 * table the newer one first, as 4.x has no other. No TLS, no Kerberos.
 *
 * The numbers are those of hive_metastore.thrift. A result's field 0 is its value, others are exceptions,
 * whose own field 1 is the message.
 */

import type { Clock } from "../../base/clock.ts";
import { StreamkitError } from "../../base/error.ts";
import { type FailOver, openFailOver } from "./fail-over.ts";
import {
  type Metastore,
  NULL_PARTITION,
  type PartitionSpec,
  type PartitionStatistics,
  type TableName,
  type TableSpec,
} from "./metastore.ts";
import { columnsOf, tableDifferences } from "./table-check.ts";
import {
  bool,
  i32,
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
import { type ThriftAddress, type ThriftConnection, UnknownMethod } from "./thrift-connection.ts";

export interface MetastoreOptions {
  readonly clock: Clock;
  /** Owns what is created; permissions are checked for it where they are. */
  readonly user: string;
  readonly timeoutMs?: number;
  readonly retryForMs?: number;
}

const TIMEOUT_MS = 30_000;
const RETRY_FOR_MS = 5 * 60_000;
const DEFAULT_PORT = 9083;

const PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
const PARQUET_INPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
const PARQUET_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";

/** `thrift://HOST:PORT`, or several with commas between. Throws code `job`. */
export function metastoreAddresses(urls: string): ThriftAddress[] {
  return urls.split(",").map((url) => {
    const match = /^thrift:\/\/(\[[\da-fA-F:]+\]|[^/:\s]+)(?::(\d+))?\/?$/.exec(url.trim());
    const port = match?.[2] === undefined ? DEFAULT_PORT : Number(match[2]);
    if (match?.[1] === undefined || port < 1 || port > 65_535)
      throw new StreamkitError("job", `A metastore is thrift://HOST:PORT: found "${url.trim()}"`);
    return { host: match[1].replaceAll(/[[\]]/g, ""), port };
  });
}

/** Connects with the first call. */
export function openMetastore(urls: string, options: MetastoreOptions): Metastore {
  const { clock, user, timeoutMs = TIMEOUT_MS, retryForMs = RETRY_FOR_MS } = options;
  const greet = async (connection: ThriftConnection): Promise<void> => {
    try {
      await call(connection, "set_ugi", { 1: text(user), 2: texts([user]) });
    } catch (error) {
      // Without it everything is done as the server's own user.
      if (!(error instanceof UnknownMethod)) throw error;
    }
  };
  const calls = openFailOver(metastoreAddresses(urls), { clock, timeoutMs, retryForMs, greet });
  return {
    ensureTable: (table) => ensureTable(calls, table, user),
    addColumns: (table) => calls.attempt((connection) => addColumns(connection, table)),
    async addPartitions(table, partitions) {
      for (const some of inBlocks(partitions))
        await calls.attempt((connection) => addPartitions(connection, table, some));
    },
    async partitions(table, values) {
      const found: (PartitionSpec | undefined)[] = [];
      for (const some of inBlocks(values))
        found.push(...(await calls.attempt((connection) => findPartitions(connection, table, some))));
      return found;
    },
    async movePartitions(table, partitions) {
      for (const some of inBlocks(partitions))
        await calls.attempt((connection) => movePartitions(connection, table, some));
    },
    dropPartition: (table, values) => calls.attempt((connection) => dropPartition(connection, table, values)),
    close: () => calls.close(),
  };
}

/** Of partitions in one call: a metastore answers thousands only slowly. */
const MAX_PARTITIONS = 500;

function inBlocks<T>(items: readonly T[]): T[][] {
  const count = Math.ceil(items.length / MAX_PARTITIONS);
  return Array.from({ length: count }, (_, index) =>
    items.slice(index * MAX_PARTITIONS, (index + 1) * MAX_PARTITIONS),
  );
}

/** What a call threw, by the number of its field in the result. */
class Thrown extends StreamkitError {
  readonly field: number;

  constructor(method: string, field: number, exception: Thrift) {
    const said = textOf(structOf(exception)[1]) || "no reason given";
    // The metastore's own database went away: the same call may succeed when it is back.
    const retryable = /JDO\w*Exception|SQLTransient\w*|connection/i.test(said);
    super("io", `The metastore refused ${method}: ${said}`, { component: "metastore", retryable });
    this.field = field;
  }
}

async function call(
  connection: ThriftConnection,
  method: string,
  fields: Readonly<Record<number, Thrift>>,
): Promise<Thrift | undefined> {
  const answer = await connection.call(method, fields);
  const thrown = Object.entries(answer).find(([field]) => Number(field) > 0);
  if (thrown !== undefined) throw new Thrown(method, Number(thrown[0]), thrown[1]);
  return answer[0];
}

/** Undefined where the call throws its exception of that number: no such thing, or there is one already. */
async function unless<T>(field: number, action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof Thrown && error.field === field) return undefined;
    throw error;
  }
}

async function getTable(
  connection: ThriftConnection,
  { database, table }: TableName,
): Promise<Thrift | undefined> {
  try {
    const request = struct({ 1: text(database), 2: text(table) });
    const result = await unless(2, () => call(connection, "get_table_req", { 1: request }));
    return structOf(result)[1];
  } catch (error) {
    if (!(error instanceof UnknownMethod)) throw error;
    return unless(2, () => call(connection, "get_table", { 1: text(database), 2: text(table) }));
  }
}

/** The table's fields. Throws code `io` where somebody has dropped it. */
async function knownTable(connection: ThriftConnection, name: TableName) {
  const found = await getTable(connection, name);
  if (found === undefined)
    throw new StreamkitError("io", `The metastore has no table ${name.database}.${name.table} any more`);
  return structOf(found);
}

async function ensureTable(calls: FailOver, spec: TableSpec, user: string): Promise<void> {
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
  const differences = tableDifferences(table, spec);
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

async function addColumns(connection: ThriftConnection, spec: TableSpec): Promise<string[]> {
  const table = await knownTable(connection, spec);
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

const partitionValues = (values: PartitionSpec["values"]): Thrift =>
  texts(values.map((value) => value ?? NULL_PARTITION));

async function addPartitions(
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
    numRows: String(statistics.rows),
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

async function findPartitions(
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
  if (numRows === undefined || totalSize === undefined || numFiles === undefined) return undefined;
  return { rows: Number(numRows), bytes: Number(totalSize), files: Number(numFiles) };
}

async function movePartitions(
  connection: ThriftConnection,
  name: TableName,
  partitions: readonly PartitionSpec[],
): Promise<void> {
  const changed: ThriftStruct[] = [];
  for (const { values, location, statistics } of partitions) {
    const found = await rawPartition(connection, name, values);
    if (found === undefined)
      throw new StreamkitError("io", `The metastore has no partition ${values.join("/")} any more`);
    const { DO_NOT_UPDATE_STATS: _, ...parameters } = { ...mapOf(found[7]), ...parametersOf(statistics) };
    changed.push(
      struct({ ...found, 6: struct({ ...structOf(found[6]), 2: text(location) }), 7: textMap(parameters) }),
    );
  }
  await call(connection, "alter_partitions_with_environment_context", {
    1: text(name.database),
    2: text(name.table),
    3: structs(changed),
    4: KEEPS_STATISTICS,
  });
}

async function dropPartition(
  connection: ThriftConnection,
  { database, table }: TableName,
  values: PartitionSpec["values"],
): Promise<void> {
  const asked = { 1: text(database), 2: text(table), 3: partitionValues(values), 4: bool(false) };
  await unless(1, () => call(connection, "drop_partition", asked));
}
