/** How a source's records are read: format, shape and projection, and the SELECT that they make. */

import { stat } from "node:fs/promises";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { type Attributes, attributeJoin } from "./attributes.ts";
import { type EpochTime, withEpochTime } from "./epoch.ts";
import type { Format, Shape } from "./format.ts";
import type { Segment } from "./segment.ts";

export interface Reading {
  readonly format: Format;
  readonly shape: Shape;
  /** Projection of each parsed record, as in the job file: `*`. */
  readonly select: Sql;
  /** A number of the projected record that is its event time, and the number's type. */
  readonly epoch?: { readonly time: EpochTime; readonly type: string } | undefined;
}

/**
 * The projection of the records with their attributes. A fallible column that it leaves out is looked at all
 * the same, or whether a line is taken would depend on whether DuckDB found a reason to parse that column.
 */
export function selected(records: Sql, reading: Reading, attributes: Attributes | undefined): Sql {
  return timed(projectedRows(records, reading, attributes), reading);
}

/** The projected records with their event time. */
export function timed(rows: Sql, { epoch }: Pick<Reading, "epoch">): Sql {
  return epoch === undefined ? rows : withEpochTime(rows, epoch.time, epoch.type);
}

/** What a segment says of its lines, and the source of all of them. */
export async function shapeIn(segment: Segment, { shape }: Pick<Reading, "shape">): Promise<Shape> {
  const { header, delimiter = shape.delimiter, standIns, holdsInnerFeeds, maxLineBytes } = segment;
  const writtenAtMs = (await stat(segment.path)).mtimeMs;
  return { ...shape, header, delimiter, standIns, holdsInnerFeeds, maxLineBytes, writtenAtMs };
}

/** The records as `select` has them, without their event time. */
export function projectedRows(
  records: Sql,
  { format, shape, select }: Reading,
  attributes: Attributes | undefined,
): Sql {
  const from = sql`FROM (${raw(records.text)})${attributeJoin(attributes)}`;
  if (select.text.trim() === "*") return sql`SELECT * ${from}`;
  const fallible = format.fallibleColumns ?? format.columns(shape).map(({ name }) => name);
  return sql`SELECT ${select} ${from} WHERE hash(${fallible.map((name) => id(name))}) IS NOT NULL`;
}
