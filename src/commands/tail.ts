/** `streamkit tail`: follows files and writes their lines on. */

import { existsSync, fstatSync, statSync } from "node:fs";
import { Command } from "commander";
import { StreamkitError } from "../base/error.ts";
import type { Lock } from "../base/lock-file.ts";
import { counted, sizeFlagBytes } from "../base/units.ts";
import { type Follower, openFollower } from "../tail/follower.ts";
import { keyOf, type Listed, openGlobs } from "../tail/listing.ts";
import { refuseMissing } from "../tail/missing.ts";
import { cutOptionsOf } from "../tail/options.ts";
import type { EventOutput } from "../tail/output.ts";
import {
  isOfPositionFile,
  lockPositionFile,
  readPositionFile,
  writePositionFile,
} from "../tail/position-file.ts";
import { openWake } from "../tail/wake.ts";
import type { Context } from "./context.ts";
import { openEventOutput } from "./event-outputs.ts";
import { type IdleRule, kafkaRule, refuseIdleFlags } from "./idle-flags.ts";
import { KAFKA_OPTIONS_HELP, readKafkaOptions } from "./kafka-options.ts";
import { checkOutput } from "./line-outputs.ts";
import { endedInTime } from "./stop-deadline.ts";
import { PIPELINE_HELP } from "./tail-help.ts";
import {
  FROM_START,
  MAX_LINE,
  needsPipeline,
  type PipelineFlags,
  ROUTES,
  sayWhatIsNoFile,
  type TailInput,
  tailPipeline,
} from "./tail-pipeline.ts";

const HELP = `
Files are followed through rotation by renaming, by copying and truncating, and by gzip, also while streamkit
is down: a file is identified by device, inode and content, not by name. Rotated files are read to their end
first. Only whole lines are written; an incomplete last line waits for its line feed, also until the next run,
unless the file has been rotated away and no longer changes. With --once and no --position, it is written.

Nothing is lost, and little is repeated: with --position, a position is saved once every --out has what was
read before it (a file is synced, a broker has acknowledged, stdout was written). After kill -9, up to one
second of lines is written again. A job with a tail: source has every line exactly once.

Examples:
  A log as it is written:
    streamkit tail /var/log/nginx/access.log
  All logs of a folder to Kafka, keyed by file, and on from there after a restart:
    streamkit tail "/var/log/app/*.log*" --position app.position --out kafka://127.0.0.1:9092/logs
  Stack traces as one event each; a line that begins with a date begins an event:
    streamkit tail app.log --multiline "^\\d{4}-" --out kafka://127.0.0.1:9092/logs
  What is there now, and no more; the next run goes on from there:
    streamkit tail "*.log" --position my.position --once > new.log`;

export function tailCommand(context: Context): Command {
  return new Command("tail")
    .summary("follows growing files through rotation and restarts")
    .description(
      "Follows growing files and writes their lines to stdout, files, Kafka topics and other outputs.",
    )
    .argument("[glob...]", "files to follow, as paths or globs like '/var/log/*.log'")
    .option("--position <file>", "save the position in each file here, and continue from it")
    .option("--from <start|end>", "where to start in files that exist at the first start", FROM_START)
    .option(
      "--out <url>",
      "where to write: - (stdout), file:PATH (appended to), kafka://HOST:PORT/TOPIC, tcp://HOST:PORT, " +
        "http://HOST/PATH, roll:FOLDER and others below; repeatable (default: -)",
      collect,
    )
    .option("--multiline <regex>", "multi-line events: a matching line starts a new event")
    .option("--continued <regex>", "multi-line events: a matching line continues the event before it")
    .option(
      "--header <name=value>",
      "a header for every event, for outputs that have headers; repeatable",
      collect,
    )
    .option(
      "--encoding <name>",
      "the files' encoding, like utf-16le or latin1 (default: bytes are passed on unchanged)",
    )
    .option("--max-line <size>", "cut longer lines at this size and mark them", MAX_LINE)
    .option("--once", "read what is there now, then stop")
    .option(
      "--kafka-options <file>",
      "YAML with tls, sasl and config for kafka:// outputs, with ${NAME} from the environment",
    )
    .option("--channel <dir>", "buffer events here, on disk, while a receiver is slow or unavailable")
    .option("--channel-size <size>", "reading pauses when the channel holds this much (default: 1GiB)")
    .option("--interceptor <yaml>", "change or filter events before they are written; repeatable", collect)
    .option("--route <way>", "with several --out: all, failover, round-robin or random", "all")
    .option("--pipeline <file>", "a pipeline of inputs, channels and outputs, in YAML")
    .option("--flume-conf <file>", "run a Flume agent's .properties file as a pipeline")
    .option("--flume-agent <name>", "which agent, if the file has several")
    .option("--print-pipeline", "print the pipeline without running it")
    .addHelpText("after", `${HELP}\n${PIPELINE_HELP}\n${KAFKA_OPTIONS_HELP}`)
    .action((globs: readonly string[], flags: PipelineFlags, given: Command) => {
      refuseIdleFlags(given, idleRules(flags));
      if (needsPipeline(flags)) return tailPipeline(flags, globs, () => tailInput(globs, flags), context);
      if (globs.length > 0) return endedInTime(tail(globs, flags, context), context, STOP);
      throw new StreamkitError(
        "usage",
        "What to read is missing: GLOB…, --pipeline FILE or --flume-conf FILE",
      );
    });
}

