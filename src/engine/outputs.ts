/** Which rows go to which sink, and to whoever watches. */

import { depthOfText, MAX_DEPTH, shown } from "../base/depth.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { readExactJson } from "../base/exact-json.ts";
import type { Faults } from "../base/faults.ts";
import { logger } from "../base/log.ts";
import { counted } from "../base/units.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { ErrorAt, LoadedJob } from "../job/load.ts";
import type { SinkConfig } from "../job/schema.ts";
import { jsonLines } from "../sinks/json-lines.ts";
import { resolveSink } from "../sinks/list.ts";
import type { Sink, SinkContext, SinkInput, SinkKind } from "../sinks/sink.ts";
import type { Json, OutputMode, QueryOutput, RowChange } from "./outcome.ts";
import { withoutExcerpt } from "./query-texts.ts";
import { CHECKPOINT, relation, type TimeBound } from "./stream.ts";

/** A relation that sinks may read. */
export interface Output {
  readonly name: string;
  /** The temporary table that holds the batch's rows. */
  readonly relation: string;
  readonly mode: OutputMode;
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  /** As in a stream; none where rows don't come in the order of time. */
  readonly sources: readonly string[];
  readonly times: ReadonlyMap<string, TimeBound>;
}

export interface OpenSink {
  /** Names the sink's position in the checkpoint: what it is and where it writes. */
  readonly id: string;
  /** The name that the first checkpoints gave it: by its place in the job's list. */
  readonly formerId: string;
  readonly output: Output;
  readonly sink: Sink;
}

export interface SinkRequest {
  readonly sinks: readonly SinkConfig[];
  readonly outputs: ReadonlyMap<string, Output>;
  readonly errorAt: ErrorAt;
  /** Positions of sinks in the checkpoint. */
  readonly saved: Readonly<Record<string, unknown>>;
  readonly database: Database;
  /** The job's, for paths. */
  readonly baseFolder: string;
  readonly contextOf: (
    input: SinkInput,
  ) => Omit<SinkContext, "committed" | "timeColumns" | "state" | "deadLetters">;
}

/** The kind and options of a sink's entry. Throws code `job` at the entry, or at its `to`. */
export function checkEndpoint(
  config: SinkConfig,
  keyPath: readonly PropertyKey[],
  errorAt: SinkRequest["errorAt"],
): ReturnType<typeof resolveSink> {
  try {
    return resolveSink(config);
  } catch (error) {
    const isUrlOnly = Object.keys(config).every((key) => key === "from" || key === "to");
    throw errorAt(
      isUrlOnly && config.to !== undefined ? [...keyPath, "to"] : keyPath,
      messageOf(error),
      error,
    );
  }
}

/**
 * What a sink's entry says, checked against the outputs, before anything is opened. `unknown`: names that are
 * wrong themselves.
 */
export async function checkSinks(
  { sinks, outputs, errorAt, baseFolder }: Omit<SinkRequest, "contextOf" | "saved" | "database">,
  unknown: ReadonlySet<string>,
  faults: Faults,
): Promise<void> {
  const taken = new Map<string, number>();
  const check = (config: SinkConfig, index: number): void => {
    if (unknown.has(config.from)) {
      checkEndpoint(config, ["sinks", index], errorAt);
      return;
    }
    const output = outputs.get(config.from);
    if (output === undefined)
      throw errorAt(
        ["sinks", index, "from"],
        `nothing is called "${config.from}": found ${[...outputs.keys()].join(", ")}`,
      );
    const { kind, options } = checkEndpoint(config, ["sinks", index], errorAt);
    const spelled = placeOf(kind, options);
    const places = spelled === undefined ? [] : plainPlacesOf(kind, spelled, baseFolder);
    const other = places.map((place) => taken.get(place)).find((found) => found !== undefined);
    if (other !== undefined)
      throw errorAt(["sinks", index], `sinks.${other} writes to the same place: give each its own`);
    for (const place of places) taken.set(place, index);
    if (kind.modes.includes(output.mode)) return;
    throw errorAt(
      ["sinks", index],
      `${kind.name} takes rows that never change, but "${output.name}" is in mode ${output.mode}: ` +
        "use append mode",
    );
  };
  for (const [index, config] of sinks.entries()) await faults.attempt(() => check(config, index));
}

