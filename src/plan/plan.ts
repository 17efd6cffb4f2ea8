/** From a checked job to queries that can run, in an order in which each comes after what it reads. */

import type { Faults } from "../base/faults.ts";
import type { Database } from "../duckdb/database.ts";
import { sql } from "../duckdb/sql.ts";
import { selectText } from "../duckdb/syntax.ts";
import { MIND_TRY } from "../duckdb/try.ts";
import type { InputTable } from "../operators/on-error/batch-rows.ts";
import { withTry } from "../operators/on-error/try-tree.ts";
import type { PlannedQuery, Query, QueryState } from "../operators/query.ts";
import type { QueryRequest } from "../sql/analyzed-query.ts";
import { isAggregate } from "../sql/functions/classes.ts";
import { emptyTable } from "../sql/input.ts";
import { withoutCtes } from "../sql/lineage.ts";
import { onItsTime } from "../sql/processing-time.ts";
import { at, type ParsedText, parseQueries, parseQuery, type QueryTexts } from "../sql/query-texts.ts";
import type { Stream } from "../sql/stream.ts";
import { type Catalog, scansOf } from "../sql/syntax-facts.ts";
import { tieWarnings } from "../sql/tie-warnings.ts";
import { planQuery } from "./plan-query.ts";
import { type KeyParts, sharingOfQuery } from "./sharing.ts";

export interface PlanRequest extends QueryTexts {
  /** The sources as streams; their empty temporary tables exist. */
  readonly sources: readonly Stream[];
  /** The names of static tables, which are there. */
  readonly tables?: readonly string[];
  /** Sources that are wrong, of which nothing more is known. */
  readonly unknown?: readonly string[];
  /** A state of fewer rows is not worth a rewrite. */
  readonly minRowsToRewrite?: number;
  /** Whether stateful queries keep all their rows, and run over them: what tests hold other plans against. */
  readonly isGeneral?: boolean | undefined;
  /** Queries whose state is one that a former version made. */
  readonly former?: readonly string[];
  /** The columns that decide a record's partition, where processes share the input by partitions. */
  readonly sharedBy?: readonly string[] | undefined;
}

/** A rewrite costs some milliseconds; a few thousand rows more cost a query less. */
const MIN_ROWS_TO_REWRITE = 2000;

interface Parsed extends ParsedText {
  readonly reads: readonly string[];
}

/**
 * The queries in an order in which each comes after what it reads; without those that are wrong, and those
 * that read what is wrong.
 */
export async function planQueries(
  database: Database,
  request: PlanRequest,
  faults: Faults,
): Promise<PlannedQuery[]> {
  const names = Object.keys(request.queries);
  const minRowsToRewrite = request.minRowsToRewrite ?? MIN_ROWS_TO_REWRITE;
  const streamNames = new Map(
    [...request.sources.map(({ name }) => name), ...(request.unknown ?? []), ...names].map((name) => [
      name.toLowerCase(),
      name,
    ]),
  );
  const tableNames = new Map((request.tables ?? []).map((name) => [name.toLowerCase(), name]));
  const catalog: Catalog = {
    streamOf: (name) => streamNames.get(name.toLowerCase()),
    tableOf: (name) => tableNames.get(name.toLowerCase()),
    isAggregate,
  };
  const known = await parseQueries(database, request, faults);
  const parsed = known.map((query): Parsed => {
    const scans = scansOf(withoutCtes(query.select, catalog), catalog);
    return { ...query, reads: scans.map(({ stream }) => stream) };
  });
  const streams = new Map(request.sources.map((stream) => [stream.name, stream]));
  const planned: PlannedQuery[] = [];
  const key = request.sharedBy ?? [];
  const parts = new Map<string, KeyParts>(
    request.sources.map(({ name }) => [
      name,
      new Map(key.map((column, part) => [column.toLowerCase(), part])),
    ]),
  );
  const planOf = async (query: Parsed) => {
    const isLegacy = request.former?.includes(query.name) === true;
    const isGeneral = request.isGeneral === true;
    const given = { ...query, database, streams, catalog, minRowsToRewrite, isLegacy, isGeneral };
    const plan = await at(request, query.name, () => planTried(given));
    const sharing =
      key.length === 0
        ? undefined
        : await at(request, query.name, () =>
            sharingOfQuery(database, { ...query, streams, catalog, parts, key }),
          );
    return { plan, sharing };
  };
  const wrong = new Set([
    ...(request.unknown ?? []),
    ...names.filter((name) => known.every((query) => query.name !== name)),
  ]);
  for (const query of inOrder(parsed, request, faults)) {
    // Of what reads it, only that would be told again.
    if (query.reads.some((name) => wrong.has(name))) {
      wrong.add(query.name);
      continue;
    }
    const found = await faults.attempt(() => planOf(query));
    if (found === undefined) {
      wrong.add(query.name);
      continue;
    }
    const { plan, sharing } = found;
    if (sharing !== undefined) parts.set(query.name, sharing.parts);
    const isView = plan.output.rowsInOrder !== undefined;
    await database.run(isView ? plan.setup : emptyTable(query.name, plan.output.columns));
    const output = onItsTime(plan.output);
    streams.set(query.name, output);
    const warnings = await tieWarnings(database, query.select, streams, catalog);
    planned.push({
      ...plan,
      output,
      reads: query.reads,
      sharedBecause: sharing?.why,
      onError: query.config.on_error,
      warnings,
      inputs: inputsOf(query.reads, request.sources, planned),
    });
  }
  return planned;
}

