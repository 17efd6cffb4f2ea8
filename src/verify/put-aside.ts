/**
 * What the stream put aside of a query (`on_error`), the batch must leave out too, of that query alone: rows
 * are known by their values, as equal rows fail alike; groups and windows by their keys.
 */

import { isAboutValues } from "../duckdb/data-error.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import { rowJson } from "../formats/json-rows.ts";
import type { PlannedQuery } from "../operators/query.ts";

export interface PutAside {
  readonly query: string;
  /** The stream whose row it is; null for a group or a window. */
  readonly stream: string | null;
  /** JSON. */
  readonly line: string;
}

/** The query's SQL over the rest; the streams that it reads have views in their place until `close`. */
export interface RestOfQuery {
  readonly text: Sql;
  /** The streams that have a view in their place. */
  readonly shown: readonly string[];
  close(): Promise<void>;
}

export async function restOfQuery(
  database: Database,
  query: PlannedQuery,
  { queries, columnsOf, putAside }: Known,
): Promise<RestOfQuery> {
  const own = putAside.filter((one) => one.query === query.output.name);
  const views: string[] = [];
  const show = async (name: string, text: Sql): Promise<void> => {
    await database.run(sql`CREATE OR REPLACE TEMP VIEW ${id(name)} AS ${text}`);
    views.push(name);
  };
  const byStream = Map.groupBy(
    own.flatMap(({ stream, line }) => (stream === null ? [] : [{ stream, line }])),
    ({ stream }) => stream,
  );
  for (const [stream, rows] of byStream)
    await show(
      stream,
      withoutRows(
        stream,
        columnsOf(stream),
        rows.map(({ line }) => line),
      ),
    );
  // Rows of a source that the query reads by way of a view are missing in the view too.
  for (const { output, text, inputs } of queries)
    if (
      output.rowsInOrder !== undefined &&
      query.reads.includes(output.name) &&
      inputs.some(({ name }) => byStream.has(name))
    )
      await show(output.name, raw(text));
  const keys = own.flatMap(({ stream, line }) => (stream === null ? [line] : []));
  return {
    text: await restOfKeys(database, query, keys),
    shown: views,
    async close() {
      for (const name of views.toReversed()) await database.run(sql`DROP VIEW temp.main.${id(name)}`);
    },
  };
}

interface Known {
  readonly queries: readonly PlannedQuery[];
  readonly columnsOf: (stream: string) => readonly Column[];
  readonly putAside: readonly PutAside[];
}

/** A group that fails once may be fine later, where rows change: only those that still fail are left out. */
async function restOfKeys(
  database: Database,
  { output, text, rest }: PlannedQuery,
  lines: readonly string[],
): Promise<Sql> {
  const all = raw(text);
  if (rest === undefined || lines.length === 0) return all;
  const failing: string[] = [];
  for (const line of new Set(lines)) {
    const isFailing =
      output.mode === "append" || (await fails(database, await rest(database, [line], "only")));
    if (isFailing) failing.push(line);
  }
  return failing.length === 0 ? all : rest(database, failing, "without");
}

async function fails(database: Database, query: Sql): Promise<boolean> {
  try {
    await database.run(query);
    return false;
  } catch (error) {
    if (isAboutValues(error)) return true;
    throw error;
  }
}

/** A stream without rows of these values, each as often as it is named, in the stream's order. */
function withoutRows(stream: string, columns: readonly Column[], lines: readonly string[]): Sql {
  const byNames = Map.groupBy(lines, (line) => Object.keys(JSON.parse(line) as object).join("\0"));
  return [...byNames].reduce<Sql>(
    (from, [names, own]) => {
      const wanted = new Set(names.split("\0"));
      const counts = [...Map.groupBy(own, (line) => line)].map(
        ([line, same]) => sql`(${line}, ${same.length})`,
      );
      const json = rowJson(columns.filter(({ name }) => wanted.has(name)));
      return sql`SELECT * EXCLUDE (_place, _json, _nth) FROM
        (SELECT *, row_number() OVER (PARTITION BY _json ORDER BY _place) AS _nth FROM
          (SELECT *, row_number() OVER () AS _place, ${json} AS _json FROM (${from}))) AS r
        ANTI JOIN (VALUES ${join(counts)}) AS aside(line, rows)
          ON r._json = aside.line AND r._nth <= aside.rows
        ORDER BY _place`;
    },
    sql`SELECT * FROM memory.main.${id(stream)}`,
  );
}