/** For each sink what it warns of. The job's entries are known to be right. */
export async function sinkWarnings(
  database: Database,
  sinks: readonly SinkConfig[],
  outputs: ReadonlyMap<string, Output>,
): Promise<(readonly string[])[]> {
  const warnings: (readonly string[])[] = [];
  for (const config of sinks) {
    const { kind, options } = resolveSink(config);
    const output = outputs.get(config.from);
    const found = output === undefined ? [] : await kind.warnings?.(options, sinkInputOf(output), database);
    warnings.push(found ?? []);
  }
  return warnings;
}

/** The SQL in sinks' options. Throws code `job` with DuckDB's message where it is wrong. */
export async function probeSinks(
  database: Database,
  { sinks, outputs, errorAt }: Pick<SinkRequest, "sinks" | "outputs" | "errorAt">,
): Promise<void> {
  for (const [index, config] of sinks.entries()) {
    const output = outputs.get(config.from);
    if (output === undefined) continue;
    const { kind, options } = resolveSink(config);
    if (kind.probes === undefined) continue;
    for (const { keyPath, select } of kind.probes(options, sinkInputOf(output))) {
      try {
        await database.describe(select);
      } catch (error) {
        const place = config.to === undefined ? [kind.name, ...keyPath] : ["to"];
        throw errorAt(["sinks", index, ...place], withoutExcerpt(messageOf(error)), error);
      }
    }
  }
}

/** The names in a job's examples. Throws code `job`. */
export function checkTests(
  { config, errorAt }: Pick<LoadedJob, "config" | "errorAt">,
  outputs: ReadonlyMap<string, Output>,
): void {
  const sources = Object.keys(config.sources);
  config.tests.forEach(({ input, expect }, index) => {
    for (const name of Object.keys(input))
      if (!sources.includes(name))
        throw errorAt(
          ["tests", index, "input", name],
          `there is no source "${name}": found ${sources.join(", ")}`,
        );
    for (const name of Object.keys(expect))
      if (!outputs.has(name))
        throw errorAt(
          ["tests", index, "expect", name],
          `nothing is called "${name}": found ${[...outputs.keys()].join(", ")}`,
        );
  });
}

/** Opens sinks that `checkSinks` has let through. */
export async function openSinks(request: SinkRequest): Promise<OpenSink[]> {
  const opened: OpenSink[] = [];
  for (const [index, config] of request.sinks.entries()) {
    const output = request.outputs.get(config.from);
    if (output === undefined) throw new StreamkitError("bug", `No output ${config.from}`);
    const { kind, options } = resolveSink(config);
    const formerId = formerIdOf(`${config.from}/${kind.name}/`, index, request.saved);
    const sinkId = savedIdOf(kind, placeOf(kind, options), request) ?? formerId;
    const committed = request.saved[sinkId] ?? request.saved[formerId];
    try {
      const sink = await kind.open(options, {
        ...request.contextOf(sinkInputOf(output)),
        committed,
        timeColumns: [...output.times.keys()],
        state: (name) => stateTable(name, sinkId),
        deadLetters: id(relation.deadLetters),
      });
      opened.push({ id: sinkId, formerId, output, sink });
    } catch (error) {
      throw error instanceof StreamkitError && error.code === "job"
        ? request.errorAt(["sinks", index], error.message, error)
        : error;
    }
  }
  await warnOfWaiting(request, opened);
  return opened;
}

