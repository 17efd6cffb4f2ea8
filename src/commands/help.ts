/** `streamkit help`: what a command takes, or a page of the manual. */

import { Argument, Command } from "commander";
import { StreamkitError } from "../base/error.ts";
import { nearestOf } from "../base/nearest.ts";
import { manualPage, manualTopics } from "../runtime/manual.ts";
import { styleOf } from "../terminal/style.ts";
import type { Context } from "./context.ts";

export function helpCommand(context: Context): Command {
  return new Command("help")
    .summary("shows a page of the manual, or a command's help")
    .description("Prints a page of the manual or a command's help; without a topic, lists the pages.")
    .addArgument(new Argument("[topic]", "a page of the manual, or a command"))
    .action((topic: string | undefined, _flags: unknown, command: Command) => {
      const program = command.parent ?? command;
      if (topic === undefined) return context.stdout.write(`${program.helpInformation()}\n${topicList()}`);
      const called = program.commands.find((each) => each.name() === topic);
      if (called !== undefined) return called.help();
      if (!manualTopics().includes(topic)) throw unknownTopic(topic, program);
      context.stdout.write(shown(manualPage(topic), styleOf(context.stdout)));
    });
}

/** Every page with what it is about. */
function topicList(): string {
  const topics = manualTopics();
  const width = Math.max(...topics.map((topic) => topic.length));
  const lines = topics.map((topic) => `  ${topic.padEnd(width)}  ${titleOf(manualPage(topic))}`);
  return `The manual, streamkit help TOPIC:\n${lines.join("\n")}\n`;
}

function titleOf(page: string): string {
  return /^# (.*)$/m.exec(page)?.[1] ?? "";
}

function unknownTopic(topic: string, program: Command): StreamkitError {
  const known = [...manualTopics(), ...program.commands.map((each) => each.name())];
  const meant = nearestOf(topic, known);
  const hint = meant === undefined ? "streamkit help lists all topics" : `did you mean ${meant}?`;
  return new StreamkitError(
    "usage",
    `The manual has no page "${topic}", and no command is called so; ${hint}`,
  );
}

/** Markdown as text: links name the page they lead to. */
function shown(page: string, { bold }: ReturnType<typeof styleOf>): string {
  return page
    .replaceAll(/<!--.*?-->\n+/g, "")
    .replaceAll(/\[([^\]]+)\]\(([^)\s]+)\)/g, (_link, text: string, target: string) => linked(text, target))
    .replaceAll(/^#+ (.*)$/gm, (_heading, title: string) => bold(title));
}

function linked(text: string, target: string): string {
  const page = /^([\w-]+)\.md(?:#|$)/.exec(target)?.[1];
  if (page !== undefined) return `${text} (streamkit help ${page})`;
  return /^https?:/.test(target) ? `${text} (${target})` : text;
}
