/** Lines that the engine reads, or a faulty reader in its place, held against the independent reading. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Column, Database } from "../../../src/duckdb/database.ts";
import { raw, sql } from "../../../src/duckdb/sql.ts";
import type { Format } from "../../../src/formats/format.ts";
import { formats } from "../../../src/formats/list.ts";
import { readSegment } from "../../../src/formats/read-segment.ts";
import { openReadingCheck, type ReadingFacts } from "../../../src/verify/reading/compare.ts";

export interface Way {
  readonly format: string;
  readonly columns: Readonly<Record<string, string>>;
  readonly delimiter?: string;
  readonly timezone?: string;
  readonly select?: string;
  readonly wholeBlocks?: number;
  /** In the place of the format's own. */
  readonly fault?: (format: Format) => Format;
}

/** The segment is said to start here in its origin. */
const ORIGIN_OFFSET = 1000;

export async function checked(
  database: Database,
  way: Way,
  bytes: string | Uint8Array,
): Promise<ReadingFacts> {
  const own = formats.find(({ name }) => name === way.format);
  if (own === undefined) throw new Error(`No format ${way.format}`);
  const columns = Object.entries(way.columns).map(([name, type]): Column => ({ name, type }));
  const reading = {
    format: way.fault?.(own) ?? own,
    shape: {
      columns,
      header: undefined,
      delimiter: way.delimiter ?? ",",
      pattern: undefined,
      timezone: way.timezone,
    },
    select: raw(way.select ?? "*"),
  };
  const folder = mkdtempSync(path.join(tmpdir(), "streamkit-reading-"));
  const file = path.join(folder, "segment");
  writeFileSync(file, bytes);
  try {
    const segment = {
      path: file,
      sizeBytes: bytes.length,
      pieces: [{ origin: "in", originOffset: ORIGIN_OFFSET, segmentOffset: 0 }],
      header: way.format === "csv" ? Object.keys(way.columns) : undefined,
    };
    const { deadLetters } = await readSegment(
      database,
      segment,
      reading,
      "records",
      sql`SELECT count(*) AS rows FROM records`,
    );
    const check = openReadingCheck(reading, way.wholeBlocks);
    await check.compare(database, { segment, deadLetters, table: "records" });
    return check.facts();
  } finally {
    rmSync(folder, { recursive: true });
  }
}