/** Rows that wait for a place which the job doesn't write to any more. */
async function warnOfWaiting({ database, saved }: SinkRequest, opened: readonly OpenSink[]): Promise<void> {
  for (const name of Object.keys(saved)) {
    if (opened.some((sink) => sink.id === name || sink.formerId === name)) continue;
    const rowsIn = (count: Sql, table: string): Promise<number> =>
      database.row(sql`SELECT ${count} AS rows FROM ${stateTable(table, name)}`).then(
        ({ rows }) => Number(rows ?? 0),
        () => 0,
      );
    const count = (await rowsIn(raw("count(*)"), "rows")) + (await rowsIn(raw("sum(rows)"), "files"));
    if (count > 0)
      logger("engine").warn(
        `${counted(count, "row")} wait in the checkpoint for ${name}, which is no sink of the job now: ` +
          "they are written when it is one again",
      );
  }
}

function stateTable(name: string, sinkId: string): Sql {
  return id(CHECKPOINT, `sink_${name}_${sinkId}`);
}

/** Where a query had only one sink of a kind, its place in the list says nothing. */
function formerIdOf(prefix: string, index: number, saved: SinkRequest["saved"]): string {
  const candidates = Object.keys(saved).filter((name) => name.startsWith(prefix));
  return candidates.length === 1 && candidates[0] !== undefined ? candidates[0] : `${prefix}${index}`;
}

function placeOf(kind: SinkKind, options: unknown): string | undefined {
  const target = kind.target(options);
  return target === undefined ? undefined : `${kind.name}:${target}`;
}

function plainPlacesOf(kind: SinkKind, place: string, baseFolder: string): readonly string[] {
  const prefix = `${kind.name}:`;
  if (!place.startsWith(prefix)) return [place];
  const target = place.slice(prefix.length);
  const plain = kind.plainTargets?.(target, baseFolder) ?? [target];
  return plain.map((name) => `${prefix}${name}`);
}

/** A place has the name in the checkpoint under which it is there first, however the job spells it now. */
function savedIdOf(kind: SinkKind, place: string | undefined, request: SinkRequest): string | undefined {
  const { saved, baseFolder } = request;
  if (place === undefined || Object.hasOwn(saved, place)) return place;
  const plain = new Set(plainPlacesOf(kind, place, baseFolder));
  const isSame = (name: string): boolean =>
    plainPlacesOf(kind, name, baseFolder).some((one) => plain.has(one));
  return Object.keys(saved).find(isSame) ?? place;
}

function sinkInputOf({ name, mode, key, columns }: Output): SinkInput {
  return { query: name, mode, key, columns };
}

/** Observers are shown the last rows of a query and batch, so many of them: sinks are for all. */
const MAX_OBSERVED_ROWS = 2000;

/** A batch's rows as JSON values. */
export async function observedRows(
  database: Database,
  output: Output,
  batch: { readonly id: number; readonly rows: number },
): Promise<QueryOutput> {
  const changes: RowChange[] = [];
  const input = sinkInputOf(output);
  if (batch.rows > 0) {
    const rows = { ...batch, relation: output.relation };
    const last = { maxRows: MAX_OBSERVED_ROWS };
    for await (const block of jsonLines(database, input, rows, "wrapped", last)) {
      for (const line of block.trimEnd().split("\n")) {
        const { op, row } = readExactJson(line) as { op?: RowChange["op"]; row: Record<string, Json> };
        changes.push({ op: op ?? "upsert", row: depthOfText(line) > MAX_DEPTH ? shownRow(row) : row });
      }
    }
  }
  return {
    query: output.name,
    mode: output.mode,
    key: output.key,
    columns: output.columns,
    changes,
    omittedRows: Math.max(0, batch.rows - changes.length),
  };
}

function shownRow(row: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shown(value)]));
}

/** Relations for rows that are no query's: dead letters, and late rows of each source. */
export const DEAD_LETTER_COLUMNS: readonly Column[] = [
  { name: "source", type: "VARCHAR" },
  { name: "origin", type: "VARCHAR" },
  { name: "byte_offset", type: "BIGINT" },
  { name: "line", type: "VARCHAR" },
  { name: "reason", type: "VARCHAR" },
  { name: "batch", type: "BIGINT" },
  // Of a row that a query fails on; `line` is the row as JSON then.
  { name: "query", type: "VARCHAR" },
];
