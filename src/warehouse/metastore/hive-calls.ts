/**
 * Single calls of a Hive Metastore. The numbers are those of hive_metastore.thrift. A result's field 0 is its
 * value, others are exceptions, whose own field 1 is the message.
 */

import { StreamkitError } from "../../base/error.ts";
import type { TableName } from "./metastore.ts";
import { struct, structOf, type Thrift, text, textOf } from "./thrift-binary.ts";
import type { ThriftConnection } from "./thrift-connection.ts";

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

export async function call(
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
export async function unless<T>(field: number, action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof Thrown && error.field === field) return undefined;
    throw error;
  }
}

/** Undefined where there is none. */
export async function getTable(
  connection: ThriftConnection,
  { database, table }: TableName,
): Promise<Thrift | undefined> {
  const request = struct({ 1: text(database), 2: text(table) });
  const result = await unless(2, () => call(connection, "get_table_req", { 1: request }));
  return structOf(result)[1];
}

/** The table's fields. Throws code `io` where somebody has dropped it. */
export async function knownTable(connection: ThriftConnection, name: TableName) {
  const found = await getTable(connection, name);
  if (found === undefined)
    throw new StreamkitError("io", `The metastore has no table ${name.database}.${name.table} any more`);
  return structOf(found);
}
