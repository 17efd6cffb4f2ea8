/** Runs a pipeline: channels first, then who empties them, then who fills them; and backwards at the end. */

import { mkdirSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { refuseOwned } from "../base/file-mark.ts";
import { type Lock, lockFile } from "../base/lock-file.ts";
import { logger } from "../base/log.ts";
import { durationMs } from "../base/units.ts";
import type { Channel } from "./channel/channel.ts";
import { openDurableChannel } from "./channel/durable.ts";
import { openMemoryChannel } from "./channel/memory.ts";
import type { EventWriter } from "./event-writer.ts";
import { groupOf, memberState } from "./groups/group.ts";
import { anyOrder, failover, roundRobin } from "./groups/orders.ts";
import type { Input } from "./inputs/input.ts";
import { intercepted } from "./interceptors/list.ts";
import { lazyOutput } from "./outputs/lazy.ts";
import type { Output, OutputContext } from "./outputs/output.ts";
import type { PipelinePlan, PlannedChannel, PlannedSink, PlannedSource } from "./plan.ts";
import { runPump } from "./pump.ts";
import { multiplexing, replicating } from "./selector.ts";

export interface RunOptions extends Pick<OutputContext, "stdout" | "kafka" | "baseFolder" | "env"> {
  readonly clock: Clock;
  /** From 0 on, below 1. */
  readonly random: () => number;
  /** Ends the inputs, and then everything else. */
  readonly stop: AbortSignal;
  /** What is there now is all. */
  readonly isBounded: boolean;
  /** Told where an input listens. */
  readonly say: (line: string) => void;
}

/** How long outputs may go on after a stop: what they have not delivered then stays where it is. */
const DRAIN_MS = 5000;
/**
 * How long whatever is under way then may take to come to its end: a receiver that does not answer must not
 * keep the process alive. What is left behind is as after a crash.
 */
const LEAVE_MS = 2000;

/** Resolves when all inputs have ended and all is delivered, or after `stop`. */
export async function runPipeline(plan: PipelinePlan, options: RunOptions): Promise<void> {
  const { clock, stop } = options;
  const channels = new Map<string, Channel>();
  const inputs: Input[] = [];
  const drained = new AbortController();
  const left = new AbortController();
  const pumps: Promise<void>[] = [];
  const outputs: Output[] = [];
  const stopped = whenAborted(stop);
  const isDrainTimeOver = whenAborted(drained.signal);
  const isLeft = isDrainTimeOver.then(() => clock.sleep(LEAVE_MS, left.signal));
  void stopped.then(() => clock.sleep(DRAIN_MS, drained.signal)).then(() => drained.abort());
  const locks: Lock[] = [];
  try {
    for (const sink of plan.sinks)
      for (const { kind, options: own } of sink.outputs) {
        const place = kind.place?.(own);
        if (place !== undefined) await refuseOwned(path.resolve(options.baseFolder, place));
      }
    for (const sink of plan.sinks)
      for (const [index, { kind }] of sink.outputs.entries())
        if (kind.isStaged === true) locks.push(lockStage(stageFolderOf(sink, index, plan, options)));
    for (const planned of plan.channels) channels.set(planned.name, await openChannel(planned, options));
    for (const sink of plan.sinks) {
      const channel = channels.get(sink.channel) as Channel;
      const output = outputOf(sink, channel, plan, options);
      outputs.push(output);
      pumps.push(runPump({ channel, output, clock, stop: drained.signal }));
    }
    const failed = Promise.all(pumps);
    failed.catch(() => {});
    for (const source of plan.sources) {
      if (options.isBounded && source.kind.listens === true) continue;
      const input = await openInput(source, channels, plan, options);
      inputs.push(input);
      if (input.address !== undefined) options.say(`streamkit: ${source.name} listens at ${input.address}`);
    }
    const neverEnds = failed.then(() => new Promise<void>(() => {}));
    await Promise.race([Promise.all(inputs.map(({ done }) => done)), stopped, neverEnds]);
    // Inputs that wait for room must not wait for ever.
    const closing = Promise.all(inputs.map((input) => input.close()));
    await Promise.race([closing, isDrainTimeOver, neverEnds]);
    for (const channel of channels.values()) channel.end();
    await Promise.race([failed, isLeft]);
  } finally {
    drained.abort();
    for (const channel of channels.values()) channel.end();
    await Promise.race([Promise.allSettled(pumps), isLeft]);
    const leave = (name: string, closing: Promise<unknown>): Promise<void> =>
      endedOrLeft(name, closing, clock);
    // A put that waits is let go by the channel's end.
    await Promise.all([...channels].map(([name, channel]) => leave(`Channel ${name}`, channel.close())));
    await Promise.all(inputs.map((input, index) => leave(plan.sources[index]?.name ?? "", input.close())));
    await Promise.all(outputs.map((output) => leave(output.name, output.close())));
    left.abort();
    for (const lock of locks) lock.unlock();
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Resolves when it is closed, and also when that fails or takes too long, which is said. */
async function endedOrLeft(name: string, closing: Promise<unknown>, clock: Clock): Promise<void> {
  const ended = new AbortController();
  const fails = closing.then(
    () => undefined,
    (error: unknown) => `can't be closed: ${messageOf(error)}`,
  );
  const late = clock.sleep(LEAVE_MS, ended.signal).then(() => "does not come to its end, and is left");
  const trouble = await Promise.race([fails, late]);
  ended.abort();
  if (trouble !== undefined) logger("collect").warn(`${name} ${trouble}`);
}

function stageFolderOf(
  { channel }: PlannedSink,
  index: number,
  { state }: PipelinePlan,
  { baseFolder }: RunOptions,
): string {
  return path.resolve(baseFolder, state, "sinks", `${encodeURIComponent(channel)}-${index}`);
}

/** Unfinished files of one process must not be finished by another one. */
function lockStage(folder: string): Lock {
  try {
    mkdirSync(folder, { recursive: true });
    return lockFile(path.join(folder, "lock"), (pid) => {
      const way = "give this pipeline a `state` of its own (with flags, a --channel DIR), or another folder";
      return new StreamkitError("io", `"${folder}" has unfinished files of process ${pid}: ${way}`);
    });
  } catch (error) {
    if (error instanceof StreamkitError) throw error;
    const reason = messageOf(error);
    throw new StreamkitError("io", `"${folder}" can't be written: ${reason}`, { cause: error });
  }
}

function openChannel(
  { folder, maxBytes }: PlannedChannel,
  { clock, baseFolder }: RunOptions,
): Promise<Channel> {
  return folder === undefined
    ? Promise.resolve(openMemoryChannel({ maxBytes }))
    : openDurableChannel({ folder: path.resolve(baseFolder, folder), maxBytes, clock });
}

function openInput(
  { name, kind, options, interceptors, channels: routes }: PlannedSource,
  channels: ReadonlyMap<string, Channel>,
  plan: PipelinePlan,
  { clock, baseFolder, isBounded }: RunOptions,
): Promise<Input> {
  const named = (names: readonly string[]): EventWriter[] =>
    names.flatMap((each) => channels.get(each) ?? []);
  const selector =
    "all" in routes
      ? replicating(named(routes.all))
      : multiplexing({
          header: routes.by,
          values: new Map([...routes.values].map(([value, names]) => [value, named(names)])),
          otherwise: named(routes.otherwise),
        });
  const context = { clock, host: ownHost(), uuid: () => crypto.randomUUID() };
  const intake = intercepted(
    interceptors.map((each) => each.kind.create(each.options, context)),
    selector,
  );
  const stateFolder = path.resolve(baseFolder, plan.state, "sources", encodeURIComponent(name));
  const isOwn = ownPlaces(plan, baseFolder);
  return kind.open(options, intake, { name, clock, baseFolder, stateFolder, isOwn, isBounded });
}

/**
 * Whether a file is one that the pipeline writes. A folder around everything, like `.`, says nothing of that:
 * there may be others' files in it.
 */
function ownPlaces({ state, channels, sinks }: PipelinePlan, baseFolder: string): (file: string) => boolean {
  const outputs = sinks.flatMap((sink) => sink.outputs);
  const written = [
    state,
    ...channels.flatMap(({ folder }) => folder ?? []),
    ...outputs.flatMap(({ kind, options }) => kind.place?.(options) ?? []),
  ]
    .map((place) => path.resolve(baseFolder, place))
    .filter((place) => !isWithin(path.resolve(baseFolder), place));
  return (file) => written.some((place) => isWithin(path.resolve(baseFolder, file), place));
}

function isWithin(file: string, place: string): boolean {
  return file === place || file.startsWith(`${place}${path.sep}`);
}

function outputOf(sink: PlannedSink, channel: Channel, plan: PipelinePlan, options: RunOptions): Output {
  const { clock, baseFolder, stdout, kafka, env } = options;
  const isAlone = sink.way === "one";
  const members = sink.outputs.map((output, index) => {
    const committed = isAlone ? channel.committed : memberState(channel.committed, index);
    const stageFolder = stageFolderOf(sink, index, plan, options);
    const context: OutputContext = { clock, stdout, baseFolder, kafka, env, committed, stageFolder };
    const open = (): Promise<Output> => output.kind.open(output.options, context);
    return lazyOutput({ name: output.name, open, ...(!isAlone && { unopened: { state: committed } }) });
  });
  const [only] = members;
  if (isAlone && only !== undefined) return only;
  const order =
    sink.way === "failover" ? failover : sink.way === "random" ? anyOrder(options.random) : roundRobin();
  const name = `${sink.way}(${members.map((member) => member.name).join(", ")})`;
  return groupOf(members, { name, clock, order, maxBackOffMs: durationMs(sink.backOff) ?? 0 });
}

function ownHost(): { readonly name: string; readonly address: string } {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const outside = all.find(({ internal, family }) => !internal && family === "IPv4");
  return { name: hostname(), address: outside?.address ?? "127.0.0.1" };
}
