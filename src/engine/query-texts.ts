/** The texts of a job's queries, parsed; and errors that point to their places in the job file. */

import { StreamkitError } from "../base/error.ts";
import { type Database, DuckdbError } from "../duckdb/database.ts";
import { parseSelect, type TreeNode } from "../duckdb/syntax.ts";
import { type QueryConfig, queryConfig } from "../job/schema.ts";

export interface QueryTexts {
  readonly queries: Readonly<Record<string, string | QueryConfig>>;
  readonly errorAt: (keyPath: readonly PropertyKey[], message: string, cause?: unknown) => Error;
}

export interface ParsedText {
  readonly name: string;
  readonly config: QueryConfig;
  readonly select: TreeNode;
}

/** Each query's syntax tree; nothing is known of tables and columns yet. Throws code `job`. */
export async function parseQueries(database: Database, request: QueryTexts): Promise<ParsedText[]> {
  const parsed: ParsedText[] = [];
  for (const [name, query] of Object.entries(request.queries)) {
    const config = queryConfig(query);
    parsed.push({ name, config, select: await at(request, name, () => parseSelect(database, config.sql)) });
  }
  return parsed;
}

/** Errors of one query point to its place in the job file. */
export async function at<T>(request: QueryTexts, name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof DuckdbError || (error instanceof StreamkitError && error.code === "job")) {
      const isText = typeof request.queries[name] === "string";
      throw request.errorAt(
        isText ? ["queries", name] : ["queries", name, "sql"],
        withoutExcerpt(error.message),
        error,
      );
    }
    throw error;
  }
}

/**
 * DuckDB shows the statement below its message; ours is not the user's own, and the place is named already.
 */
export function withoutExcerpt(message: string): string {
  return message
    .replace(/\n\s*LINE \d+:[\s\S]*$/, "")
    .replace(/^(?:Binder|Parser|Catalog) Error: /, "")
    .replaceAll(/\n+/g, "; ")
    .trim();
}
