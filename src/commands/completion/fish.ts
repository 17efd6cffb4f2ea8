/** Completion for fish, with what each flag is for. */

import type { FlagSpec, ProgramSpec, ValueSpec } from "./spec.ts";

export function fishScript({ name, flags, commands }: ProgramSpec): string {
  const complete = `complete -c ${name}`;
  const lines = [
    `# fish completion for ${name}: ${name} completion fish | source`,
    // Files come only where one is wanted.
    `${complete} -f`,
    ...flags.map((flag) => `${complete} -n __fish_use_subcommand ${flagText(flag)}`),
    ...commands.map(
      (command) => `${complete} -n __fish_use_subcommand -a ${command.name} -d ${quoted(command.summary)}`,
    ),
    ...commands.flatMap((command) => {
      const here = `${complete} -n '__fish_seen_subcommand_from ${command.name}'`;
      const [first] = command.arguments;
      return [
        ...(first === undefined ? [] : argumentTexts(first).map((text) => `${here} ${text}`)),
        ...command.flags.map((flag) => `${here} ${flagText(flag)}`),
      ];
    }),
  ];
  return `${lines.join("\n")}\n`;
}

function flagText({ long, short, summary, value }: FlagSpec): string {
  const names = `-l ${long.slice(2)}${short === undefined ? "" : ` -s ${short.slice(1)}`}`;
  return [names, ...(value === undefined ? [] : [valueText(value)]), `-d ${quoted(summary)}`].join(" ");
}

function valueText(value: ValueSpec): string {
  switch (value.kind) {
    case "words":
      return `-x -a ${quoted(value.words.join(" "))}`;
    case "file":
      return "-r -F";
    case "folder":
      return "-x -a '(__fish_complete_directories)'";
    case "any":
      return "-x";
  }
}

function argumentTexts(value: ValueSpec): string[] {
  switch (value.kind) {
    case "words":
      return [`-a ${quoted(value.words.join(" "))}`];
    case "file":
    case "folder":
      return ["-F"];
    case "any":
      return [];
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", String.raw`\\`).replaceAll("'", String.raw`\'`)}'`;
}
