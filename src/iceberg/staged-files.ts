/**
 * A batch's rows as Parquet files on this machine whose columns have the table's ids, a file or more for each
 * partition, and what manifests tell of each: counts, bounds, its partition's values. These are read from the
 * files themselves, so that they are true of what a reader finds.
 */

import { mkdir, rm, stat } from "node:fs/promises";
import nodePath from "node:path";
import type { Database, Row, Scalar } from "../duckdb/database.ts";
import { id, join, literal, raw, type Sql, sql } from "../duckdb/sql.ts";
import { avroName } from "./manifest-schema.ts";
import type { DataFile, KeyedBytes, KeyedCount, PartitionSummary } from "./manifests.ts";
import { type PartitionField, type PartitionSpec, resultType, transformed } from "./partitions.ts";
import type { IceField, IceType } from "./types.ts";
import { avroValue, boundOf, MAX_BOUND, told } from "./values.ts";

export interface StagedFile {
  /** On this machine. */
  readonly path: string;
  /** All but its place in the table. */
  readonly dataFile: Omit<DataFile, "file_path">;
  /** Its partition's values, as a list of manifests tells of them. */
  readonly partitions: readonly PartitionSummary[];
}

export interface StagedRows {
  readonly database: Database;
  /** A SELECT of the columns, as the files have them. */
  readonly rows: Sql;
  /** The columns that it has, by the table. */
  readonly fields: readonly IceField[];
  readonly spec: PartitionSpec;
  /** Is emptied first. */
  readonly folder: string;
}

/** Not more columns than this have counts and bounds, as Iceberg's own writers have it. */
const MAX_MEASURED = 100;
const KEY = "_streamkit_partition";
const FILE = "_streamkit_file";

export async function stageFiles(given: StagedRows): Promise<readonly StagedFile[]> {
  const { database, rows, fields, spec, folder } = given;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const ids = raw(fieldIds(fields));
  const key = partitionKey(spec.fields, fields);
  const isOne =
    key === undefined || (await database.rows(sql`SELECT DISTINCT ${key} FROM (${rows}) LIMIT 2`)).length < 2;
  await database.run(
    isOne
      ? sql`COPY (${rows}) TO ${nodePath.join(folder, "0.parquet")}
          (FORMAT parquet, COMPRESSION zstd, FIELD_IDS ${ids})`
      : sql`COPY (SELECT *, ${key} AS ${id(KEY)} FROM (${rows})) TO ${folder}
          (FORMAT parquet, COMPRESSION zstd, FIELD_IDS ${ids}, OVERWRITE_OR_IGNORE,
            PARTITION_BY (${id(KEY)}))`,
  );
  return measured(given);
}

/** What tells a partition from others, as the name of a folder: values themselves may be none. */
function partitionKey(partitions: readonly PartitionField[], fields: readonly IceField[]): Sql | undefined {
  if (partitions.length === 0) return undefined;
  const texts = partitions.map((partition) => sql`CAST(${valueOf(partition, fields)} AS VARCHAR)`);
  return sql`md5(CAST(to_json([${join(texts)}]) AS VARCHAR))`;
}

function sourceOf(partition: PartitionField, fields: readonly IceField[]): IceField | undefined {
  return fields.find((field) => field.id === partition["source-id"]);
}

function valueOf(partition: PartitionField, fields: readonly IceField[]): Sql {
  const source = sourceOf(partition, fields);
  // The rows lack the column: others have added it.
  if (source === undefined) return raw("NULL");
  return transformed(partition.transform, id(source.name), source.type);
}

/** `{'a': 1, 's': {__duckdb_field_id: 2, 'x': 3}}` */
function fieldIds(fields: readonly IceField[]): string {
  const entries = fields.map(({ name, id: own, type }) => `${literal(name).text}: ${idsOf(own, type)}`);
  return `{${entries.join(", ")}}`;
}

function idsOf(fieldId: number, type: IceType): string {
  if (typeof type === "string") return String(fieldId);
  const inside = {
    struct: () => (type.type === "struct" ? fieldIds(type.fields).slice(1, -1) : ""),
    list: () => (type.type === "list" ? `element: ${idsOf(type["element-id"], type.element)}` : ""),
    map: () =>
      type.type === "map"
        ? `key: ${idsOf(type["key-id"], type.key)}, value: ${idsOf(type["value-id"], type.value)}`
        : "",
  }[type.type]();
  return `{__duckdb_field_id: ${fieldId}, ${inside}}`;
}

/** A column, or a field of a struct, that is counted and bounded. */
interface Leaf {
  readonly id: number;
  readonly value: Sql;
  readonly type: string;
}

