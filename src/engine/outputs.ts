/** Which rows go to which sink, and to whoever watches. */

import { messageOf } from "../base/error.ts";
import type { Faults } from "../base/faults.ts";
import type { Column, Database } from "../duckdb/database.ts";
import type { ErrorAt, LoadedJob } from "../job/load.ts";
import type { OutputMode, SinkConfig } from "../job/schema.ts";
import { resolveSink } from "../sinks/list.ts";
import type { SinkInput, SinkKind } from "../sinks/sink.ts";
import { describeRow } from "../sql/of-one-row.ts";
import { withoutExcerpt } from "../sql/query-texts.ts";
import type { TimeBound } from "../sql/stream.ts";

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

/** The sinks of a job, and what they may read. */
export interface SinkEntries {
  readonly sinks: readonly SinkConfig[];
  readonly outputs: ReadonlyMap<string, Output>;
  readonly errorAt: ErrorAt;
  /** The job's, for paths. */
  readonly baseFolder: string;
}

/** The kind and options of a sink's entry. Throws code `job` at the entry, or at its `to`. */
export function checkEndpoint(
  config: SinkConfig,
  keyPath: readonly PropertyKey[],
  errorAt: ErrorAt,
): ReturnType<typeof resolveSink> {
  try {
    return resolveSink(config);
  } catch (error) {
    const isUrlOnly = Object.keys(config).every((key) => ["from", "to", "adopt"].includes(key));
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
  { sinks, outputs, errorAt, baseFolder }: SinkEntries,
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
    if (config.adopt !== undefined && kind.claim === undefined)
      throw errorAt(
        ["sinks", index, "adopt"],
        `adopt is for files and tables, which have an owner: ${kind.name} has none`,
      );
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
  { sinks, outputs, errorAt }: Omit<SinkEntries, "baseFolder">,
): Promise<void> {
  for (const [index, config] of sinks.entries()) {
    const output = outputs.get(config.from);
    if (output === undefined) continue;
    const { kind, options } = resolveSink(config);
    if (kind.probes === undefined) continue;
    for (const { keyPath, select } of kind.probes(options, sinkInputOf(output))) {
      try {
        await (keyPath.length > 0 ? describeRow(database, select) : database.describe(select));
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

/** Undefined where a sink has no place of its own. */
export function placeOf(kind: SinkKind, options: unknown): string | undefined {
  const target = kind.target(options);
  return target === undefined ? undefined : `${kind.name}:${target}`;
}

/** Its names, the same for each way to spell it. */
export function plainPlacesOf(kind: SinkKind, place: string, baseFolder: string): readonly string[] {
  const prefix = `${kind.name}:`;
  if (!place.startsWith(prefix)) return [place];
  const target = place.slice(prefix.length);
  const plain = kind.plainTargets?.(target, baseFolder) ?? [target];
  return plain.map((name) => `${prefix}${name}`);
}

export function sinkInputOf({ name, mode, key, columns }: Output): SinkInput {
  return { query: name, mode, key, columns };
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
