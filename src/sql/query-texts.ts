/** The texts of a job's queries, parsed; and errors that point to their places in the job file. */

import { StreamkitError } from "../base/error.ts";
import type { Faults } from "../base/faults.ts";
import { nearestOf } from "../base/nearest.ts";
import { type Database, DuckdbError } from "../duckdb/database.ts";
import { offsetOf } from "../duckdb/error-place.ts";
import { withoutStatement } from "../duckdb/statement-excerpt.ts";
import { parseSelect, SyntaxFault, type TreeNode } from "../duckdb/syntax.ts";
import type { ErrorAt } from "../job/load.ts";
import { type QueryConfig, queryConfig } from "../job/schema.ts";
import { withoutMacros } from "./functions/macros.ts";

export interface QueryTexts {
  readonly queries: Readonly<Record<string, string | QueryConfig>>;
  readonly errorAt: ErrorAt;
  /** What a query may read: told where it names something else. */
  readonly names?: readonly string[];
}

export interface ParsedText {
  readonly name: string;
  readonly config: QueryConfig;
  readonly select: TreeNode;
}

/** The syntax trees of those queries that have one; nothing is known of tables and columns yet. */
export async function parseQueries(
  database: Database,
  request: QueryTexts,
  faults: Faults,
): Promise<ParsedText[]> {
  const parsed: ParsedText[] = [];
  for (const [name, query] of Object.entries(request.queries)) {
    const config = queryConfig(query);
    const select = await faults.attempt(() => at(request, name, () => parseQuery(database, config.sql)));
    if (select !== undefined) parsed.push({ name, config, select });
  }
  return parsed;
}

/** A query's syntax tree, as it is planned. */
export async function parseQuery(database: Database, text: string): Promise<TreeNode> {
  return withoutMacros(database, await parseSelect(database, text));
}

/** Errors of one query point to its place in the job file, and where it is known, to the place in its SQL. */
export async function at<T>(request: QueryTexts, name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof DuckdbError || (error instanceof StreamkitError && error.code === "job")) {
      const query = request.queries[name];
      const isText = typeof query === "string";
      const text = query === undefined ? "" : queryConfig(query).sql;
      throw request.errorAt(
        isText ? ["queries", name] : ["queries", name, "sql"],
        missingTable(withoutExcerpt(error.message), others(request.names ?? [], name)),
        error,
        { text, offset: offsetIn(text, error) },
      );
    }
    throw error;
  }
}

/** The place of the error in the user's SQL; undefined where DuckDB had another text. */
function offsetIn(text: string, error: StreamkitError): number | undefined {
  if (error instanceof SyntaxFault) return error.offset;
  if (!(error instanceof DuckdbError)) return undefined;
  const start = error.statement.indexOf(text);
  const offset = offsetOf(error);
  if (start < 0 || offset === undefined) return undefined;
  return offset >= start && offset < start + text.length ? offset - start : undefined;
}

function others(names: readonly string[], own: string): readonly string[] {
  return names.filter((name) => name !== own);
}

/** Of a table that is not there, DuckDB suggests tables of its own; what the job has is more use. */
function missingTable(message: string, names: readonly string[]): string {
  const missing = /^Table with name "?(.+?)"? does not exist/.exec(message)?.[1];
  if (missing === undefined || names.length === 0) return message;
  const meant = nearestOf(missing, names);
  const hint = meant === undefined ? "" : `: did you mean "${meant}"?`;
  return `there is no stream and no table "${missing}": found ${names.join(", ")}${hint}`;
}

/**
 * DuckDB shows the statement below its message; ours is not the user's own, and the place is named already.
 * Names that start with an underscore are ours.
 */
export function withoutExcerpt(message: string): string {
  return withoutStatement(message)
    .replace(/^[A-Z]\w*(?: \w+)* Error: /, "")
    .replaceAll(/"_(?:input|partial|closing|all|new|old|final|none)_(\w+?)(?:\$\w+)*"/g, '"$1"')
    .replaceAll(/, "(?:_[a-z]+|_[kpr]\d+(?:_\d+)?)"|"(?:_[a-z]+|_[kpr]\d+(?:_\d+)?)", /g, "")
    .replaceAll(/:\s*\n+\s*/g, ": ")
    .replaceAll(/[!.]?\s*\n+\s*/g, "; ")
    .trim();
}
