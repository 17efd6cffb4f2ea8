/** `streamkit formats`: what formats there are, and which one a file has. */

import { Command } from "commander";
import type { Context } from "../context.ts";

const HELP = `
Examples:
  What formats there are, with their columns:
    streamkit formats
  Which one a file has; it may be compressed with gzip or zstd:
    streamkit formats /var/log/nginx/access.log
  The same of what a pipe gives:
    journalctl -o short-iso | streamkit formats -`;

export function formatsCommand(context: Context): Command {
  return new Command("formats")
    .summary("lists the formats, or guesses which one a file has")
    .description(
      "Lists the formats that streamkit reads. With a file, tries them on its first lines, and says how " +
        "many of them fit each, what the first rows are, and the flags to use.",
    )
    .argument("[file]", "the file to look at, or - for the standard input")
    .addHelpText("after", HELP)
    .action(async (file: string | undefined) => {
      const { listOfFormats, guessText } = await import("./text.ts");
      if (file === undefined) {
        context.stdout.write(listOfFormats());
        return;
      }
      const { readSample } = await import("./sample.ts");
      const { guess } = await import("./guess.ts");
      const sample = await readSample(file);
      context.stdout.write(guessText(file, sample, await guess(sample)));
    });
}