/** What is wrong in itself is told where it is read. */
function idleRules(flags: PipelineFlags): readonly IdleRule[] {
  const { pipeline, flumeConf, interceptor, out = ["-"], route, header = [] } = flags;
  const isInFile = pipeline !== undefined || flumeConf !== undefined;
  const kafka = kafkaRule(out);
  const isPlain = out.every((url) => url === "-" || url.startsWith("file:"));
  return [
    { ...kafka, when: kafka.when && !isInFile },
    {
      when: !isInFile && out.length < 2 && ROUTES.has(route),
      flags: ["--route"],
      because: "with one --out: it says how several are used",
    },
    {
      when: !isInFile && interceptor === undefined && isPlain && header.every((text) => text.includes("=")),
      flags: ["--header"],
      because: "on stdout and in file:, where lines have no headers",
    },
  ];
}

/** A receiver that does not answer keeps nobody from stopping. */
const STOP = {
  timeoutMs: 5000,
  what: "Writing what was read",
  outlook: "with --position, it comes again at the next start",
};

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

async function tail(patterns: readonly string[], flags: PipelineFlags, context: Context): Promise<void> {
  const urls = flags.out ?? ["-"];
  for (const url of urls) checkOutput(url);
  const kafka = readKafkaOptions(flags.kafkaOptions, context.env);
  const { clock } = context;
  const globs = openGlobs(patterns, ".", () => clock.nowMs());
  const settings = settingsOf(flags);
  const outputs: EventOutput[] = [];
  let follower: Follower | undefined;
  const wake = openWake(flags.once === true ? [] : globs.folders, clock, (file) => follower?.noticed(file));
  let lock: Lock | undefined;
  try {
    lock = flags.position === undefined ? undefined : lockPositionFile(flags.position);
    const positions = flags.position === undefined ? undefined : readPositionFile(flags.position);
    const found = await globs.list();
    sayWhatIsNoFile(patterns, context);
    if (flags.once === true && positions === undefined) refuseMissing(patterns, ".", found);
    for (const url of urls)
      outputs.push(await openEventOutput(url, context, { kafka, goesOn: positions !== undefined }));
    if (found.length === 0)
      context.say(
        `streamkit: no file matches ${patterns.map((pattern) => `"${pattern}"`).join(", ")}` +
          (flags.once === true ? "" : " yet"),
      );
    follower = openFollower({
      ...settings,
      globs,
      clock,
      positions,
      isBounded: flags.once === true,
      isOwn: ownFiles(urls, flags.position),
      endsLines: flags.once === true && flags.position === undefined,
      notify: () => wake.notify(),
    });
    await follow(
      follower,
      outputs,
      { position: flags.position, sleep: wake.sleep, once: flags.once },
      context,
    );
  } catch (error) {
    // What went wrong is told, not what then can't be closed.
    await Promise.allSettled(outputs.splice(0).map((output) => output.close()));
    throw error;
  } finally {
    follower?.close();
    wake.close();
    lock?.unlock();
  }
  for (const output of outputs) await output.close();
}

/** How often positions are kept, at most. */
const KEEP_MS = 1000;
/** Between two turns of the event loop, where signals and news come in. */
const TURN_MS = 20;
const BLOCK_BYTES = 1_048_576;

