/** Completion for bash, without the package bash-completion. */

import type { CommandSpec, FlagSpec, ProgramSpec, ValueSpec } from "./spec.ts";

export function bashScript({ name, flags, commands }: ProgramSpec): string {
  const names = commands.map((command) => command.name);
  return `# bash completion for ${name}: source <(${name} completion bash)
_${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} flag='' command='' values='' flags='' index
  COMPREPLY=()
  # bash takes --flag=value apart at the equals sign, and file:path at the colon.
  if [[ $cur == '=' ]]; then flag=\${COMP_WORDS[COMP_CWORD-1]} cur=''
  elif [[ \${COMP_WORDS[COMP_CWORD-1]} == '=' ]]; then flag=\${COMP_WORDS[COMP_CWORD-2]}
  elif [[ \${COMP_WORDS[COMP_CWORD-1]} == -* ]]; then flag=\${COMP_WORDS[COMP_CWORD-1]}
  fi
  local after=0 isValue=0
  for ((index = 1; index < COMP_CWORD; index += 1)); do
    if ((isValue)); then
      if [[ \${COMP_WORDS[index]} != '=' ]]; then isValue=0; fi
      continue
    fi
    case $command:\${COMP_WORDS[index]} in
${valueFlagPattern(commands)} isValue=1 ;;
    *:-* | *:=) ;;
    :*) command=\${COMP_WORDS[index]} ;;
    *) ((after += 1)) ;;
    esac
  done
  if [[ $cur == ':' ]]; then cur=''; fi
  if [[ \${COMP_WORDS[COMP_CWORD-1]} == ':' || \${COMP_WORDS[COMP_CWORD]} == ':' ]]; then values=@file
  elif [[ -z $command ]]; then
    flags='${words(flags.flatMap(flagNames))}' values='${words(names)}'
  else
    case $command:$flag in
${commands.flatMap((command) => command.flags.flatMap((flag) => valueCase(command, flag))).join("\n")}
    esac
    if [[ -z $values ]]; then
      case $command in
${commands.map(commandCase).join("\n")}
      esac
    fi
  fi
  case $values in
    @file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    @folder) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    @any) ;;
    *)
      if [[ $cur == -* ]]; then values=$flags; fi
      if [[ -z $values && -z $cur ]]; then values=$flags; fi
      mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
      ;;
  esac
}
complete -F _${name} ${name}
`;
}

/** Flags after which a word is their value. */
function valueFlagPattern(commands: readonly CommandSpec[]): string {
  const patterns = commands.flatMap(({ name, flags }) =>
    flags.flatMap((flag) =>
      flag.value === undefined ? [] : flagNames(flag).map((each) => `${name}:${each}`),
    ),
  );
  return `    ${patterns.join(" | ")})`;
}

function valueCase({ name }: CommandSpec, flag: FlagSpec): string[] {
  if (flag.value === undefined) return [];
  const patterns = flagNames(flag).map((each) => `${name}:${each}`);
  return [`      ${patterns.join(" | ")}) values='${valueWords(flag.value)}' ;;`];
}

/** By how many arguments stand before; none are expected behind the last. */
function commandCase({ name, flags, arguments: all, isLastRepeated }: CommandSpec): string {
  const values = all.map((value, index) => {
    const place = isLastRepeated && index === all.length - 1 ? "*" : String(index);
    return `${place}) values='${valueWords(value)}' ;;`;
  });
  const argument =
    values.length === 0 ? "" : ` if [[ $cur != -* ]]; then case $after in ${values.join(" ")} esac; fi`;
  return `        ${name}) flags='${words(flags.flatMap(flagNames))}';${argument} ;;`;
}

function valueWords(value: ValueSpec): string {
  return value.kind === "words" ? words(value.words) : `@${value.kind}`;
}

function flagNames({ long, short }: FlagSpec): string[] {
  return short === undefined ? [long] : [short, long];
}

/** Names of flags and formats hold nothing that a shell minds. */
function words(all: readonly string[]): string {
  return all.join(" ");
}
