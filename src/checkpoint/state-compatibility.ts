/**
 * What the state in a checkpoint belongs to, and whether a job may go on with it: the state of a query fits
 * as long as its own definition and all that it reads mean what they meant. Everything else of a job may
 * change between two runs.
 */

import { createHash } from "node:crypto";
import type { Column, Database } from "../duckdb/database.ts";
import { literal, sql } from "../duckdb/sql.ts";
import { formatOf, type SourceShape } from "../ingest/source-reader.ts";
import type { LoadedJob } from "../job/load.ts";
import { queryConfig } from "../job/schema.ts";
import type { PlannedQuery, QueryState } from "../operators/query.ts";
import { resolveSource } from "../sources/list.ts";

/** Texts are shown to a person, without secrets; digests are of the texts as they are, and compared. */
interface SavedText {
  readonly text: string;
  readonly digest: string;
}

interface SavedSource {
  readonly kind: string;
  readonly format: SavedText;
  readonly columns: readonly Column[];
  readonly select: SavedText;
  readonly time: string | null;
  /** What stands between the values of a line; left out by older versions. */
  readonly layout?: SavedText;
}

interface SavedQuery {
  readonly sql: SavedText;
  readonly mode: string;
  readonly key: readonly string[];
  readonly reads: readonly string[];
  readonly states: readonly SavedState[];
  /** `lateness` and `state`, as the job says them; left out by older versions. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The batch that gives out the whole answer, as the text was another one before it. */
  readonly wholeIn?: number;
}

interface SavedState {
  readonly table: string;
  readonly definition: SavedText;
  /** Left out by older versions, which did not note what decides which rows a state has. */
  readonly rules?: Readonly<Record<string, SavedText>>;
}

/** Plain JSON: stands in the checkpoint. */
export interface SavedPlan {
  readonly sources: Readonly<Record<string, SavedSource>>;
  readonly queries: Readonly<Record<string, SavedQuery>>;
}

export interface Planned {
  readonly job: LoadedJob;
  readonly shapes: readonly SourceShape[];
  readonly queries: readonly PlannedQuery[];
}

/** With what becomes of the event time. */
function selectText({ select, epoch }: SourceShape["reading"]): string {
  if (epoch === undefined) return select.text;
  const { column, unit, as } = epoch.time;
  return `${select.text}, time: epoch_${unit}(${column})${as === undefined ? "" : ` AS ${as}`}`;
}

export async function savedPlan(database: Database, { job, shapes, queries }: Planned): Promise<SavedPlan> {
  const { config, withoutSecrets } = job;
  const saved = (text: string): SavedText => ({ text: withoutSecrets(text), digest: digestOf(text) });
  const sources = shapes.map(({ name, stream, reading, timeColumn }): [string, SavedSource] => {
    const source = config.sources[name];
    const pattern = source?.pattern;
    const format = source === undefined ? "" : formatOf(source).name;
    const zone = source?.timezone === undefined ? "" : ` in ${source.timezone}`;
    return [
      name,
      {
        kind: resolveSource(config.sources[name]?.from).kind.name,
        format: saved((pattern === undefined ? format : `${format} ${pattern}`) + zone),
        columns: stream.columns,
        select: saved(selectText(reading)),
        time: timeColumn ?? null,
        layout: saved(`log_format: ${source?.log_format ?? "-"}, delimiter: ${source?.delimiter ?? "-"}`),
      },
    ];
  });
  const savedQueries: Record<string, SavedQuery> = {};
  for (const { output, key, reads, states } of queries) {
    const query = config.queries[output.name];
    savedQueries[output.name] = {
      sql: saved(await canonical(database, query === undefined ? "" : queryConfig(query).sql)),
      mode: output.mode,
      key,
      reads: [...new Set(reads)].toSorted(),
      states: states.map(({ table, definition, rules }: QueryState) => ({
        table,
        definition: saved(definition),
        rules: Object.fromEntries(Object.entries(rules).map(([what, text]) => [what, saved(text)])),
      })),
      settings: settingsOf(query),
    };
  }
  return { sources: Object.fromEntries(sources), queries: savedQueries };
}

/** What a query's text does not say of which rows it takes. */
function settingsOf(query: LoadedJob["config"]["queries"][string] | undefined): Record<string, string> {
  const { lateness, state } = query === undefined ? {} : queryConfig(query);
  return {
    lateness: lateness === undefined ? "none" : `${lateness} ms`,
    state: state === undefined ? "bounded" : typeof state === "string" ? state : `keep: ${state.keep} ms`,
  };
}

