/** The completion script of a program for a shell. */

import type { Command } from "commander";
import { formats } from "../../formats/list.ts";
import { manualTopics } from "../../runtime/manual.ts";
import { ROUTES } from "../tail-pipeline.ts";
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { type KnownWords, programSpec } from "./spec.ts";
import { zshScript } from "./zsh.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** What flags and arguments take that say it in their descriptions alone. */
export const KNOWN_WORDS: KnownWords = {
  "--format": formats.map(({ name }) => name),
  "--mode": ["append", "update", "complete"],
  "--route": [...ROUTES],
  kind: ["quotes", "trades", "access-log"],
  topic: manualTopics(),
};

export function completionScript(program: Command, shell: keyof typeof SCRIPTS): string {
  return SCRIPTS[shell](programSpec(program, KNOWN_WORDS));
}
