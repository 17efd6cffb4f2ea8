/**
 * Single values as manifests have them: of a column of a Parquet file, through a SELECT that tells them
 * without loss, to Avro values and to bounds of bytes.
 * https://iceberg.apache.org/spec/#binary-single-value-serialization
 */

import type { Scalar } from "../duckdb/database.ts";
import { type Sql, sql } from "../duckdb/sql.ts";
import { decimalBytes } from "./partitions.ts";
import { decimalOf, type IceType } from "./types.ts";

/** Bounds of texts and bytes are no longer than this, as Iceberg's own writers have it. */
export const MAX_BOUND = 16;

/** A value of the type as a number, a bigint or a text that `avroValue` and `boundOf` read. */
export function told(value: Sql, type: IceType): Sql {
  if (decimalOf(type) !== undefined) return sql`CAST(${value} AS VARCHAR)`;
  switch (type) {
    case "boolean":
    case "int":
      return sql`CAST(${value} AS INTEGER)`;
    case "date":
      return sql`CAST(date_diff('day', DATE '1970-01-01', ${value}) AS INTEGER)`;
    case "long":
      return sql`CAST(${value} AS BIGINT)`;
    case "time":
    case "timestamp":
    case "timestamptz":
      return sql`CAST(epoch_us(${value}) AS BIGINT)`;
    case "binary":
      return sql`hex(${value})`;
    case "uuid":
      return sql`replace(CAST(${value} AS VARCHAR), '-', '')`;
    default:
      return value;
  }
}

/** As a partition record has it. */
export function avroValue(value: Scalar, type: IceType): unknown {
  if (value === null) return null;
  const decimal = decimalOf(type);
  if (decimal !== undefined) return bigEndian(unscaled(value), decimalBytes(decimal.precision));
  switch (type) {
    case "boolean":
      return Number(value) === 1;
    case "int":
    case "date":
    case "float":
    case "double":
      return Number(value);
    case "long":
    case "time":
    case "timestamp":
    case "timestamptz":
      return BigInt(value);
    case "binary":
    case "uuid":
      return Buffer.from(String(value), "hex");
    default:
      return String(value);
  }
}

/** `both`: the value itself, however long it is. */
export type Bound = "lower" | "upper" | "both";

/** The bytes of a bound; undefined where there is none. */
export function boundOf(value: Scalar | undefined, type: IceType, which: Bound): Buffer | undefined {
  if (value === null || value === undefined) return undefined;
  if (decimalOf(type) !== undefined) return shortest(unscaled(value));
  switch (type) {
    case "boolean":
      return Buffer.from([Number(value)]);
    case "int":
    case "date": {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(Number(value));
      return bytes;
    }
    case "long":
    case "time":
    case "timestamp":
    case "timestamptz": {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(value));
      return bytes;
    }
    case "float":
    case "double":
      return floating(Number(value), type, which);
    case "string":
      return textBound(String(value), which);
    case "binary":
      return bytesBound(Buffer.from(String(value), "hex"), which);
    default:
      // Readers do not agree on the order of UUIDs.
      return undefined;
  }
}

/** DuckDB does not tell one zero from the other, readers of bounds do. */
function floating(value: number, type: "float" | "double", which: Bound): Buffer {
  const told = value === 0 ? (which === "lower" ? -0 : 0) : value;
  const bytes = Buffer.alloc(type === "float" ? 4 : 8);
  if (type === "float") bytes.writeFloatLE(told);
  else bytes.writeDoubleLE(told);
  return bytes;
}

function textBound(text: string, which: Bound): Buffer | undefined {
  const letters = Array.from(text);
  if (letters.length <= MAX_BOUND || which === "both") return Buffer.from(text);
  const kept = letters.slice(0, MAX_BOUND);
  if (which === "lower") return Buffer.from(kept.join(""));
  // The least text that is greater than all that begin so.
  for (let last = kept.pop(); last !== undefined; last = kept.pop()) {
    const next = (last.codePointAt(0) ?? 0) + 1;
    if (next > 0x10ffff) continue;
    return Buffer.from(
      kept.join("") + String.fromCodePoint(next >= 0xd800 && next <= 0xdfff ? 0xe000 : next),
    );
  }
  return undefined;
}

function bytesBound(bytes: Buffer, which: Bound): Buffer | undefined {
  if (bytes.length <= MAX_BOUND || which === "both") return bytes;
  const kept = Buffer.from(bytes.subarray(0, MAX_BOUND));
  if (which === "lower") return kept;
  for (let length = MAX_BOUND; length > 0; length -= 1) {
    const last = kept[length - 1] ?? 0;
    if (last === 0xff) continue;
    kept[length - 1] = last + 1;
    return kept.subarray(0, length);
  }
  return undefined;
}

/** `-1.50` → -150n. */
function unscaled(value: Scalar): bigint {
  return BigInt(String(value).replace(".", ""));
}

function bigEndian(value: bigint, length: number): Buffer {
  const hex = BigInt.asUintN(8 * length, value)
    .toString(16)
    .padStart(2 * length, "0");
  return Buffer.from(hex, "hex");
}

/** Two's complement in as few bytes as hold it. */
function shortest(value: bigint): Buffer {
  let length = 1;
  while (BigInt.asIntN(8 * length, value) !== value) length += 1;
  return bigEndian(value, length);
}

/** The order of two bounds of a type. */
export function compareBounds(one: Buffer, other: Buffer, type: IceType): number {
  const order = (a: bigint, b: bigint): number => (a === b ? 0 : a < b ? -1 : 1);
  if (decimalOf(type) !== undefined) return order(fromBigEndian(one), fromBigEndian(other));
  switch (type) {
    case "int":
    case "date":
    case "long":
    case "time":
    case "timestamp":
    case "timestamptz":
      return order(integer(one), integer(other));
    default:
      return Buffer.compare(one, other);
  }
}

/** A column of longs may have been one of ints when the bound was written. */
function integer(bytes: Buffer): bigint {
  return bytes.length < 8 ? BigInt(bytes.readInt32LE()) : bytes.readBigInt64LE();
}

function fromBigEndian(bytes: Buffer): bigint {
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${bytes.toString("hex")}`));
}
