/**
 * Partition specs: a column as it is, or the year, month, day or hour of a time. What `partition_by` of a job
 * says, what a table's metadata says, and the SQL that computes it.
 * https://iceberg.apache.org/spec/#partitioning
 */

import { StreamkitError } from "../base/error.ts";
import { raw, type Sql, sql } from "../duckdb/sql.ts";
import { decimalOf, type IceField, type IceType, typeName } from "./types.ts";

export interface PartitionField {
  readonly name: string;
  readonly transform: string;
  readonly "source-id": number;
  readonly "field-id": number;
}

export interface PartitionSpec {
  readonly "spec-id": number;
  readonly fields: readonly PartitionField[];
}

/** Ids of partition fields begin here. */
export const FIRST_PARTITION_ID = 1000;

/** An entry of `partition_by`. */
export interface WantedPartition {
  readonly name: string;
  readonly column: string;
  readonly transform: string;
}

const UNITS = "year|month|day|hour";
const COLUMN = String.raw`(?:"((?:[^"]|"")+)"|([A-Za-z_]\w*))`;
const ENTRY = new RegExp(
  String.raw`^\s*(?:([A-Za-z_]\w*)\s*=(?!=)\s*)?` +
    String.raw`(?:(${UNITS})s?\s*\(\s*${COLUMN}\s*\)|${COLUMN}(\s*::\s*date)?)\s*$`,
  "i",
);

/** `symbol`, `day(ts)`, `d=day(ts)` and, as other tables have it, `dt=ts::DATE`. Throws code `job`. */
export function parsePartition(text: string): WantedPartition {
  const match = ENTRY.exec(text);
  const [, name, unit, quotedOf, plainOf, quoted, plain, asDate] = match ?? [];
  const column = quotedOf?.replaceAll('""', '"') ?? plainOf ?? quoted?.replaceAll('""', '"') ?? plain;
  if (column === undefined)
    throw new StreamkitError(
      "job",
      "Iceberg partitions by a column, or by year(COLUMN), month(COLUMN), day(COLUMN) or hour(COLUMN) of a " +
        `time, each with a name of its own if you like, as in dt=day(ts): found "${text}". Another ` +
        "expression can be a column of the query",
    );
  const transform = unit?.toLowerCase() ?? (asDate === undefined ? "identity" : "day");
  const ownName = transform === "identity" ? column : `${column}_${transform}`;
  if (transform === "identity" && name !== undefined && name !== column)
    throw new StreamkitError("job", `A partition by a column has the column's name: found "${text}"`);
  return { name: name ?? ownName, column, transform };
}

/** Values that readers order or compare in several ways. */
const UNORDERED = /^(?:float|double|uuid)$/;
const TIMES = new Set(["date", "timestamp", "timestamptz"]);

/** The spec's fields for columns of a table. Ids are given later. Throws code `job` where it can't be. */
export function resolved(
  wanted: readonly WantedPartition[],
  fields: readonly IceField[],
): readonly Omit<PartitionField, "field-id">[] {
  const seen = new Set<string>();
  return wanted.map(({ name, column, transform }) => {
    const refuse = (why: string): StreamkitError => new StreamkitError("job", `partition_by: ${why}`);
    const field = fields.find((one) => one.name === column);
    if (field === undefined)
      throw refuse(`there is no column "${column}": it has ${fields.map((one) => one.name).join(", ")}`);
    if (seen.has(name)) throw refuse(`two partitions are called "${name}": give each its own name`);
    seen.add(name);
    if (transform !== "identity" && fields.some((one) => one.name === name))
      throw refuse(`the rows have a column "${name}" already: call the partition something else`);
    const isTime = typeof field.type === "string" && TIMES.has(field.type);
    if (transform !== "identity" && (!isTime || (transform === "hour" && field.type === "date")))
      throw refuse(
        `${transform}(${column}) needs a ${transform === "hour" ? "time" : "date or a time"}, and ` +
          `"${column}" is ${typeName(field.type)}`,
      );
    if (transform === "identity" && (typeof field.type !== "string" || UNORDERED.test(field.type)))
      throw refuse(`no partitions are made of values of type ${typeName(field.type)}, which "${column}" has`);
    return { name, transform, "source-id": field.id };
  });
}

export function isSameSpec(
  one: readonly Omit<PartitionField, "field-id">[],
  other: readonly Omit<PartitionField, "field-id">[],
): boolean {
  const textOf = (fields: readonly Omit<PartitionField, "field-id">[]): string =>
    JSON.stringify(fields.map((field) => [field.name, field.transform, field["source-id"]]));
  return textOf(one) === textOf(other);
}

/** What a partition's values are. Throws code `job` for a transform that this version does not compute. */
export function resultType({ transform, name }: PartitionField, source: IceType): IceType {
  switch (transform) {
    case "identity":
      if (typeof source !== "string" || UNORDERED.test(source))
        throw new StreamkitError(
          "job",
          `no partitions of type ${typeName(source)}, as in "${name}", are written`,
        );
      return source;
    case "void":
      return source;
    case "day":
      return "date";
    case "year":
    case "month":
    case "hour":
      return "int";
    default:
      throw new StreamkitError(
        "job",
        `it is partitioned by ${transform} in "${name}", which this version does not compute`,
      );
  }
}

/** The partition value over a column of a file: a date for `day`, an integer for the others. */
export function transformed(transform: string, value: Sql, type: IceType): Sql {
  const time = type === "timestamptz" ? sql`make_timestamp(epoch_us(${value}))` : value;
  const since = (unit: string): Sql =>
    sql`CAST(date_diff(${unit}, CAST('1970-01-01' AS ${raw(type === "date" ? "DATE" : "TIMESTAMP")}), ${time})
      AS INTEGER)`;
  switch (transform) {
    case "identity":
      return value;
    case "void":
      return sql`CASE WHEN false THEN ${value} END`;
    case "day":
      return sql`CAST(${time} AS DATE)`;
    default:
      return since(transform);
  }
}

/** The Avro type of a partition's value in a manifest. */
export function avroType(type: IceType, name: string): unknown {
  const decimal = decimalOf(type);
  if (decimal !== undefined)
    return { type: "fixed", name, size: decimalBytes(decimal.precision), logicalType: "decimal", ...decimal };
  switch (type) {
    case "boolean":
    case "int":
    case "long":
    case "string":
      return type;
    case "binary":
      return "bytes";
    case "date":
      return { type: "int", logicalType: "date" };
    case "time":
      return { type: "long", logicalType: "time-micros" };
    case "timestamp":
      return { type: "long", logicalType: "timestamp-micros", "adjust-to-utc": false };
    case "timestamptz":
      return { type: "long", logicalType: "timestamp-micros", "adjust-to-utc": true };
    default:
      throw new StreamkitError("job", `This version writes no partitions of type ${typeName(type)}`);
  }
}

/** So many bytes hold any decimal of so many digits. */
export function decimalBytes(precision: number): number {
  let bytes = 1;
  while (2n ** BigInt(8 * bytes - 1) <= 10n ** BigInt(precision) - 1n) bytes += 1;
  return bytes;
}
