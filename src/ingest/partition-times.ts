/**
 * The highest event time of each partition in a batch. A segment holds its partitions one after the other, so
 * the rows of one are side by side in the table, and their numbers tell whose they are.
 */

import { StreamkitError } from "../base/error.ts";
import type { Database } from "../duckdb/database.ts";
import { id, join, type Sql, sql } from "../duckdb/sql.ts";
import { type DeadLetters, letterNumbers } from "../formats/dead-letters.ts";
import type { Piece, Segment } from "../formats/segment.ts";
import type { PartitionTimes } from "./watermark.ts";

export interface PartitionedRows {
  readonly table: string;
  readonly timeColumn: string;
  readonly segment: Segment;
  /** How many rows the table had before any was taken out of it. */
  readonly rows: number;
  /** Of lines that became no row. */
  readonly deadLetters: DeadLetters;
}

/** Undefined where the segment has no partitions. Throws code `job` where rows are no lines. */
export async function partitionTimes(
  database: Database,
  { table, timeColumn, segment, rows, deadLetters }: PartitionedRows,
): Promise<PartitionTimes | undefined> {
  if (segment.pieces.every(({ partition }) => partition === undefined)) return undefined;
  const counted = rowsOfPieces(segment.pieces, await letterNumbers(database, deadLetters));
  const total = counted.reduce((sum, piece) => sum + piece.rows, 0);
  if (total !== rows)
    throw new StreamkitError(
      "job",
      `select: makes ${rows} rows of ${total} records: it must make one of each where a source has ` +
        "partitions; take records apart in a query",
    );
  const time = sql`${id(timeColumn)}::TIMESTAMP`;
  let first = 0;
  const parts = counted.map((piece): Sql => {
    const last = first + piece.rows - 1;
    const part = sql`SELECT ${piece.name} AS name, epoch_us(max(${time}) FILTER (isfinite(${time}))) AS us
      FROM ${id(table)} WHERE rowid BETWEEN ${first} AND ${last}`;
    first = last + 1;
    return part;
  });
  const found = await database.rows(join(parts, " UNION ALL "));
  return new Map(found.map(({ name, us }) => [String(name), typeof us === "bigint" ? us : null]));
}

/** `unfit` are the numbers of lines that became no row, ascending. */
function rowsOfPieces(
  pieces: readonly Piece[],
  unfit: Float64Array,
): { readonly name: string; readonly rows: number }[] {
  let endLine = 0;
  let next = 0;
  return pieces.flatMap(({ partition }) => {
    if (partition === undefined) return [];
    endLine += partition.lines;
    const first = next;
    while ((unfit[next] ?? Number.POSITIVE_INFINITY) < endLine) next += 1;
    return [{ name: partition.name, rows: partition.lines - (next - first) }];
  });
}
