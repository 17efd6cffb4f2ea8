/**
 * From the process to a command and back: context in, exit code out. The only place that ends the process.
 */

import { isatty } from "node:tty";
import { Command, CommanderError } from "commander";
import { systemClock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { configureLogging, logger } from "../base/log.ts";
import { withoutUrlSecrets } from "../base/redact.ts";
import { steadyClock } from "../base/steady-clock.ts";
import { type ByteOutput, fdOutput, isPipe } from "../runtime/stdio.ts";
import { versionText } from "../runtime/version.ts";
import { saidAbove } from "../terminal/region.ts";
import { isStyledBy } from "../terminal/style.ts";
import { shownWords } from "../terminal/text.ts";
import type { Context } from "./context.ts";
import { refuseMoreArguments } from "./more-arguments.ts";

const EXIT_OK = 0;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_OF_SIGNAL: Readonly<Record<string, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143,
};

/** Builds the program with `addCommands`, runs the command line, and exits with the contract's code. */
export async function runProgram(addCommands: (program: Command, context: Context) => void): Promise<never> {
  const context = processContext();
  configureLogging("info", context.say);
  const program = programOf(addCommands, context);
  try {
    await program.parseAsync(withUsualVersion(withCommentsAsText(process.argv)));
    process.exit(exitCodeOfStop(context.stop));
  } catch (error) {
    process.exit(exitCodeOf(error, context));
  }
}

const HELP = `
Start here:
  streamkit demo                                    everything at once, in a browser
  streamkit simulate quotes | streamkit process     candles as a live table
  streamkit process --in FILE --once --sql "SELECT count(*) AS n FROM input"
  streamkit COMMAND --help                          what a command takes, with examples
  streamkit help TOPIC                              the manual; streamkit help lists its topics`;

/** The program with its commands, which throws where it would exit. */
export function programOf(
  addCommands: (program: Command, context: Context) => void,
  context: Context,
): Command {
  const program = new Command("streamkit")
    .description(
      "Stream processing on one machine: simulate or collect, aggregate with SQL, store, watch live",
    )
    .version(versionText(), "-V, --version", "print the versions of streamkit and of what is inside")
    .showHelpAfterError("(add --help for what it takes)")
    .showSuggestionAfterError(true)
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, "streamkit: ")),
    })
    .addHelpText("after", HELP)
    .helpCommand(false)
    .exitOverride();
  refuseMoreArguments(program);
  addCommands(program, context);
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program);
  return program;
}

/** A query that begins with a comment is no flag, though it begins as one does: no flag has a blank in it. */
function withCommentsAsText([program = "", script = "", command, ...args]: readonly string[]): string[] {
  const texts = args.map((arg) => (command === "query" && /^--[^=\n]*\s/.test(arg) ? `\n${arg}` : arg));
  return [program, script, ...(command === undefined ? [] : [command]), ...texts];
}

/** Half the programs there are tell their version at -v. */
function withUsualVersion(words: readonly string[]): string[] {
  return words.map((word, index) => (index === 2 && word === "-v" ? "-V" : word));
}

function exitCodeOfStop(stop: AbortSignal): number {
  return stop.aborted ? (EXIT_OF_SIGNAL[String(stop.reason)] ?? EXIT_OK) : EXIT_OK;
}

function exitCodeOf(error: unknown, context: Context): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  if (error instanceof StreamkitError) {
    if (error.code === "closed_pipe") return EXIT_OK;
    context.say(`streamkit: ${error.message}`);
    if (error.code === "stopped") return exitCodeOfStop(context.stop);
    if (error.code === "bug") context.say(error.stack ?? "");
    return error.code === "usage" || error.code === "job" ? EXIT_USAGE : EXIT_FAILED;
  }
  context.say(`streamkit: ${messageOf(error)}`);
  // What the system refuses (a folder that is read-only, say) is no fault of ours.
  const isOfSystem = error instanceof Error && "syscall" in error;
  if (error instanceof Error && error.stack !== undefined && !isOfSystem) context.say(error.stack);
  return EXIT_FAILED;
}

/** A terminal that can't move its cursor is none to us: it gets what a pipe gets. */
function terminalOutput(fd: 1 | 2): ByteOutput {
  const isTerminal = isatty(fd) && process.env["TERM"] !== "dumb";
  return {
    ...fdOutput(fd, isTerminal),
    isStyled: isStyledBy(process.env, isTerminal),
    size: () => {
      const { columns, rows } = fd === 1 ? process.stdout : process.stderr;
      return { columns, rows };
    },
  };
}

function processContext(): Context {
  const stop = new AbortController();
  for (const signal of Object.keys(EXIT_OF_SIGNAL)) {
    process.on(signal, () => {
      // The second one means it: whoever is in the middle of a batch is replayed from the checkpoint.
      if (stop.signal.aborted) process.exit(EXIT_OF_SIGNAL[signal]);
      stop.abort(signal);
    });
  }
  const stdout = terminalOutput(1);
  const stderr = terminalOutput(2);
  return {
    clock: steadyClock(systemClock, (message) => logger("clock").warning(message)),
    stop: stop.signal,
    stdout,
    progressOutput: stderr.isTerminal && !isPipe(1) ? stderr : undefined,
    isStdinTerminal: isatty(0),
    say: (line) => {
      try {
        const shown = shownWords(withoutUrlSecrets(line));
        if (!stderr.isTerminal || !saidAbove(shown)) stderr.write(`${shown}\n`);
      } catch {
        // Nobody reads our messages: that is no reason to stop the work.
      }
    },
    env: process.env,
    freshSeed: () => Math.floor(Math.random() * 2 ** 31),
  };
}
