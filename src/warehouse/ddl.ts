/** A table's definition as HiveQL, which Hive and Spark execute. */

import type { HiveColumn } from "./hive-types.ts";
import type { TableSpec } from "./metastore/metastore.ts";

/**
 * Statements that make the database and the external table where they aren't there, and find its partitions.
 *
 * @example
 * CREATE EXTERNAL TABLE IF NOT EXISTS `web`.`hits` (
 *   `path` string
 * )
 * PARTITIONED BY (`dt` date)
 * STORED AS PARQUET
 * LOCATION 'file:/warehouse/web.db/hits';
 */
export function hiveDdl({ database, table, columns, partitions, location }: TableSpec): string {
  const name = `${quoted(database)}.${quoted(table)}`;
  const lines = [
    ...(database === "default" ? [] : [`CREATE DATABASE IF NOT EXISTS ${quoted(database)};`, ""]),
    `CREATE EXTERNAL TABLE IF NOT EXISTS ${name} (`,
    columns.map((column) => `  ${declaration(column)}`).join(",\n"),
    ")",
    ...(partitions.length === 0 ? [] : [`PARTITIONED BY (${partitions.map(declaration).join(", ")})`]),
    "STORED AS PARQUET",
    `LOCATION ${literal(location)};`,
    ...(partitions.length === 0 ? [] : ["", `MSCK REPAIR TABLE ${name};`]),
  ];
  return `${lines.join("\n")}\n`;
}

function declaration({ hiveName, declared }: HiveColumn): string {
  // Names of fields too: one may be a word of the language.
  return `${quoted(hiveName)} ${declared.replaceAll(/([<,])(\w+):/g, "$1`$2`:")}`;
}

function quoted(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

/** Backslashes are escapes in HiveQL, and a semicolon ends a statement for some clients even in quotes. */
function literal(value: string): string {
  return `'${value.replaceAll(/[\\';]/g, (found) => (found === ";" ? "\\073" : `\\${found}`))}'`;
}
