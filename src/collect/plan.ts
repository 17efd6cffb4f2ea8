/** A checked pipeline: every name resolved and every option parsed, and nothing opened. */

import path from "node:path";
import { JobError, StreamkitError } from "../base/error.ts";
import { sizeBytes } from "../base/units.ts";
import type { InputKind } from "./inputs/input.ts";
import { resolveInput } from "./inputs/list.ts";
import type { InterceptorKind } from "./interceptors/interceptor.ts";
import { interceptorKinds } from "./interceptors/list.ts";
import { type ResolvedOutput, resolveOutput } from "./outputs/list.ts";
import { type Pipeline, pipelineSchema, type SinkConfig } from "./pipeline-schema.ts";

interface PlannedInterceptor {
  readonly kind: InterceptorKind;
  readonly options: unknown;
}

export interface PlannedSource {
  readonly name: string;
  readonly kind: InputKind;
  readonly options: unknown;
  readonly interceptors: readonly PlannedInterceptor[];
  readonly channels:
    | { readonly all: readonly string[] }
    | {
        readonly by: string;
        readonly values: ReadonlyMap<string, readonly string[]>;
        readonly otherwise: readonly string[];
      };
}

export interface PlannedChannel {
  readonly name: string;
  readonly folder: string | undefined;
  readonly maxBytes: number;
}

export interface PlannedSink {
  readonly channel: string;
  readonly outputs: readonly ResolvedOutput[];
  readonly way: "one" | "failover" | "round_robin" | "random";
  readonly backOff: string;
}

export interface PipelinePlan {
  readonly name: string;
  readonly state: string;
  readonly sources: readonly PlannedSource[];
  readonly channels: readonly PlannedChannel[];
  readonly sinks: readonly PlannedSink[];
}

const MEMORY_BYTES = 64 * 2 ** 20;
const DISK_BYTES = 2 ** 30;
const LEAST_BYTES = 2 ** 20;

type ErrorAt = (keyPath: readonly string[], message: string) => JobError;

const errorAtKey: ErrorAt = (keyPath, message) => new JobError(message, { keyPath: keyPath.join(".") });

/** Throws code `job`, naming the key that is wrong; `errorAt` may know its line. */
export function planPipeline(file: unknown, errorAt: ErrorAt = errorAtKey): PipelinePlan {
  try {
    return planned(file);
  } catch (error) {
    throw error instanceof Wrong ? errorAt(error.keyPath, error.message) : error;
  }
}

function planned(file: unknown): PipelinePlan {
  const found = pipelineSchema.safeParse(file);
  if (!found.success) {
    const [issue] = found.error.issues;
    throw wrong((issue?.path ?? []).map(String).join("."), issue?.message ?? "it is not understood");
  }
  const pipeline = found.data;
  const channels = Object.entries(pipeline.channels).map(([name, channel]): PlannedChannel => {
    const isOnDisk = channel.folder !== undefined;
    const standard = isOnDisk ? DISK_BYTES : MEMORY_BYTES;
    const maxBytes = channel.max_bytes === undefined ? standard : sizeBytes(String(channel.max_bytes));
    if (maxBytes === undefined || maxBytes < LEAST_BYTES)
      throw wrong(
        `channels.${name}.max_bytes`,
        `must be a size of at least 1MiB, like 64MiB: found "${String(channel.max_bytes)}"`,
      );
    return { name, folder: channel.folder, maxBytes };
  });
  const known = channels.map(({ name }) => name);
  const sinks = pipeline.sinks.map((sink, index) => plannedSink(sink, index, known));
  for (const name of known) {
    const readers = sinks.filter(({ channel }) => channel === name).length;
    if (readers === 0)
      throw wrong(`channels.${name}`, "nothing is written from it: a sink with it is missing");
    if (readers > 1)
      throw wrong(
        "sinks",
        `channel "${name}" has ${readers} sinks, and one is right: give each sink a channel to get all ` +
          "events, or one sink load_balance to share them",
      );
  }
  const sources = Object.entries(pipeline.sources).map(([name, source]) =>
    plannedSource(name, source, known),
  );
  if (sources.length === 0) throw wrong("sources", "at least one is needed");
  const shared = twice(channels.flatMap(({ folder }) => folder ?? []));
  if (shared !== undefined) throw wrong("channels", `two have the folder "${shared}": each needs its own`);
  const written = twice(sinks.flatMap(({ outputs }) => outputs.flatMap(writtenFile)));
  if (written !== undefined)
    throw wrong("sinks", `two outputs write to "${written}", and would write over each other`);
  return { name: pipeline.name, state: pipeline.state, sources, channels, sinks };
}

