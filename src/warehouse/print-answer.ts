/** A question's answer on standard output or in a file, in the format asked for. */

import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { StreamkitError } from "../base/error.ts";
import type { Database } from "../duckdb/database.ts";
import { raw, type Sql, sql } from "../duckdb/sql.ts";
import { rowJson } from "../formats/json-rows.ts";
import type { ByteOutput } from "../runtime/stdio.ts";
import { renderTable } from "./render-table.ts";

export type AnswerFormat = "table" | "json" | "ndjson" | "csv" | "parquet";

export interface AnswerStyle {
  readonly format: AnswerFormat;
  /** A file instead of the standard output. */
  readonly out?: string;
}

/** `folder` is for files on their way. */
export async function printAnswer(
  database: Database,
  query: Sql,
  { format, out }: AnswerStyle,
  { stdout, folder }: { readonly stdout: ByteOutput; readonly folder: string },
): Promise<void> {
  if (out !== undefined) {
    await database.run(sql`COPY (${query}) TO ${out} ${copyOptions(format)}`);
    return;
  }
  switch (format) {
    case "table":
      await stdout.send(await renderTable(database, query, stdout));
      return;
    case "json":
    case "ndjson":
      return printJson(database, query, format === "json", stdout);
    case "csv":
    case "parquet":
      return printFile(database, query, format, { stdout, folder });
  }
}

async function printJson(
  database: Database,
  query: Sql,
  isArray: boolean,
  stdout: ByteOutput,
): Promise<void> {
  const columns = await database.describe(query);
  let isFirst = true;
  if (isArray) await stdout.send("[");
  for await (const rows of database.textBlocks(sql`SELECT ${rowJson(columns)} FROM (${query})`)) {
    await stdout.send(isArray ? `${isFirst ? "\n" : ",\n"}${rows.join(",\n")}` : `${rows.join("\n")}\n`);
    isFirst = false;
  }
  if (isArray) await stdout.send(isFirst ? "]\n" : "\n]\n");
}

/** DuckDB writes these to files only: by way of one. */
async function printFile(
  database: Database,
  query: Sql,
  format: "csv" | "parquet",
  { stdout, folder }: { readonly stdout: ByteOutput; readonly folder: string },
): Promise<void> {
  if (format === "parquet" && stdout.isTerminal)
    throw new StreamkitError("usage", "--format parquet is no text: use --out FILE, or a pipe");
  const file = path.join(folder, "answer");
  try {
    await database.run(sql`COPY (${query}) TO ${file} ${copyOptions(format)}`);
    await stdout.send(await readFile(file));
  } finally {
    await rm(file, { force: true });
  }
}

function copyOptions(format: AnswerFormat): Sql {
  switch (format) {
    case "parquet":
      return raw("(FORMAT parquet, COMPRESSION zstd)");
    case "json":
      return raw("(FORMAT json, ARRAY true)");
    case "ndjson":
      return raw("(FORMAT json)");
    case "csv":
    case "table":
      return raw("(FORMAT csv, HEADER)");
  }
}
