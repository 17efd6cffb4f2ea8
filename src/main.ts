/** The binary's door: one line a command. */

import { Command } from "commander";
import { simulateCommand } from "./commands/simulate.ts";
import { runProgram } from "./commands/program.ts";

await runProgram((program: Command, context) => {
  program.addCommand(simulateCommand(context));
});
