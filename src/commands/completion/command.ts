/** `streamkit completion`: what a shell needs to complete our command line. */

import { Argument, Command } from "commander";
import type { Context } from "../context.ts";

const HELP = `
Put it where your shell looks at its start:
  bash   echo 'source <(streamkit completion bash)' >> ~/.bashrc
  zsh    echo 'source <(streamkit completion zsh)' >> ~/.zshrc     (after compinit)
  fish   streamkit completion fish > ~/.config/fish/completions/streamkit.fish

Commands, flags, and the values of flags that take one of a few are completed, files and folders where one is
wanted.`;

export function completionCommand(context: Context): Command {
  return new Command("completion")
    .summary("prints a shell completion script")
    .description("Prints the completion script for bash, zsh or fish.")
    .addArgument(new Argument("<shell>", "the shell it is for").choices(["bash", "zsh", "fish"]))
    .addHelpText("after", HELP)
    .action(async (shell: "bash" | "zsh" | "fish", _flags: unknown, command: Command) => {
      const { completionScript } = await import("./script.ts");
      context.stdout.write(completionScript(command.parent ?? command, shell));
    });
}
