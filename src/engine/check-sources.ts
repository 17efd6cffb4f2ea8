/** Whether what a job says of its sources is right: the endpoint, the types, the columns. */

import { StreamkitError } from "../base/error.ts";
import { openFaults } from "../base/faults.ts";
import { type Column, type Database, DuckdbError } from "../duckdb/database.ts";
import { raw, sql } from "../duckdb/sql.ts";
import { namesAlike } from "../formats/column-names.ts";
import { describeSource, formatOf, knownColumns, type SourceShape } from "../ingest/source-reader.ts";
import type { LoadedJob } from "../job/load.ts";
import { resolveSource } from "../sources/list.ts";
import { optionOf } from "../sources/source.ts";
import { parseQueries, withoutExcerpt } from "../sql/query-texts.ts";
import type { Stream } from "../sql/stream.ts";
import { checkEndpoint } from "./outputs.ts";
import { checkTimezone, readsByTimezone } from "./timezone.ts";

/** Throws code `job` at the source where what it says does not fit. */
export async function shapeOf(
  job: LoadedJob,
  database: Database,
  name: string,
  found: readonly Column[] | undefined,
): Promise<SourceShape> {
  const { config, errorAt } = job;
  const source = config.sources[name];
  await checkSource(job, database, name);
  const known = source === undefined ? undefined : knownColumns(source, found);
  if (source === undefined || known === undefined)
    throw errorAt(
      ["sources", name],
      "it has no schema, and only its input could tell: give it one with schema:",
    );
  try {
    const shape = await describeSource(database, name, source, known);
    const { format, shape: records } = shape.reading;
    // What the input tells may be another thing tomorrow.
    if (source.timezone === undefined || shape.isFound || readsByTimezone(format, records)) return shape;
  } catch (error) {
    if (!(error instanceof StreamkitError)) throw error;
    const isAboutSelect = error instanceof DuckdbError && source.select !== "*";
    const place = isAboutSelect ? ["sources", name, "select"] : ["sources", name, ...optionOf(error)];
    throw errorAt(place, withoutExcerpt(error.message), error);
  }
  throw errorAt(
    ["sources", name, "timezone"],
    `it has no effect: no time of format ${formatOf(source).name} is without a UTC offset here. ` +
      "Leave it out, or declare the time's column as a TIMESTAMP",
  );
}

/** The columns that decide a record's partition are in each source that processes share. */
export function checkShared({ errorAt }: LoadedJob, { name, columns }: Stream, by: readonly string[]): void {
  for (const column of by)
    if (!columns.some((candidate) => candidate.name.toLowerCase() === column.toLowerCase()))
      throw errorAt(
        ["sources", name],
        `it is shared by "${column}", which is none of its columns: ` +
          `found ${columns.map((c) => c.name).join(", ")}`,
      );
}

/** The endpoint is one of ours, and every type is DuckDB's. */
async function checkSource({ config, errorAt }: LoadedJob, database: Database, name: string): Promise<void> {
  const source = config.sources[name];
  try {
    const { kind } = resolveSource(source?.from);
    const format = source === undefined ? undefined : formatOf(source);
    if (format?.isDecodedBySource === true && kind.decodes?.includes(format.name) !== true)
      throw new StreamkitError("job", `format ${format.name} is for a kafka source, found ${kind.name}`);
  } catch (error) {
    if (!(error instanceof StreamkitError)) throw error;
    const [option = "from"] = optionOf(error);
    throw errorAt(["sources", name, option], error.message, error);
  }
  await checkTimezone(database, source?.timezone).catch((error: unknown) => {
    throw error instanceof StreamkitError
      ? errorAt(["sources", name, "timezone"], error.message, error)
      : error;
  });
  const schema = source?.schema ?? {};
  const alike = namesAlike(Object.keys(schema));
  if (alike !== undefined)
    throw errorAt(["sources", name, "schema", alike[1]], `"${alike[0]}" is the same column to SQL`);
  for (const [column, type] of Object.entries(schema)) {
    try {
      // In parentheses, which nothing but a type fits into.
      await database.describe(sql`SELECT CAST(NULL AS ${raw(type)}) AS x`);
    } catch (error) {
      throw errorAt(["sources", name, "schema", column], `"${type}" is no DuckDB type`, error);
    }
  }
}

/** What can be known of a job before its input tells the schemas. */
export async function checkAhead(job: LoadedJob, database: Database): Promise<undefined> {
  const { config, errorAt } = job;
  const faults = openFaults();
  for (const name of Object.keys(config.sources))
    await faults.attempt(() => checkSource(job, database, name));
  await parseQueries(database, { queries: config.queries, errorAt }, faults);
  for (const [index, sink] of config.sinks.entries())
    await faults.attempt(() => checkEndpoint(sink, ["sinks", index], errorAt));
  faults.throwIfAny();
}
