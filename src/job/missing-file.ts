/** What somebody meant who named a job file that is none. */

import { readdirSync } from "node:fs";
import path from "node:path";
import { nearestOf } from "../base/nearest.ts";

const JOB_FILE = /\.(?:ya?ml|json|[cm]?[jt]s)$/i;
const DATA_FILE = /\.(?:ndjson|jsonl|csv|tsv|log|parquet|gz|zst|bz2)$/i;
const SQL = /^\s*(?:select|from|with)\b/i;

/** Goes behind "There is no job file …". */
export function missingFileHint(file: string): string {
  if (SQL.test(file)) return ': a query goes with --sql "SELECT … FROM input"';
  const folder = path.dirname(file);
  const meant = nearestOf(path.basename(file), jobFilesIn(folder));
  if (meant === undefined) return "";
  return `: did you mean "${folder === "." ? meant : path.join(folder, meant)}"?`;
}

function jobFilesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => JOB_FILE.test(name));
  } catch {
    return [];
  }
}

/** Why a file that is there can't be a job; undefined where it can. */
export function dataFileWords(file: string): string | undefined {
  if (!DATA_FILE.test(file)) return undefined;
  return (
    `"${file}" is named as data, and a job file (YAML, JSON or TypeScript) is expected: ` +
    `--in ${file} --sql "SELECT … FROM input" asks a query, and < ${file} gives it to a job that reads "-"`
  );
}