/** With `on_error: null` the query is another one; its state is that of the query as it is written. */
async function planTried(given: QueryRequest): Promise<Query & { readonly text: string }> {
  const { database, config, select, catalog } = given;
  const plan = await planQuery(given);
  if (config.on_error !== null) return { ...plan, text: config.sql };
  const names = plan.output.columns.map(({ name }) => name);
  const tried = await selectText(database, withTry(select, catalog, names));
  const request = { ...given, config: { ...config, sql: tried.text } };
  const trying = await planQuery({ ...request, select: await parseQuery(database, tried.text) });
  const isSame = sameTables(trying.states, plan.states);
  return {
    ...trying,
    setup: sql`${MIND_TRY}; ${trying.setup}`,
    text: tried.text,
    states: isSame ? plan.states : trying.states,
  };
}

function sameTables(a: readonly QueryState[], b: readonly QueryState[]): boolean {
  const namesOf = (states: readonly QueryState[]): string => states.map(({ table }) => table).join(" ");
  return namesOf(a) === namesOf(b);
}

/** The tables that hold the rows a query reads: a view's are those of what it looks at. */
function inputsOf(
  reads: readonly string[],
  sources: readonly Stream[],
  planned: readonly PlannedQuery[],
): readonly InputTable[] {
  const tables = new Map<string, InputTable>();
  for (const name of new Set(reads)) {
    const query = planned.find(({ output }) => output.name === name);
    const columns = (query?.output ?? sources.find((source) => source.name === name))?.columns;
    if (columns === undefined) continue;
    const own =
      query?.output.rowsInOrder === undefined
        ? [{ name, columns, isTemporary: query !== undefined }]
        : query.inputs;
    for (const table of own) tables.set(table.name, table);
  }
  return [...tables.values()];
}

function inOrder(parsed: readonly Parsed[], request: PlanRequest, faults: Faults): Parsed[] {
  const done = new Set(request.sources.map(({ name }) => name));
  const ordered: Parsed[] = [];
  while (ordered.length < parsed.length) {
    const ready = parsed.filter(
      (query) =>
        !done.has(query.name) &&
        query.reads.every((name) => done.has(name) || !parsed.some((other) => other.name === name)),
    );
    if (ready.length === 0) {
      const cycle = parsed.filter(({ name }) => !done.has(name)).map(({ name }) => name);
      faults.add(
        request.errorAt(
          ["queries", cycle[0] ?? ""],
          `queries read each other in a circle: ${cycle.join(", ")}`,
        ),
      );
      return ordered;
    }
    for (const query of ready) done.add(query.name);
    ordered.push(...ready);
  }
  return ordered;
}
