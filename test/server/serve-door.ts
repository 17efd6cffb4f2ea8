/** The binary's door with `serve` alone, as a process for tests. */

import { runProgram } from "../../src/commands/program.ts";
import { serveCommand } from "../../src/commands/serve.ts";

await runProgram((program, context) => {
  program.addCommand(serveCommand(context));
});
