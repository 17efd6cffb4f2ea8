/** Parquet files: how many rows they have and of what columns, and which of them a batch reads. */

import { statSync } from "node:fs";
import { messageOf, StreamkitError } from "../../base/error.ts";
import { type Column, type Database, openDatabase } from "../../duckdb/database.ts";
import { sql } from "../../duckdb/sql.ts";
import type { RowSlice } from "../../formats/format.ts";
import { parquetFile, ROW_NUMBER } from "../../formats/parquet.ts";
import type { Limit } from "../source.ts";

export interface RowFiles {
  columnsOf(file: RowFile): Promise<readonly Column[]>;
  /** The rows from one on that a batch takes, about so many bytes as the limit says, and at least one. */
  next(file: RowFile, from: number, limit: Limit): Promise<RowStep>;
  slice(file: RowFile, from: number, to: number): Promise<RowSlice>;
  /** What rows weigh, unpacked. */
  bytesOf(file: RowFile, from: number, to: number): Promise<number>;
  close(): void;
}

interface RowFile {
  readonly path: string;
  readonly origin: string;
}

interface RowStep {
  readonly to: number;
  readonly bytes: number;
  readonly isLast: boolean;
}

/** A table of so many rows is a batch's whatever they weigh: codes for repeated texts weigh nothing. */
const MAX_ROWS = 250_000;

interface Footer {
  readonly columns: readonly Column[];
  readonly rows: number;
  readonly groups: readonly RowGroup[];
}

interface RowGroup {
  /** The number of its first row. */
  readonly start: number;
  readonly rows: number;
  /** Unpacked, of one row. */
  readonly rowBytes: number;
}

export function openRowFiles(): RowFiles {
  let opened: Promise<Database> | undefined;
  const footers = new Map<string, { readonly version: string; readonly footer: Promise<Footer> }>();

  const footerOf = ({ path, origin }: RowFile): Promise<Footer> => {
    const { size, mtimeMs } = statSync(path);
    const version = `${size} ${mtimeMs}`;
    const known = footers.get(path);
    if (known?.version === version) return known.footer;
    opened ??= openDatabase({ threads: 1 });
    const footer = opened.then((database) => readFooter(database, { path, origin }));
    footers.set(path, { version, footer });
    return footer;
  };

  return {
    columnsOf: async (file) => (await footerOf(file)).columns,
    async next(file, from, limit) {
      const { groups, rows } = await footerOf(file);
      let to = from;
      let bytes = 0;
      const most = Math.min(limit.maxLines, MAX_ROWS);
      for (const group of groups) {
        const end = group.start + group.rows;
        if (end <= to) continue;
        const room = Math.floor((limit.maxBytes - bytes) / group.rowBytes);
        const taken = Math.max(Math.min(end - to, room, most - (to - from)), to === from ? 1 : 0);
        bytes += taken * group.rowBytes;
        to += taken;
        if (to < end) break;
      }
      return { to, bytes: Math.ceil(bytes), isLast: to >= rows };
    },
    async slice(file, from, to) {
      const { rows, columns } = await footerOf(file);
      if (to > rows)
        throw new StreamkitError(
          "input",
          `"${file.origin}" has ${rows} rows, but ${to} were planned to be read: files at rest don't shrink`,
        );
      return { ...file, from, to, columns };
    },
    async bytesOf(file, from, to) {
      const { groups } = await footerOf(file);
      return Math.ceil(
        groups.reduce((sum, { start, rows, rowBytes }) => {
          const taken = Math.min(to, start + rows) - Math.max(from, start);
          return sum + Math.max(0, taken) * rowBytes;
        }, 0),
      );
    },
    close() {
      opened?.then((database) => database.close()).catch(() => {});
    },
  };
}

async function readFooter(database: Database, { path, origin }: RowFile): Promise<Footer> {
  try {
    const groups = await database.rows(sql`SELECT any_value(row_group_num_rows) AS rows,
        sum(total_uncompressed_size)::BIGINT AS bytes
      FROM parquet_metadata(${path}) GROUP BY row_group_id ORDER BY row_group_id`);
    let start = 0;
    const withStarts = groups.map((group) => {
      const rows = Number(group["rows"]);
      const found = { start, rows, rowBytes: Math.max(1, Number(group["bytes"]) / Math.max(1, rows)) };
      start += rows;
      return found;
    });
    const described = await database.describe(sql`SELECT * FROM ${parquetFile(path)}`);
    const columns = described
      .filter(({ name }) => name !== ROW_NUMBER)
      .map(({ name, type }) => ({ name, type: type.replaceAll("TIMESTAMP WITH TIME ZONE", "TIMESTAMP") }));
    return { columns, rows: start, groups: withStarts };
  } catch (error) {
    throw new StreamkitError(
      "input",
      `"${origin}" is no whole Parquet file: ${firstLine(messageOf(error))}`,
      {
        cause: error,
      },
    );
  }
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? text).replace(/^[A-Z][\w ]* Error: /, "");
}