function leavesOf(fields: readonly IceField[], within?: Sql): readonly Leaf[] {
  return fields.flatMap(({ id: fieldId, name, type }): readonly Leaf[] => {
    const value = within === undefined ? id(name) : sql`struct_extract(${within}, ${name})`;
    if (typeof type === "string") return [{ id: fieldId, value, type }];
    // In lists and maps there are other numbers of values than of rows.
    return type.type === "struct" ? leavesOf(type.fields, value) : [];
  });
}

async function measured({ database, fields, spec, folder }: StagedRows): Promise<readonly StagedFile[]> {
  const leaves = leavesOf(fields).slice(0, MAX_MEASURED);
  const partitions = spec.fields.map((partition) => {
    const source = sourceOf(partition, fields);
    const type = resultType(partition, source?.type ?? "string");
    return { ...partition, type, value: told(valueOf(partition, fields), type) };
  });
  const items = [
    ...leaves.flatMap((leaf, index) => measures(leaf, index)),
    ...partitions.map(({ value }, index) => sql`any_value(${value}) AS ${id(`p${index}`)}`),
  ];
  const found = await database.rows(
    sql`SELECT ${id(FILE)} AS path, count(*) AS rows, ${items.length === 0 ? raw("0") : items}
      FROM read_parquet(${`${folder.replaceAll(/[*?[\]]/g, "[$&]")}/**/*.parquet`}, filename = ${FILE},
        hive_partitioning = false)
      GROUP BY ALL ORDER BY ALL`,
  );
  const sizes = await Promise.all(found.map(({ path }) => stat(String(path))));
  return found.map((row, place) => {
    const path = String(row["path"]);
    const record = Object.fromEntries(
      partitions.map((partition, index) => [
        avroName(partition.name, partition["field-id"]),
        avroValue(row[`p${index}`] ?? null, partition.type),
      ]),
    );
    return {
      path,
      dataFile: {
        content: 0,
        file_format: "PARQUET",
        partition: record,
        record_count: BigInt(row["rows"] ?? 0),
        file_size_in_bytes: BigInt(sizes[place]?.size ?? 0),
        column_sizes: null,
        ...metricsOf(leaves, row),
        key_metadata: null,
        split_offsets: null,
        equality_ids: null,
        sort_order_id: null,
      },
      partitions: partitions.map(({ type }, index): PartitionSummary => {
        const bound = boundOf(row[`p${index}`], type, "both") ?? null;
        return { contains_null: bound === null, contains_nan: false, lower_bound: bound, upper_bound: bound };
      }),
    };
  });
}

const isFloating = (type: string): boolean => type === "float" || type === "double";

/** SQL for what is told of a column. */
function measures({ value, type }: Leaf, index: number): readonly Sql[] {
  const nulls = sql`count(*) - count(${value}) AS ${id(`n${index}`)}`;
  if (type === "uuid") return [nulls];
  const only = isFloating(type) ? sql` FILTER (NOT isnan(${value}))` : raw("");
  const bounded = (bound: Sql): Sql => {
    if (type === "string") return sql`left(${bound}, ${MAX_BOUND + 1})`;
    if (type === "binary") return sql`left(${told(bound, type)}, ${2 * (MAX_BOUND + 1)})`;
    return told(bound, type);
  };
  return [
    nulls,
    sql`${bounded(sql`min(${value})${only}`)} AS ${id(`l${index}`)}`,
    sql`${bounded(sql`max(${value})${only}`)} AS ${id(`u${index}`)}`,
    ...(isFloating(type) ? [sql`count(*) FILTER (isnan(${value})) AS ${id(`x${index}`)}`] : []),
  ];
}

function metricsOf(leaves: readonly Leaf[], row: Row) {
  const count = (value: Scalar | undefined): bigint => BigInt(value ?? 0);
  const counts = (letter: string): KeyedCount[] =>
    leaves.flatMap((leaf, index) => {
      const value = row[`${letter}${index}`];
      return value === undefined ? [] : [{ key: leaf.id, value: count(value) }];
    });
  const bounds = (letter: string, which: "lower" | "upper"): KeyedBytes[] =>
    leaves.flatMap((leaf, index) => {
      const value = boundOf(row[`${letter}${index}`], leaf.type, which);
      return value === undefined ? [] : [{ key: leaf.id, value }];
    });
  return {
    value_counts: leaves.map((leaf) => ({ key: leaf.id, value: count(row["rows"]) })),
    null_value_counts: counts("n"),
    nan_value_counts: counts("x"),
    lower_bounds: bounds("l", "lower"),
    upper_bounds: bounds("u", "upper"),
  };
}
