/** When `tail` is more than files and outputs: what its flags, a pipeline file or a Flume agent stand for. */

import { readFileSync, type Stats, statSync } from "node:fs";
import path from "node:path";
import { parse, stringify } from "yaml";
import { messageOf, StreamkitError } from "../base/error.ts";
import { remarkLines } from "../collect/flume/report.ts";
import { translateFlume } from "../collect/flume/translate.ts";
import { loadPipeline } from "../collect/load-pipeline.ts";
import type { PipelineFile } from "../collect/pipeline-schema.ts";
import { type PipelinePlan, planPipeline } from "../collect/plan.ts";
import { runPipeline } from "../collect/run-pipeline.ts";
import type { Context } from "./context.ts";
import { readKafkaOptions } from "./kafka-options.ts";
import { checkOutput } from "./line-outputs.ts";

export interface PipelineFlags {
  readonly pipeline?: string;
  readonly flumeConf?: string;
  readonly flumeAgent?: string;
  readonly printPipeline?: boolean;
  readonly channel?: string;
  readonly channelSize?: string;
  readonly interceptor?: readonly string[];
  readonly route: string;
  readonly out?: readonly string[];
  readonly once?: boolean;
  readonly kafkaOptions?: string;
  readonly position?: string;
  readonly from?: string;
  readonly multiline?: string;
  readonly continued?: string;
  readonly header?: readonly string[];
  readonly encoding?: string;
  readonly maxLine: string;
}

export const FROM_START = "start";
export const MAX_LINE = "1MiB";

/** What a pipeline of flags reads: `{tail: {…}}`. */
export type TailInput = Readonly<Record<string, unknown>>;

export const ROUTES: ReadonlySet<string> = new Set(["all", "failover", "round-robin", "random"]);

/** Whether files and outputs alone do not say it all. */
export function needsPipeline(flags: PipelineFlags): boolean {
  const { pipeline, flumeConf, printPipeline, channel, interceptor, route, out = [] } = flags;
  const isPlain = (url: string): boolean =>
    url === "-" || url.startsWith("file:") || url.startsWith("kafka:");
  const { channelSize, flumeAgent } = flags;
  if (flumeAgent !== undefined && flumeConf === undefined)
    throw new StreamkitError("usage", "--flume-agent needs --flume-conf FILE");
  if (
    [pipeline, flumeConf, printPipeline, channel, channelSize, interceptor].some((flag) => flag !== undefined)
  )
    return true;
  return route !== "all" || !out.every(isPlain);
}

/** `tailInput` is asked for where the flags name files. */
export async function tailPipeline(
  flags: PipelineFlags,
  globs: readonly string[],
  tailInput: () => TailInput,
  context: Context,
): Promise<void> {
  const { plan, file, baseFolder } = planOf(flags, globs, tailInput, context);
  if (flags.printPipeline === true) return context.stdout.write(file);
  sayWhatIsNoFile(globs, context);
  await runPipeline(plan, {
    clock: context.clock,
    random: () => context.freshSeed() / 2 ** 31,
    stop: context.stop,
    isBounded: flags.once === true,
    say: context.say,
    stdout: context.stdout,
    kafka: readKafkaOptions(flags.kafkaOptions, context.env),
    env: context.env,
    baseFolder,
  });
}

/** Nothing would ever come of it, and nothing would say why. */
export function sayWhatIsNoFile(globs: readonly string[], { say }: Pick<Context, "say">): void {
  for (const glob of globs) {
    const stats = statsOf(glob);
    if (stats === undefined || stats.isFile()) continue;
    const what = stats.isDirectory()
      ? `a folder: its files are "${path.join(glob, "*")}"`
      : "no regular file";
    say(`streamkit: "${glob}" is ${what}`);
  }
}

function statsOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}

interface Planned {
  readonly plan: PipelinePlan;
  /** As YAML. */
  readonly file: string;
  readonly baseFolder: string;
}

