/** More words than a command takes: what the person meant is mostly known. */

import type { Command } from "commander";
import { StreamkitError } from "../base/error.ts";

const hints = new WeakMap<Command, (word: string) => string>();

/** `hint` says what was meant; it is given the first word too many. */
export function withHintForMore(command: Command, hint: (word: string) => string): Command {
  hints.set(command, hint);
  return command;
}

/** Of all commands of the program. */
export function refuseMoreArguments(program: Command): void {
  program.allowExcessArguments().hook("preAction", (_, called) => {
    const known = called.registeredArguments;
    const word = known.at(-1)?.variadic === true ? undefined : called.args[known.length];
    if (word === undefined) return;
    const hint = hints.get(called)?.(word) ?? `${called.name()} --help tells what it takes`;
    throw new StreamkitError("usage", `"${word}" is one word too many: ${hint}`);
  });
}