interface Way {
  readonly position: string | undefined;
  readonly sleep: (durationMs: number, signal: AbortSignal) => Promise<void>;
  readonly once: boolean | undefined;
}

/** Reads and writes until it is stopped; what was written is settled and kept when it returns. */
async function follow(
  follower: Follower,
  outputs: readonly EventOutput[],
  { position, sleep, once }: Way,
  { clock, stop, say }: Context,
): Promise<void> {
  const limit = { maxBytes: BLOCK_BYTES, maxEvents: Number.POSITIVE_INFINITY };
  let keptAtMs = Number.NEGATIVE_INFINITY;
  let turnedAtMs = clock.monotonicMs();
  let isKept = position === undefined || existsSync(position);
  let cutLines = 0;
  const keep = async (): Promise<void> => {
    for (const output of outputs) await output.settle();
    if (position !== undefined) await writePositionFile(position, follower.positions());
    keptAtMs = clock.monotonicMs();
    isKept = true;
  };
  while (!stop.aborted) {
    const block = await follower.next(limit);
    if (block !== undefined) {
      isKept = false;
      for (const output of outputs) await output.write(block);
    }
    cutLines += follower.takeCutLines();
    const nowMs = clock.monotonicMs();
    if (!isKept && nowMs - keptAtMs >= KEEP_MS) await keep();
    if (block !== undefined) {
      if (nowMs - turnedAtMs >= TURN_MS) await clock.sleep(0);
      if (nowMs - turnedAtMs >= TURN_MS) turnedAtMs = clock.monotonicMs();
      continue;
    }
    if (once === true && follower.isDrained()) break;
    const untilKeptMs = isKept ? Number.POSITIVE_INFINITY : keptAtMs + KEEP_MS - nowMs;
    await sleep(Math.max(1, Math.min(follower.pauseMs(), untilKeptMs)), stop);
    turnedAtMs = clock.monotonicMs();
  }
  await keep();
  if (cutLines > 0) say(`streamkit: ${counted(cutLines, "line")} longer than --max-line were cut`);
}

const STDOUT = 1;

/** Our outputs and the position file may stand where the globs look. */
function ownFiles(urls: readonly string[], position: string | undefined): (listed: Listed) => boolean {
  const stats = urls.flatMap((url) => {
    if (url === "-") return fstatSync(STDOUT, { bigint: true });
    return url.startsWith("file:") ? statSync(url.slice("file:".length), { bigint: true }) : [];
  });
  const keys = new Set(stats.map(keyOf));
  return (listed) =>
    keys.has(listed.key) || (position !== undefined && isOfPositionFile(listed.path, position));
}

/** The same as an input of a pipeline. */
function tailInput(globs: readonly string[], flags: PipelineFlags): TailInput {
  const { from, headers } = settingsOf(flags);
  const { multiline, continued, encoding, position, channel } = flags;
  const lines =
    multiline !== undefined
      ? { starts: multiline }
      : continued !== undefined
        ? { continues: continued }
        : undefined;
  // Behind a channel on disk, positions are kept beside it.
  const kept = position ?? (channel === undefined ? "" : undefined);
  return {
    tail: {
      path: [...globs],
      from,
      max_line: flags.maxLine,
      ...(lines !== undefined && { multiline: lines }),
      ...(encoding !== undefined && { encoding }),
      ...(kept !== undefined && { position: kept }),
      ...(Object.keys(headers).length > 0 && { headers }),
    },
  };
}

function settingsOf(flags: PipelineFlags) {
  const { from, multiline, continued } = flags;
  if (from !== "start" && from !== "end")
    throw new StreamkitError("usage", `--from must be start or end: found "${String(from)}"`);
  if (multiline !== undefined && continued !== undefined)
    throw new StreamkitError("usage", "--multiline and --continued exclude each other");
  const cut = cutOptionsOf({
    encoding: flags.encoding,
    max_line: sizeFlagBytes("--max-line", flags.maxLine),
    multiline:
      multiline !== undefined
        ? { starts: multiline }
        : continued !== undefined
          ? { continues: continued }
          : undefined,
  });
  return { ...cut, from, headers: Object.fromEntries((flags.header ?? []).map(headerOf)) } as const;
}

function headerOf(text: string): readonly [string, string] {
  const equals = text.indexOf("=");
  if (equals < 1) throw new StreamkitError("usage", `--header must be NAME=VALUE: found "${text}"`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}