function planOf(
  flags: PipelineFlags,
  globs: readonly string[],
  tailInput: () => TailInput,
  context: Context,
): Planned {
  const { pipeline, flumeConf } = flags;
  const given = [pipeline, flumeConf].filter((file) => file !== undefined);
  if (given.length + (globs.length > 0 ? 1 : 0) !== 1)
    throw new StreamkitError("usage", "Exactly one of GLOB…, --pipeline and --flume-conf is expected");
  if (pipeline !== undefined) {
    refuseBeside("--pipeline", flags);
    const file = textOf("--pipeline", pipeline);
    return { plan: loadPipeline(file, pipeline, context.env), file, baseFolder: path.dirname(pipeline) };
  }
  if (flumeConf !== undefined) {
    refuseBeside("--flume-conf", flags);
    const file = flumePipeline(flumeConf, flags, context);
    return { plan: planPipeline(file), file: stringify(file), baseFolder: "." };
  }
  for (const url of flags.out ?? []) checkOutput(url);
  const file = pipelineOfFlags(flags, tailInput());
  return { plan: planPipeline(file), file: stringify(file), baseFolder: "." };
}

/** What stands in the file can't be said beside it. */
function refuseBeside(flag: string, flags: PipelineFlags): void {
  const beside = Object.entries({
    "--channel": flags.channel,
    "--channel-size": flags.channelSize,
    "--interceptor": flags.interceptor,
    "--out": flags.out,
    "--route": flags.route === "all" ? undefined : flags.route,
    "--position": flags.position,
    "--from": flags.from === FROM_START ? undefined : flags.from,
    "--multiline": flags.multiline,
    "--continued": flags.continued,
    "--header": flags.header,
    "--encoding": flags.encoding,
    "--max-line": flags.maxLine === MAX_LINE ? undefined : flags.maxLine,
  });
  const [name] = beside.find(([, value]) => value !== undefined) ?? [];
  if (name !== undefined)
    throw new StreamkitError("usage", `${flag} and ${name} exclude each other: it stands in the file`);
}

function flumePipeline(name: string, { flumeAgent }: PipelineFlags, context: Context): PipelineFile {
  const text = textOf("--flume-conf", name);
  const { pipeline, refusals, notes } = translateFlume(text, { agent: flumeAgent, env: context.env });
  for (const line of remarkLines(name, notes)) context.say(`streamkit: ${line}`);
  if (refusals.length === 0) return pipeline;
  throw new StreamkitError(
    "job",
    ["Flume's configuration can't be run:", ...remarkLines(name, refusals)].join("\n"),
  );
}

function pipelineOfFlags(flags: PipelineFlags, tailInput: TailInput): PipelineFile {
  const { channel, channelSize, route, interceptor = [], out: urls = ["-"] } = flags;
  if (!ROUTES.has(route))
    throw new StreamkitError("usage", `--route must be ${[...ROUTES].join(", ")}: found "${route}"`);
  if (channelSize !== undefined && channel === undefined)
    throw new StreamkitError("usage", "--channel-size needs --channel DIR");
  // All of several outputs: each has a channel, so that none waits for another one.
  const names = route === "all" && urls.length > 1 ? urls.map((_url, index) => `out${index + 1}`) : ["main"];
  const folderOf = (name: string): string => path.join(channel ?? "", names.length === 1 ? "." : name);
  const channelOf = (name: string) => ({
    ...(channel !== undefined && { folder: folderOf(name) }),
    ...(channelSize !== undefined && { max_bytes: channelSize }),
  });
  return {
    name: "tail",
    ...(channel !== undefined && { state: path.join(channel, "state") }),
    sources: { files: { from: tailInput, interceptors: interceptor.map(interceptorOf) } },
    channels: Object.fromEntries(names.map((name) => [name, channelOf(name)])),
    sinks:
      route === "all"
        ? names.map((from, index) => ({ from, to: urls[index] ?? "-" }))
        : [sinkOf(route, urls)],
  };
}

function sinkOf(route: string, urls: readonly string[]): PipelineFile["sinks"][number] {
  if (route === "failover") return { failover: [...urls] };
  return { load_balance: [...urls], pick: route === "random" ? "random" : "round_robin" };
}

/** `timestamp`, or one entry of a pipeline file's list: `filter: {exclude: DEBUG}`. */
function interceptorOf(text: string): string | Record<string, unknown> {
  try {
    const parsed: unknown = parse(text);
    if (typeof parsed === "string") return parsed;
    if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  } catch (error) {
    throw new StreamkitError("usage", `--interceptor "${text}" is no YAML: ${messageOf(error)}`, {
      cause: error,
    });
  }
  throw new StreamkitError("usage", `--interceptor must be NAME or "NAME: {OPTION: VALUE}": found "${text}"`);
}

function textOf(flag: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new StreamkitError("usage", `${flag}: "${file}" can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
