/** The binary's door: one line a command. */

import "./runtime/node-20.ts";
import { checkCommand } from "./commands/check.ts";
import { completionCommand } from "./commands/completion/command.ts";
import { demoCommand } from "./commands/demo.ts";
import { formatsCommand } from "./commands/formats/command.ts";
import { helpCommand } from "./commands/help.ts";
import { processCommand } from "./commands/process.ts";
import { runProgram } from "./commands/program.ts";
import { queryCommand } from "./commands/query.ts";
import { serveCommand } from "./commands/serve.ts";
import { simulateCommand } from "./commands/simulate.ts";
import { tailCommand } from "./commands/tail.ts";
import { testCommand } from "./commands/test.ts";
import { verifyCommand } from "./commands/verify.ts";
import { writeCommand } from "./commands/write.ts";

await runProgram((program, context) => {
  program.addCommand(simulateCommand(context));
  program.addCommand(tailCommand(context));
  program.addCommand(processCommand(context));
  program.addCommand(writeCommand(context));
  program.addCommand(serveCommand(context));
  program.addCommand(queryCommand(context));
  program.addCommand(checkCommand(context));
  program.addCommand(formatsCommand(context));
  program.addCommand(testCommand(context));
  program.addCommand(verifyCommand(context));
  program.addCommand(demoCommand(context));
  program.addCommand(completionCommand(context));
  program.addCommand(helpCommand(context));
});
