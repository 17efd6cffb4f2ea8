/** Completion for zsh, with what each flag is for. */

import type { CommandSpec, FlagSpec, ProgramSpec, ValueSpec } from "./spec.ts";

export function zshScript({ name, flags, commands }: ProgramSpec): string {
  const described = commands.map(
    ({ name: command, summary }) => `    ${quoted(`${colons(command)}:${summary}`)}`,
  );
  return `#compdef ${name}
# zsh completion for ${name}: source <(${name} completion zsh), or a file _${name} in a folder of $fpath
_${name}() {
  local curcontext=$curcontext state line
  local -a commands=(
${described.join("\n")}
  )
  _arguments -C \\
${flags.map((flag) => `    ${flagText(flag)} \\`).join("\n")}
    '1:command:->command' \\
    '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $line[1] in
${commands.map(commandText).join("\n")}
      esac
      ;;
  esac
}
if [[ $funcstack[1] == _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function commandText({ name, flags, arguments: all, isLastRepeated }: CommandSpec): string {
  const values = all.map((value, index) =>
    quoted(`${isLastRepeated && index === all.length - 1 ? "*" : index + 1}:${valueText(value, "argument")}`),
  );
  const parts = [...flags.map(flagText), ...values].map((part) => `          ${part}`);
  return `        ${name}) _arguments \\\n${parts.join(" \\\n")} ;;`;
}

function flagText({ long, short, summary, value }: FlagSpec): string {
  const about = `[${summary.replaceAll(/[[\]\\:]/g, String.raw`\$&`)}]`;
  const argument = value === undefined ? "" : `:${valueText(value, "value")}`;
  // Any flag may stand again: some are repeatable, and the last one counts of the others.
  const texts = [short, long].flatMap((each) =>
    each === undefined
      ? []
      : [quoted(`*${each}${value !== undefined && each === long ? "=" : ""}${about}${argument}`)],
  );
  return texts.join(" ");
}

function valueText(value: ValueSpec, name: string): string {
  switch (value.kind) {
    case "words":
      return `${name}:(${value.words.join(" ")})`;
    case "file":
      return `${name}:_files`;
    case "folder":
      return `${name}:_files -/`;
    case "any":
      return `${name}: `;
  }
}

function colons(text: string): string {
  return text.replaceAll(":", String.raw`\:`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
