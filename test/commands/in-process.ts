/** The whole program in the tests' own process: a command line, and what becomes of it. */

import type { Command } from "commander";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/error.ts";
import { checkCommand } from "../../src/commands/check.ts";
import { completionCommand } from "../../src/commands/completion/command.ts";
import type { Context } from "../../src/commands/context.ts";
import { demoCommand } from "../../src/commands/demo.ts";
import { processCommand } from "../../src/commands/process.ts";
import { programOf } from "../../src/commands/program.ts";
import { queryCommand } from "../../src/commands/query.ts";
import { serveCommand } from "../../src/commands/serve.ts";
import { simulateCommand } from "../../src/commands/simulate.ts";
import { tailCommand } from "../../src/commands/tail.ts";
import { testCommand } from "../../src/commands/test.ts";
import { verifyCommand } from "../../src/commands/verify.ts";
import { writeCommand } from "../../src/commands/write.ts";
import { NO_OUTPUT } from "../../src/runtime/stdio.ts";

const COMMANDS = [
  simulateCommand,
  tailCommand,
  processCommand,
  writeCommand,
  serveCommand,
  queryCommand,
  checkCommand,
  testCommand,
  verifyCommand,
  demoCommand,
  completionCommand,
];

/** What the command line is refused with; undefined where it is not, and then it is stopped at once. */
export function refusal(...args: readonly string[]): Promise<string | undefined> {
  return fault(args, AbortSignal.abort("SIGTERM"));
}

/** The same of one that goes on until it fails. */
export function failure(...args: readonly string[]): Promise<string | undefined> {
  return fault(args, new AbortController().signal);
}

async function fault(args: readonly string[], stop: AbortSignal): Promise<string | undefined> {
  const context: Context = {
    clock: systemClock,
    stop,
    stdout: NO_OUTPUT,
    isStdinTerminal: true,
    say: () => {},
    env: {},
    freshSeed: () => 1,
  };
  const program = programOf((all, given) => {
    for (const command of COMMANDS) all.addCommand(command(given));
  }, context);
  let said = "";
  const quiet = (command: Command): void =>
    void command.configureOutput({ writeErr: (text) => void (said += text), writeOut: () => {} });
  quiet(program);
  for (const command of program.commands) quiet(command);
  try {
    await program.parseAsync(["bun", "streamkit", ...args]);
    return undefined;
  } catch (error) {
    return `${said}${messageOf(error)}`;
  }
}
