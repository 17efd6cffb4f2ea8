/** `streamkit simulate`: flags → the simulator → stdout and files. */

import { Command } from "commander";
import { StreamkitError } from "../base/error.ts";
import type { Fault } from "../simulate/faults.ts";
import { type Block, createGenerator } from "../simulate/generator.ts";
import {
  type SimulateOptions,
  type SimulateSettings,
  settingsOf,
  simulateOptions,
} from "../simulate/options.ts";
import { paceEvents } from "../simulate/pace.ts";
import type { Context } from "./context.ts";
import { type IdleRule, kafkaRule, refuseIdleFlags } from "./idle-flags.ts";
import { KAFKA_OPTIONS_HELP, readKafkaOptions } from "./kafka-options.ts";
import { checkOutput, type LineOutput, openFile, openOutput } from "./line-outputs.ts";
import { lineKeyOf } from "./simulate-keys.ts";
import { endedInTime } from "./stop-deadline.ts";

/** As commander gives them. */
type Flags = { readonly [key in OptionKey | "lateBy" | "truth" | "kafkaOptions"]?: string } & {
  readonly out?: readonly string[];
};

type OptionKey = Exclude<keyof typeof simulateOptions.shape, "kind">;

/** The flag of each option; what it does stands in the option's own description. */
const FLAGS: Readonly<Record<OptionKey, string>> = {
  rate: "--rate <n>",
  count: "--count <n>",
  for: "--for <duration>",
  symbols: "--symbols <n|A,B,C>",
  seed: "--seed <n>",
  start: "--start <time>",
  step: "--step <duration>",
  history: "--history <duration>",
  format: "--format <ndjson|csv|combined>",
  late: "--late <share>",
  late_by: "--late-by <duration>",
  duplicates: "--duplicates <share>",
  bad: "--bad <share>",
};

const HELP = `
Records:
  quotes     {"ts":"2026-01-05T14:30:00.123Z","symbol":"SYM0042","price":123.45,"volume":300}
  trades     {"ts":…,"id":7,"symbol":"SYM0042","side":"buy","price":1.23,"quantity":300,"account":"ACC00007"}
  access-log 192.0.2.7 - - [05/Jan/2026:14:30:00 +0000] "GET /sale HTTP/2.0" 200 21377 "-" "Mozilla/5.0 …"

Examples:
  A live market of ten symbols, 1000 quotes a second, until Ctrl-C:
    streamkit simulate quotes
  The same million quotes every time, as fast as possible, a second of event time each:
    streamkit simulate quotes --count 1000000 --rate 0 --seed 1 --start 2026-01-05 --step 1s > quotes.ndjson
  Two named shares for a minute, on stdout and in a file:
    streamkit simulate trades --symbols ACME,GLOBEX --for 1m --format csv --out - --out file:trades.csv
  A market forty times faster than the clock, whose first day is there at once:
    streamkit simulate quotes --rate 500 --start 2026-01-05T14:30:00Z --step 80ms --history 1d
  A messy stream whose faults are known: each line of truth.ndjson names a disturbed line, its offset, what
  was done to it ("late", "duplicate", "broken") and the event's own line:
    streamkit simulate quotes --late 0.02 --bad 0.001 --truth truth.ndjson | streamkit process
  To a topic, keyed by symbol (an access log by client):
    streamkit simulate trades --out kafka://127.0.0.1:9092/trades
  A day of a web shop's log, one request a second:
    streamkit simulate access-log --rate 0 --count 86400 --start 2026-01-05 --step 1s > access.log`;

export function simulateCommand(context: Context): Command {
  const command = new Command("simulate")
    .summary("generates quotes, trades or a web server's log")
    .description("Simulates a stream of events with realistic prices or requests.")
    .argument("<kind>", "quotes, trades or access-log");
  for (const [key, flag] of Object.entries(FLAGS) as [OptionKey, string][])
    command.option(flag, descriptionOf(key));
  return command
    .option("--truth <file>", "record the injected faults (late, duplicate and broken lines) here, as NDJSON")
    .option(
      "--out <url>",
      "where to write: - (stdout), file:PATH (replaced), kafka://HOST:PORT/TOPIC, tcp://HOST:PORT, " +
        "http://HOST/PATH, roll:FOLDER, null:; repeatable (default: -)",
      collect,
    )
    .option(
      "--kafka-options <file>",
      "YAML with tls, sasl and config for kafka:// outputs, with ${NAME} from the environment",
    )
    .addHelpText("after", `${HELP}\n${KAFKA_OPTIONS_HELP}`)
    .action((kind: string, flags: Flags, given: Command) => {
      const settings = settingsOfFlags(kind, flags);
      refuseIdleFlags(given, idleRules(flags));
      return endedInTime(simulate(settings, flags, context), context, STOP);
    });
}

