/**
 * A Hive Metastore, spoken to in its own Thrift calls: those that 2.3, 3.1 and 4.0 share. A table is read by
 * `get_table_req`, as 4.0 has no `get_table`. No TLS, no Kerberos.
 */

import type { Clock } from "../../base/clock.ts";
import { StreamkitError } from "../../base/error.ts";
import { openFailOver } from "./fail-over.ts";
import { call, getTable } from "./hive-calls.ts";
import {
  addPartitions,
  changePartitions,
  dropPartition,
  findPartitions,
  partitionNames,
} from "./hive-partitions.ts";
import { addColumns, ensureTable, refuseOther } from "./hive-tables.ts";
import type { Metastore, PartitionSpec } from "./metastore.ts";
import { text, texts } from "./thrift-binary.ts";
import type { ThriftAddress, ThriftConnection } from "./thrift-connection.ts";

export interface MetastoreOptions {
  readonly clock: Clock;
  /** Owns what is created; permissions are checked for it where they are. */
  readonly user: string;
  readonly timeoutMs?: number;
  readonly retryForMs?: number;
  /** Gives up what is tried again: throws code `stopped`. */
  readonly stop?: AbortSignal;
}

const TIMEOUT_MS = 30_000;
const RETRY_FOR_MS = 5 * 60_000;
const DEFAULT_PORT = 9083;

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

export function isMetastore(urls: string): boolean {
  try {
    return metastoreAddresses(urls).length > 0;
  } catch {
    return false;
  }
}

/** Connects with the first call. */
export function openMetastore(urls: string, options: MetastoreOptions): Metastore {
  const { clock, user, timeoutMs = TIMEOUT_MS, retryForMs = RETRY_FOR_MS, stop } = options;
  const greet = async (connection: ThriftConnection): Promise<void> => {
    await call(connection, "set_ugi", { 1: text(user), 2: texts([user]) });
  };
  const calls = openFailOver(metastoreAddresses(urls), { clock, timeoutMs, retryForMs, greet, stop });
  return {
    checkTable: (table, mayLack) =>
      calls.attempt(async (connection) => refuseOther(await getTable(connection, table), table, mayLack)),
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
    partitionNames: (table) => calls.attempt((connection) => partitionNames(connection, table)),
    async changePartitions(table, changes) {
      for (const some of inBlocks(changes))
        await calls.attempt((connection) => changePartitions(connection, table, some));
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
