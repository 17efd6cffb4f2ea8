/** A segment of given bytes, read as a batch reads it. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Column, Database } from "../../src/duckdb/database.ts";
import { raw, sql } from "../../src/duckdb/sql.ts";
import type { DeadLetters } from "../../src/formats/dead-letters.ts";
import type { Shape } from "../../src/formats/format.ts";
import { rowJson } from "../../src/formats/json-rows.ts";
import { formatFor } from "../../src/formats/list.ts";
import { readSegment } from "../../src/formats/read-segment.ts";

export interface Way {
  readonly format: string;
  readonly columns?: Readonly<Record<string, string>>;
  readonly header?: readonly string[];
  readonly pattern?: string;
  readonly delimiter?: string;
  readonly select?: string;
  readonly logFormat?: string;
  readonly isReceived?: boolean;
  readonly timezone?: string;
}

export interface Letter {
  readonly origin: string;
  readonly offset: number;
  readonly line: string;
  readonly reason: string;
  readonly lineNumber: number;
}

/** Dead letters as a test compares them. */
export async function lettersIn(database: Database, { rows }: DeadLetters): Promise<readonly Letter[]> {
  const found = await database.rows(rows);
  return found.map((row) => ({
    origin: String(row["origin"]),
    offset: Number(row["byte_offset"]),
    line: String(row["line"]),
    reason: String(row["reason"]),
    lineNumber: Number(row["number"]),
  }));
}

export interface Read {
  /** Rows as JSON text, in their order. */
  readonly rows: readonly string[];
  readonly deadLetters: readonly Letter[];
}

/** The segment is said to start here in its origin, so that a mixed-up offset shows. */
export const ORIGIN_OFFSET = 1000;

export async function readBytes(database: Database, way: Way, bytes: Uint8Array): Promise<Read> {
  const format = formatFor(way.format, {
    log_format: way.logFormat,
    isReceived: way.isReceived === true,
  });
  const columns = Object.entries(way.columns ?? {}).map(([name, type]): Column => ({ name, type }));
  const shape: Shape = {
    columns,
    header: undefined,
    delimiter: way.delimiter ?? ",",
    pattern: way.pattern,
    timezone: way.timezone,
  };
  const folder = mkdtempSync(path.join(tmpdir(), "streamkit-formats-"));
  const file = path.join(folder, "segment");
  writeFileSync(file, bytes);
  try {
    const { deadLetters } = await readSegment(
      database,
      {
        path: file,
        sizeBytes: bytes.length,
        pieces: [{ origin: "in", originOffset: ORIGIN_OFFSET, segmentOffset: 0 }],
        header: way.header,
      },
      { format, shape, select: raw(way.select ?? "*") },
      "records",
      sql`SELECT count(*) AS rows FROM records`,
    );
    const described = await database.describe(sql`FROM records`);
    const rows = await database.rows(sql`SELECT ${rowJson(described)} AS json FROM records`);
    const letters = await lettersIn(database, deadLetters);
    return { rows: rows.map((row) => String(row["json"])), deadLetters: letters };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Lines of bytes with their line feeds. */
export function segmentOf(lines: readonly Uint8Array[]): Buffer {
  return Buffer.concat(lines.flatMap((line) => [line, Buffer.from("\n")]));
}
