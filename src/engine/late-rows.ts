/** What a batch knows of its late rows: how many of a source, how far behind, and who leaves them out. */

import type { Database } from "../duckdb/database.ts";
import { sql } from "../duckdb/sql.ts";
import type { BatchInput, SourceReader } from "../ingest/source-reader.ts";
import type { PlannedQuery } from "../operators/query.ts";
import { lateVariable, relation, type Stream } from "../sql/stream.ts";
import type { LateRows } from "./batch-progress.ts";
import type { PreparedJob } from "./prepare.ts";

const US_PER_MS = 1000;

/** Of a source, before the batch: its watermark, and before which time rows are late for a query at least. */
interface LateBound {
  readonly reachedUs: bigint | null;
  readonly lateBeforeUs: bigint | null;
}

export async function lateRowsOf(
  database: Database,
  { readers, queries, job }: Pick<PreparedJob, "readers" | "queries" | "job">,
  intakes: ReadonlyMap<string, BatchInput>,
  boundOf: (reader: SourceReader) => LateBound,
  isLateFor: (query: Pick<Stream, "name" | "sources">, us: bigint) => boolean,
): Promise<readonly LateRows[]> {
  if (readers.every(({ name }) => intakes.get(name)?.lateRows === 0)) return [];
  const leftOutOf = await leavingOut(database, queries);
  return readers.flatMap((reader) => {
    const { name } = reader;
    const { lateRows = 0, earliestLateUs = null } = intakes.get(name) ?? {};
    const { reachedUs, lateBeforeUs } = boundOf(reader);
    if (lateRows === 0 || earliestLateUs === null || lateBeforeUs === null) return [];
    return {
      source: name,
      rows: lateRows,
      earliestMs: Number(earliestLateUs) / US_PER_MS,
      watermarkMs: Number(lateBeforeUs) / US_PER_MS,
      isOfEnd: lateBeforeUs !== reachedUs,
      delayMs: job.config.sources[name]?.watermark ?? 0,
      leftOutOf: leftOutOf
        .filter((query) => query.sources.includes(name) && isLateFor(query, earliestLateUs))
        .filter((query) => earliestLateUs + latenessUs(job, query.name) < lateBeforeUs)
        .map((query) => query.name),
    };
  });
}

/** A query with `lateness` takes rows that are behind by no more. */
function latenessUs({ config }: PreparedJob["job"], query: string): bigint {
  const found = config.queries[query];
  return BigInt(Math.round(((typeof found === "object" ? found.lateness : undefined) ?? 0) * US_PER_MS));
}

/** Queries whose rows of a batch are those that are not late: their input's view says so, or their setup. */
async function leavingOut(
  database: Database,
  queries: readonly PlannedQuery[],
): Promise<readonly Pick<Stream, "name" | "sources">[]> {
  const views = await database.rows(sql`SELECT view_name AS name FROM duckdb_views()
    WHERE contains(sql, ${lateVariable("")})`);
  // A query that keeps rows of several inputs counts them: `totals`, `totals$1`.
  const found = new Set(views.map(({ name }) => String(name).split("$")[0]));
  return queries.flatMap(({ output, setup }) => {
    const isByItself = setup.text.includes(lateVariable(output.name)) && output.times.size > 0;
    return isByItself || found.has(relation.input(output.name)) ? [output] : [];
  });
}
