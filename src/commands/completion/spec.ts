/** What can be completed of a command line, out of commander's own tree of commands, flags and arguments. */

import type { Argument, Command, Option } from "commander";

/** What a value is: one of a few words, a path, or anything. */
export type ValueSpec =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" | "folder" | "any" };

export interface FlagSpec {
  readonly long: string;
  readonly short: string | undefined;
  readonly summary: string;
  /** Undefined where the flag takes none. */
  readonly value: ValueSpec | undefined;
}

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly FlagSpec[];
  /** What stands alone, in order. */
  readonly arguments: readonly ValueSpec[];
  /** Whether the last of them may stand several times. */
  readonly isLastRepeated: boolean;
}

export interface ProgramSpec {
  readonly name: string;
  readonly flags: readonly FlagSpec[];
  readonly commands: readonly CommandSpec[];
}

/** Words that neither commander nor the flag's own text knows, by the flag or the argument. */
export type KnownWords = Readonly<Record<string, readonly string[]>>;

export function programSpec(program: Command, known: KnownWords): ProgramSpec {
  return {
    name: program.name(),
    flags: flagsOf(program, known),
    commands: program.commands.map((command) => ({
      name: command.name(),
      summary: command.summary(),
      flags: flagsOf(command, known),
      arguments: command.registeredArguments.map((argument) => argumentOf(argument, known)),
      isLastRepeated: command.registeredArguments.at(-1)?.variadic === true,
    })),
  };
}

function flagsOf(command: Command, known: KnownWords): FlagSpec[] {
  const flags = command.createHelp().visibleOptions(command);
  return flags.flatMap((option) =>
    option.long === undefined || option.long === null
      ? []
      : [
          {
            long: option.long,
            short: option.short ?? undefined,
            summary: option.description,
            value: option.required || option.optional ? valueOf(option, known) : undefined,
          },
        ],
  );
}

function valueOf(option: Option, known: KnownWords): ValueSpec {
  const words = option.argChoices ?? alternativesIn(option.flags) ?? known[option.long ?? ""];
  return words === undefined
    ? pathOf(/[<[](.*)[\]>]/.exec(option.flags)?.[1] ?? "")
    : { kind: "words", words };
}

function argumentOf(argument: Argument, known: KnownWords): ValueSpec {
  const words = argument.argChoices ?? known[argument.name()];
  return words === undefined ? pathOf(argument.name()) : { kind: "words", words };
}

/** `--from <start|end>` says itself what it takes. */
function alternativesIn(flags: string): readonly string[] | undefined {
  const words = /<([a-z][\w-]*(?:\|[a-z][\w-]*)+)>/.exec(flags)?.[1]?.split("|");
  return words?.every((word) => word.length > 1) === true ? words : undefined;
}

function pathOf(placeholder: string): ValueSpec {
  if (/^(?:folder|dir|checkpoint|place)$/.test(placeholder)) return { kind: "folder" };
  if (/(?:file|files|job|glob|url)$/.test(placeholder)) return { kind: "file" };
  return { kind: "any" };
}