/** One thing that is not what it was. */
interface Difference {
  /** Like `query clean` or `source ticks, select`. */
  readonly what: string;
  readonly was: string;
  readonly is: string;
}

/** A query that can't go on with the checkpoint, and why. */
export interface StateMismatch {
  readonly name: string;
  /** False where even a reset would not help. */
  readonly canReset: boolean;
  readonly reason: string;
  readonly differences: readonly Difference[];
}

interface Evolution {
  readonly misfits: readonly StateMismatch[];
  /** Queries whose state goes: reset, gone from the job, or no longer in need of one. */
  readonly dropped: readonly string[];
}

/** `resumed`: the sources that have been read before. `resets`: queries that begin anew. */
export function checkCompatibility(
  was: SavedPlan,
  is: SavedPlan,
  { resumed, resets }: { readonly resumed: readonly string[]; readonly resets: readonly string[] },
): Evolution {
  const hasState = (plan: SavedPlan, name: string): boolean => (plan.queries[name]?.states.length ?? 0) > 0;
  const stateful = Object.keys(was.queries).filter((name) => hasState(was, name));
  const dropped = stateful.filter((name) => resets.includes(name) || !hasState(is, name));
  const misfits = Object.entries(is.sources).flatMap(([name, { kind }]): StateMismatch[] => {
    const before = was.sources[name]?.kind;
    if (before === undefined || before === kind || !resumed.includes(name)) return [];
    const differences = [{ what: `source ${name}, kind`, was: before, is: kind }];
    const reason = "how far it was read is said in another kind's terms";
    return [{ name: `source ${name}`, canReset: false, reason, differences }];
  });
  for (const name of Object.keys(is.queries).filter((query) => hasState(is, query))) {
    if (resets.includes(name)) continue;
    if (hasState(was, name)) {
      const differences = differencesOf(was, is, name);
      if (differences.length > 0)
        misfits.push({ name, canReset: true, reason: "its state is of another plan", differences });
    } else if (sourcesOf(is, name).some((source) => resumed.includes(source))) {
      const reason = "it keeps state and is new here: it would begin in the middle of its input";
      misfits.push({ name, canReset: true, reason, differences: [] });
    }
  }
  return { misfits, dropped };
}

/**
 * What the state of a query depends on: its definition, what decides which rows it has, what it has given
 * out, and all that the streams it reads are made by.
 */
function differencesOf(was: SavedPlan, is: SavedPlan, name: string): readonly Difference[] {
  const [before, now] = [was.queries[name], is.queries[name]];
  if (before === undefined || now === undefined) return [];
  const upstream = [...new Set([...before.reads, ...now.reads])].flatMap((read) =>
    streamDifferences(was, is, read),
  );
  const own = queryDifferences(name, before, now);
  const rules = ruleDifferences(name, before, now);
  const isSame = statesOf(before) === statesOf(now) && rules.length === 0;
  if (isSame && !changesWhatWasGiven(before, now) && (hasRules(before) || own.length === 0))
    return unique(upstream);
  const texts = ({ states }: SavedQuery): string =>
    states.map(({ table, definition }) => `${table}: ${definition.text}`).join("; ");
  const kept = { what: `query ${name}, the state of this version`, was: texts(before), is: texts(now) };
  const isOfVersion = own.length + upstream.length + rules.length === 0;
  return unique([
    ...(isOfVersion ? [kept] : own),
    ...rules.filter((rule) => !isTold(rule, own)),
    ...upstream,
  ]);
}

/** Whether the query's text, which differs too, is all that such a rule says. */
function isTold({ what }: Difference, own: readonly Difference[]): boolean {
  return own.length > 0 && /(?:answers|joins)$/.test(what);
}

/** What names its rows, and whether they may change, for those who have what it has given out. */
function changesWhatWasGiven(before: SavedQuery, now: SavedQuery): boolean {
  if (before.mode !== now.mode) return true;
  return now.mode !== "append" && before.key.join("\0") !== now.key.join("\0");
}

function hasRules({ states }: SavedQuery): boolean {
  return states.every(({ rules }) => rules !== undefined);
}

/** In the states that are there before and now; a state of which nothing is noted tells nothing. */
function ruleDifferences(name: string, before: SavedQuery, now: SavedQuery): readonly Difference[] {
  return now.states.flatMap(({ table, rules = {} }) => {
    const former = before.states.find((state) => state.table === table)?.rules;
    if (former === undefined) return [];
    return [...new Set([...Object.keys(former), ...Object.keys(rules)])].flatMap((rule) =>
      difference(`query ${name}, what it ${rule}`, former[rule] ?? "-", rules[rule] ?? "-"),
    );
  });
}

