/** A table as the metastore has it against what is to be written: what differs, in words. */

import type { TableSpec } from "./metastore.ts";
import { itemsOf, mapOf, structOf, type Thrift, textOf } from "./thrift-binary.ts";

/**
 * One line for each difference; none where rows that are written will be read as what they are. `mayLack`:
 * columns that it has not are no difference.
 */
export function tableDifferences(found: Thrift | undefined, wanted: TableSpec, mayLack = false): string[] {
  const table = structOf(found);
  const storage = structOf(table[7]);
  const type = textOf(table[12]);
  if (/VIEW/.test(type)) return ["it is a view"];
  const serde = textOf(structOf(storage[7])[2]);
  return [
    ...(mapOf(table[9])["transactional"]?.toLowerCase() === "true" ? ["it is transactional"] : []),
    ...(/parquet/i.test(serde) ? [] : [`it is stored by ${serde || "nothing"}, not as Parquet`]),
    ...locationDifferences(textOf(storage[2]), wanted.location),
    ...partitionDifferences(columnsOf(table[8]), wanted),
    ...columnDifferences(columnsOf(storage[1]), wanted, mayLack),
  ];
}

interface FoundColumn {
  readonly name: string;
  readonly type: string;
}

export function columnsOf(list: Thrift | undefined): FoundColumn[] {
  return itemsOf(list).map((item) => {
    const fields = structOf(item);
    return { name: textOf(fields[1]).toLowerCase(), type: plainType(textOf(fields[2])) };
  });
}

/** `file:///a/` and `file:/a`, `hdfs://name:8020/a` and `hdfs://name/a` are each the same place. */
function plainLocation(location: string): string {
  const [, scheme = "file", authority = "", path = location] =
    /^([A-Za-z][\w+.-]*):(?:\/\/([^/]*))?(.*)$/.exec(location) ?? [];
  return `${scheme.toLowerCase()}://${authority.replace(/:8020$/, "")}${path.replace(/(?<=.)\/+$/, "")}`;
}

function plainType(type: string): string {
  const plain = type.toLowerCase().replaceAll(/\s+/g, "");
  return plain === "integer" ? "int" : plain === "decimal" ? "decimal(10,0)" : plain;
}

function locationDifferences(found: string, wanted: string): string[] {
  return plainLocation(found) === plainLocation(wanted) ? [] : [`its location is ${found}, not ${wanted}`];
}

function partitionDifferences(found: readonly FoundColumn[], { partitions }: TableSpec): string[] {
  const list = (columns: readonly FoundColumn[]): string =>
    columns.length === 0 ? "nothing" : columns.map(({ name, type }) => `${name} ${type}`).join(", ");
  const wanted = partitions.map(({ hiveName, declared }) => ({ name: hiveName, type: declared }));
  return list(found) === list(wanted) ? [] : [`it is partitioned by ${list(found)}, not by ${list(wanted)}`];
}

function columnDifferences(
  found: readonly FoundColumn[],
  { columns }: TableSpec,
  mayLack: boolean,
): string[] {
  return columns.flatMap(({ hiveName, declared }) => {
    const other = found.find(({ name }) => name === hiveName);
    if (other === undefined) return mayLack ? [] : [`it has no column ${hiveName} ${declared}`];
    return other.type === declared ? [] : [`its column ${hiveName} is ${other.type}, not ${declared}`];
  });
}
