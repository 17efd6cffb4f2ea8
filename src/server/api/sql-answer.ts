/** What `/api/v1/sql` answers. */

import { messageOf, StreamkitError } from "../../base/error.ts";
import { writeExactJson } from "../../base/exact-json.ts";
import { withoutStatement } from "../../duckdb/statement-excerpt.ts";
import type { SqlRequest, SqlSandbox } from "../sql/sandbox.ts";

interface SqlBody {
  readonly sql: string;
  readonly format: SqlRequest["format"];
  readonly limit: number;
}

const TYPES: Readonly<Record<SqlRequest["format"], string>> = {
  json: "application/json; charset=utf-8",
  ndjson: "application/x-ndjson; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  parquet: "application/vnd.apache.parquet",
};

/** `gone` aborts when the client leaves: the query ends then. */
export function answerSql(
  sandbox: SqlSandbox,
  { sql, format, limit }: SqlBody,
  gone: AbortSignal,
): Promise<Response> {
  return answered(async () => {
    const { columns, bytes } = await sandbox.ask({ sql, format, maxRows: limit }, gone);
    const headers = new Headers({ "content-type": TYPES[format] });
    // A browser keeps it as a file, and never shows it as a page.
    if (format !== "json") headers.set("content-disposition", `attachment; filename="answer.${format}"`);
    if (format !== "json") return new Response(bytes.slice(), { headers });
    const head = writeExactJson({ columns }).slice(0, -1);
    const rows = new TextDecoder().decode(bytes).trimEnd();
    return new Response(`${head},"rows":${rows}}`, { headers });
  });
}

export function answerTables(sandbox: SqlSandbox): Promise<Response> {
  return answered(async () => Response.json({ tables: await sandbox.tables() }));
}

async function answered(answer: () => Promise<Response>): Promise<Response> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof StreamkitError) || error.code === "bug") throw error;
    const message = withoutStatement(messageOf(error));
    return Response.json({ error: message }, { status: error.retryable ? 503 : 400 });
  }
}