/** What stands there more than once. */
function twice(places: readonly string[]): string | undefined {
  const all = places.map((place) => path.normalize(place));
  return all.find((place, index) => all.indexOf(place) < index);
}

/** What has a stage writes files of its own beside those of others. */
function writtenFile({ kind, options }: PlannedSink["outputs"][number]): readonly string[] {
  const place = kind.isStaged === true ? undefined : kind.place?.(options);
  return place === undefined ? [] : [place];
}

function plannedSource(
  name: string,
  source: Pipeline["sources"][string],
  known: readonly string[],
): PlannedSource {
  const key = `sources.${name}`;
  const check = (given: string | readonly string[], at: string): readonly string[] => {
    const all = typeof given === "string" ? [given] : given;
    const unknown = all.find((channel) => !known.includes(channel));
    if (unknown !== undefined)
      throw wrong(`${key}.${at}`, `there is no channel "${unknown}": there are ${known.join(", ")}`);
    return all;
  };
  const { channels = known } = source;
  const { kind, options } = at(`${key}.from`, () => resolveInput(source.from));
  return {
    name,
    kind,
    options,
    interceptors: source.interceptors.map((given, index) =>
      at(`${key}.interceptors.${index}`, () => plannedInterceptor(given)),
    ),
    channels:
      typeof channels === "string" || !("by" in channels)
        ? { all: check(channels, "channels") }
        : {
            by: channels.by,
            values: new Map(
              Object.entries(channels.values).map(([value, to]) => [
                value,
                check(to, `channels.values.${value}`),
              ]),
            ),
            otherwise:
              channels.otherwise === undefined ? [] : check(channels.otherwise, "channels.otherwise"),
          },
  };
}

/** Throws code `job`. */
function plannedInterceptor(given: string | Readonly<Record<string, unknown>>): PlannedInterceptor {
  const [name = "", ...more] = typeof given === "string" ? [given] : Object.keys(given);
  const kind = interceptorKinds.find((each) => each.name === name);
  if (kind === undefined || more.length > 0)
    throw new StreamkitError(
      "job",
      `one of ${interceptorKinds.map((each) => each.name).join(", ")} is expected: ` +
        `found ${JSON.stringify(given)}`,
    );
  const options = kind.options.safeParse(typeof given === "string" ? {} : (given[name] ?? {}));
  if (options.success) return { kind, options: options.data };
  const [issue] = options.error.issues;
  throw new StreamkitError("job", [name, ...(issue?.path ?? []), issue?.message].map(String).join(": "));
}

function plannedSink(sink: SinkConfig, index: number, known: readonly string[]): PlannedSink {
  const key = `sinks.${index}`;
  const channel = sink.from ?? (known.length === 1 ? known[0] : undefined);
  if (channel === undefined)
    throw wrong(`${key}.from`, `one of the channels ${known.join(", ")} is expected`);
  if (!known.includes(channel))
    throw wrong(`${key}.from`, `there is no channel "${channel}": there are ${known.join(", ")}`);
  const targets = sink.failover ?? sink.load_balance ?? [sink.to];
  const outputs = targets.map((target) => at(key, () => resolveOutput(target)));
  const way = sink.to !== undefined ? "one" : sink.failover !== undefined ? "failover" : sink.pick;
  return { channel, outputs, way, backOff: sink.back_off };
}

function at<T>(key: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof StreamkitError && error.code !== "bug") throw wrong(key, error.message);
    throw error;
  }
}

/** Until its line is known. */
class Wrong extends Error {
  readonly keyPath: readonly string[];

  constructor(key: string, message: string) {
    super(message);
    this.keyPath = key === "" ? [] : key.split(".");
  }
}

function wrong(key: string, message: string): Wrong {
  return new Wrong(key, message);
}