/**
 * Queries in update mode that go on with their state and say something else of it: what they have given out
 * is of the text before.
 */
export function queriesToldAnew(was: SavedPlan, is: SavedPlan): readonly string[] {
  return Object.entries(is.queries).flatMap(([name, now]) => {
    const before = was.queries[name];
    const isChanged = before !== undefined && before.sql.digest !== now.sql.digest;
    return isChanged && now.mode !== "append" && now.states.length > 0 ? [name] : [];
  });
}

function statesOf({ states }: SavedQuery): string {
  return states
    .map(({ table, definition }) => `${table} ${definition.digest}`)
    .toSorted()
    .join("\n");
}

/** Queries with the same text, mode and key whose state is kept in another way than it was. */
export function queriesKeptOtherwise(was: SavedPlan, is: SavedPlan): readonly string[] {
  return Object.entries(is.queries).flatMap(([name, now]) => {
    const before = was.queries[name];
    if (before === undefined || before.states.length === 0 || statesOf(before) === statesOf(now)) return [];
    return queryDifferences(name, before, now).length === 0 ? [name] : [];
  });
}

/** Whether the rows of a stream mean what they meant. */
function streamDifferences(was: SavedPlan, is: SavedPlan, name: string): readonly Difference[] {
  const [sourceBefore, sourceNow] = [was.sources[name], is.sources[name]];
  if (sourceBefore !== undefined && sourceNow !== undefined)
    return [
      difference(`source ${name}, columns`, columnsText(sourceBefore), columnsText(sourceNow)),
      difference(`source ${name}, select`, sourceBefore.select, sourceNow.select),
      difference(`source ${name}, time`, sourceBefore.time ?? "-", sourceNow.time ?? "-"),
      difference(`source ${name}, format`, sourceBefore.format, sourceNow.format),
      ...(sourceBefore.layout === undefined || sourceNow.layout === undefined
        ? []
        : [difference(`source ${name}, layout`, sourceBefore.layout, sourceNow.layout)]),
    ].flat();
  const [before, now] = [was.queries[name], is.queries[name]];
  if (before === undefined || now === undefined) return difference(name, kindOf(was, name), kindOf(is, name));
  return [
    ...queryDifferences(name, before, now),
    ...[...new Set([...before.reads, ...now.reads])].flatMap((read) => streamDifferences(was, is, read)),
  ];
}

function queryDifferences(name: string, before: SavedQuery, now: SavedQuery): Difference[] {
  return [
    difference(`query ${name}`, before.sql, now.sql),
    difference(`query ${name}, mode`, before.mode, now.mode),
    difference(`query ${name}, key`, before.key.join(", "), now.key.join(", ")),
    ...Object.entries(now.settings ?? {}).map(([setting, is]) =>
      difference(`query ${name}, ${setting}`, before.settings?.[setting] ?? is, is),
    ),
  ].flat();
}

function difference(what: string, was: SavedText | string, is: SavedText | string): Difference[] {
  const [before, now] = [was, is].map((side) =>
    typeof side === "string" ? { text: side, digest: side } : side,
  );
  if (before === undefined || now === undefined || before.digest === now.digest) return [];
  const isHidden = before.text === now.text;
  return [{ what, was: before.text, is: isHidden ? `${now.text} (another value of a variable)` : now.text }];
}

function columnsText({ columns }: SavedSource): string {
  return columns.map(({ name, type }) => `${name} ${type}`).join(", ");
}

function kindOf(plan: SavedPlan, name: string): string {
  if (plan.sources[name] !== undefined) return "a source";
  return plan.queries[name] === undefined ? "not there" : "a query";
}

function sourcesOf(plan: SavedPlan, name: string): readonly string[] {
  const reads = plan.queries[name]?.reads;
  return reads === undefined ? [name] : reads.flatMap((read) => sourcesOf(plan, read));
}

function unique(differences: readonly Difference[]): readonly Difference[] {
  return [...new Map(differences.map((found) => [found.what, found])).values()];
}

/** Layout and comments say nothing. */
async function canonical(database: Database, text: string): Promise<string> {
  const row = await database.row(
    sql`SELECT json_deserialize_sql(json_serialize_sql(${literal(text)})) AS text`,
  );
  return String(row["text"]).replace(/;\s*$/, "");
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
