/**
 * From the configuration of a Flume agent to a pipeline. What has no equivalent is refused, line by line: an
 * agent is run as it was meant, or not at all.
 */

import type { PipelineFile, SinkConfig } from "../pipeline-schema.ts";
import { channelOf } from "./channels.ts";
import { type Component, componentOf } from "./component.ts";
import { interceptorsOf } from "./interceptors.ts";
import { type Property, parseProperties } from "./properties.ts";
import { newReport, type Report, refuse } from "./report.ts";
import { targetOf } from "./sinks.ts";
import { inputsOf } from "./sources.ts";

export interface Translation extends Report {
  /** The agent's name. */
  readonly agent: string | undefined;
  /** To be run where nothing was refused. */
  readonly pipeline: PipelineFile;
}

export interface TranslateOptions {
  /** Needed where the file has several agents. */
  readonly agent?: string | undefined;
  /** What `${NAME}` and `${env:NAME}` stand for. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function translateFlume(text: string, { agent: wanted, env }: TranslateOptions): Translation {
  const report = newReport();
  const all = parseProperties(text).map((property) => substituted(property, env, report));
  const agents = [...new Set(all.map(({ key }) => key.split(".")[0] ?? ""))];
  const agent = wanted ?? (agents.length === 1 ? agents[0] : undefined);
  const nothing = { sources: {}, channels: {}, sinks: [] };
  if (agent === undefined || !agents.includes(agent)) {
    const what = wanted === undefined ? "which agent is meant must be said" : `there is no agent "${wanted}"`;
    const names = agents.length === 0 ? "the file has none" : `the file has ${agents.join(", ")}`;
    refuse(report, { line: 0, key: wanted ?? "agent" }, `${what}: ${names}`);
    return { ...report, agent, pipeline: nothing };
  }
  const properties = all.filter(({ key }) => key.startsWith(`${agent}.`));
  const pipeline = pipelineOf(agent, properties, report);
  return { ...report, agent, pipeline };
}

function pipelineOf(agent: string, properties: readonly Property[], report: Report): PipelineFile {
  const top = componentOf(agent, properties, report);
  const names = (kind: string): readonly string[] => top.words(kind);
  const one = (kind: string, name: string): Component =>
    componentOf(`${agent}.${kind}.${name}`, properties, report);
  const finished: Component[] = [];
  const begun = (kind: string, name: string): Component => {
    const component = one(kind, name);
    finished.push(component);
    return component;
  };

  const channels = Object.fromEntries(
    names("channels").map((name) => [name, channelOf(begun("channels", name))]),
  );
  const sources = Object.fromEntries(
    names("sources").flatMap((name) => sourceEntries(begun("sources", name), Object.keys(channels))),
  );
  const targets = new Map(
    names("sinks").map((name) => {
      const component = begun("sinks", name);
      return [
        name,
        { component, channel: component.needed("channel", "c1"), target: targetOf(component) },
      ] as const;
    }),
  );
  const grouped = new Set<string>();
  const sinks: SinkEntry[] = [];
  for (const name of names("sinkgroups")) {
    const component = begun("sinkgroups", name);
    const members = component.words("sinks");
    for (const member of members) grouped.add(member);
    const found = members.flatMap((member) => {
      const sink = targets.get(member);
      if (sink === undefined) component.refuse("sinks", `there is no sink "${member}"`);
      return sink ?? [];
    });
    sinks.push(...groupEntry(component, members, found));
  }
  const alone = [...targets].filter(([name]) => !grouped.has(name)).map(([, sink]) => sink);
  for (const channel of Object.keys(channels)) sinks.push(...aloneEntry(channel, alone));
  for (const { component, channel } of targets.values())
    if (channel !== "" && channels[channel] === undefined)
      component.refuse(
        "channel",
        `there is no channel "${channel}": there are ${Object.keys(channels).join(", ")}`,
      );
  for (const component of finished) component.finish();
  refuseStrays(agent, properties, finished, report);
  return { name: agent, sources, channels, sinks } as PipelineFile;
}

type Target = NonNullable<SinkConfig["to"]>;
type SinkEntry = NonNullable<PipelineFile["sinks"]>[number];

interface FlumeSink {
  readonly component: Component;
  readonly channel: string;
  readonly target: Target | undefined;
}

function sourceEntries(component: Component, known: readonly string[]): [string, unknown][] {
  const channels = component.words("channels");
  if (channels.length === 0) component.needed("channels", "c1");
  for (const channel of channels)
    if (!known.includes(channel))
      component.refuse("channels", `there is no channel "${channel}": there are ${known.join(", ")}`);
  const inputs = inputsOf(component);
  const interceptors = interceptorsOf(component);
  const way = selectorOf(component, channels);
  return inputs.map(({ suffix, from }) => [
    `${component.name}${suffix}`,
    { from, interceptors, channels: way },
  ]);
}

function selectorOf(component: Component, channels: readonly string[]): unknown {
  const type = component.text("selector.type")?.toLowerCase() ?? "replicating";
  const optional = component.below("selector.optional");
  if (component.text("selector.optional") !== undefined || optional.length > 0)
    component.note(
      "selector.optional",
      "an optional channel is one like the others: it is never passed over",
    );
  if (type === "replicating") return channels;
  if (type !== "multiplexing") {
    component.refuse("selector.type", `"${type}" has no equivalent: there are replicating and multiplexing`);
    component.below("selector");
    return channels;
  }
  const split = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== "");
  const values: Record<string, string[]> = {};
  for (const { name, value } of [...component.below("selector.mapping"), ...optional])
    values[name] = [...new Set([...(values[name] ?? []), ...split(value)])];
  const otherwise = split(component.text("selector.default") ?? "");
  return {
    by: component.text("selector.header") ?? "flume.selector.header",
    values,
    ...(otherwise.length > 0 && { otherwise }),
  };
}

function groupEntry(
  component: Component,
  members: readonly string[],
  sinks: readonly FlumeSink[],
): SinkEntry[] {
  const type = component.text("processor.type")?.toLowerCase() ?? "default";
  const channels = [...new Set(sinks.map(({ channel }) => channel))];
  if (channels.length > 1)
    component.refuse(
      "sinks",
      `its sinks have different channels, ${channels.join(" and ")}: one is right here`,
    );
  const priorities = new Map(
    component.below("processor.priority").map(({ name, value }) => [name, Number(value)]),
  );
  const maxMs =
    component.number("processor.maxpenalty") ?? component.number("processor.selector.maxTimeOut") ?? 30_000;
  const pick = component.text("processor.selector")?.toLowerCase() ?? "round_robin";
  if (component.flag("processor.backoff") === false)
    component.note("processor.backoff", "an output that fails is always left alone for a while");
  const back = { from: channels[0] ?? "", back_off: `${maxMs}ms` };
  const targetsOf = (names: readonly string[]): Target[] =>
    names.flatMap((name): Target[] => targetList(sinks[members.indexOf(name)]));
  if (type === "failover") {
    const inOrder = members.toSorted((a, b) => (priorities.get(b) ?? 0) - (priorities.get(a) ?? 0));
    return [{ ...back, failover: targetsOf(inOrder) }];
  }
  if (type === "load_balance") {
    if (pick !== "round_robin" && pick !== "random") {
      component.refuse("processor.selector", `"${pick}" has no equivalent: there are round_robin and random`);
      return [];
    }
    return [{ ...back, load_balance: targetsOf(members), pick }];
  }
  if (type !== "default")
    component.refuse("processor.type", `"${type}" has no equivalent: there are failover and load_balance`);
  if (members.length > 1) component.refuse("processor.type", "the default processor takes one sink");
  return targetsOf(members).map((to) => ({ from: channels[0] ?? "", to }));
}

/** None where it was refused. */
function targetList(sink: FlumeSink | undefined): Target[] {
  return sink?.target === undefined ? [] : [sink.target];
}

/** Flume lets several sinks share the events of a channel. */
function aloneEntry(channel: string, sinks: readonly FlumeSink[]): SinkEntry[] {
  const own = sinks.filter((sink) => sink.channel === channel);
  const targets = own.flatMap(targetList);
  const [only] = targets;
  if (only === undefined) return [];
  if (own.length === 1) return [{ from: channel, to: only }];
  own[0]?.component.note(
    "channel",
    `${own.length} sinks share channel "${channel}": each batch goes to one in turn`,
  );
  return [{ from: channel, load_balance: targets }];
}

const LISTS = ["sources", "channels", "sinks", "sinkgroups"];

/** What belongs to no component that is listed: Flume passes over it, and a person meant something by it. */
function refuseStrays(
  agent: string,
  properties: readonly Property[],
  listed: readonly Component[],
  report: Report,
): void {
  for (const property of properties) {
    const isList = LISTS.some((kind) => property.key === `${agent}.${kind}`);
    if (isList || listed.some(({ path }) => property.key.startsWith(`${path}.`))) continue;
    const [, kind = "", name = ""] = property.key.split(".");
    const isKind = LISTS.includes(kind);
    refuse(
      report,
      property,
      isKind
        ? `"${name}" is not in the list ${agent}.${kind}: add it there, or take the line away`
        : "is not known here: take the line away, if it doesn't matter",
    );
  }
}

/** `${NAME}` and `${env:NAME}`. */
function substituted(
  property: Property,
  env: Readonly<Record<string, string | undefined>>,
  report: Report,
): Property {
  const value = property.value.replaceAll(/\$\{(?:env:)?([^}]*)\}/g, (whole, name: string) => {
    const found = env[name];
    if (found === undefined) refuse(report, property, `the environment has no variable for "${whole}"`);
    return found ?? whole;
  });
  return { ...property, value };
}