function idleRules({ late, bad, duplicates, out = [] }: Flags): readonly IdleRule[] {
  const disturbs = [late, bad, duplicates].some((share) => share !== undefined);
  return [
    {
      when: late === undefined,
      flags: ["--late-by"],
      because: "without --late, the share of events that are",
    },
    {
      when: !disturbs,
      flags: ["--truth"],
      because: "where nothing is disturbed: --late, --bad and --duplicates do that",
    },
    kafkaRule(out),
  ];
}

/** A receiver that takes nothing keeps nobody from stopping. */
const STOP = { timeoutMs: 5000, what: "Writing what was simulated", outlook: "its last lines are missing" };

function descriptionOf(key: OptionKey): string {
  const field = simulateOptions.shape[key];
  const standard = simulateOptions.shape[key].safeParse(undefined).data;
  const suffix = standard === undefined || standard === 0 ? "" : ` (default: ${String(standard)})`;
  return `${field.description ?? ""}${suffix}`;
}

function collect(url: string, before: string[] | undefined): string[] {
  return [...(before ?? []), url];
}

async function simulate(settings: SimulateSettings, flags: Flags, context: Context): Promise<void> {
  const urls = flags.out ?? ["-"];
  for (const url of urls) checkOutput(url);
  const kafka = readKafkaOptions(flags.kafkaOptions, context.env);
  const key = lineKeyOf(settings);
  const opened: LineOutput[] = [];
  const keep = (output: LineOutput): LineOutput => {
    opened.push(output);
    return output;
  };
  try {
    const outputs: LineOutput[] = [];
    for (const url of urls) outputs.push(keep(await openOutput(url, context, { key, kafka })));
    const truth = flags.truth === undefined ? undefined : keep(openFile(flags.truth));
    await run(settings, outputs, truth, context);
  } catch (error) {
    // What went wrong is told, not what then can't be closed.
    await Promise.allSettled(opened.splice(0).map((output) => output.close()));
    throw error;
  }
  for (const output of opened) await output.close();
}

async function run(
  settings: SimulateSettings,
  outputs: readonly LineOutput[],
  truth: LineOutput | undefined,
  context: Context,
): Promise<void> {
  const generator = createGenerator(settings, { clock: context.clock, seed: context.freshSeed() });
  const write = async ({ bytes, faults }: Block): Promise<void> => {
    // The truth comes first: whoever has a line can look up what it is.
    if (faults.length > 0) await truth?.write(faults.map(truthLine).join(""));
    if (bytes.length > 0) for (const output of outputs) await output.write(bytes);
  };
  const header = generator.header();
  if (header !== undefined) for (const output of outputs) if (output.takesHeader) await output.write(header);
  for await (const block of paceEvents(generator, settings, { clock: context.clock, stop: context.stop }))
    await write(block);
  await write(generator.end());
}

function truthLine(fault: Fault): string {
  return `${JSON.stringify(fault)}\n`;
}

function settingsOfFlags(kind: string, flags: Flags): SimulateSettings {
  const options: Record<string, unknown> = { kind };
  for (const key of Object.keys(FLAGS) as OptionKey[]) {
    const text = flags[attributeOf(key)];
    if (text !== undefined) options[key] = valueOf(key, text);
  }
  const checked = simulateOptions.safeParse(options);
  if (checked.success) return settingsOf(options as SimulateOptions);
  const problems = checked.error.issues.map(({ path, message }) => `${flagOf(String(path[0]))} ${message}`);
  throw new StreamkitError("usage", problems.join("\n"));
}

/** Commander's name for the flag of an option. */
function attributeOf(key: OptionKey): Exclude<keyof Flags, "out"> {
  return key === "late_by" ? "lateBy" : key;
}

function flagOf(key: string): string {
  return key === "kind" ? "<kind>" : (FLAGS[key as OptionKey].split(" ")[0] ?? key);
}

const NUMBERS: ReadonlySet<OptionKey> = new Set([
  "rate",
  "count",
  "seed",
  "late",
  "duplicates",
  "bad",
  "symbols",
]);

/** Text that is no number is passed on as it is, for the schema to say so. */
function valueOf(key: OptionKey, text: string): unknown {
  if (NUMBERS.has(key) && /^(?:\d[\d_]*)?\.?\d+(?:e-?\d+)?$/i.test(text))
    return Number(text.replaceAll("_", ""));
  return key === "symbols" ? text.split(",") : text;
}
