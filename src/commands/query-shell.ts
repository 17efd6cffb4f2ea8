/** `streamkit query` at a terminal: a prompt for SQL until a semicolon, and a few commands of its own. */

import { createInterface } from "node:readline";
import { messageOf } from "../base/error.ts";
import type { AnswerFormat } from "../warehouse/print-answer.ts";
import type { Questions } from "../warehouse/query.ts";
import { statementsIn } from "../warehouse/statements.ts";
import type { Context } from "./context.ts";
import type { QueryHistory } from "./query-history.ts";
import { completions } from "./query-words.ts";

const PROMPT = "streamkit> ";
const MORE = "      ...> ";
const MAX_HISTORY = 1000;
/** What has rows and columns that can be looked at. */
const MODES: readonly AnswerFormat[] = ["table", "json", "ndjson", "csv"];

const HELP = `SQL runs when a semicolon ends it. Tab completes, the arrow keys find what was typed before.
  .tables           the tables there are
  .schema [TABLE]   the columns of a table, or of all
  .mode [MODE]      how answers are printed: ${MODES.join(", ")}
  .help             this
  .quit             leaves, as Ctrl-D does
Ctrl-C gives up the line, or the query that runs.`;

const COMMANDS = [".help", ".tables", ".schema", ".mode", ".quit"];

export interface ShellOptions {
  readonly format: AnswerFormat;
  readonly history: QueryHistory;
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** Returns when the person leaves, or `stop` aborts. */
export async function runShell(
  questions: Questions,
  options: ShellOptions,
  { stop, stdout }: Pick<Context, "stop" | "stdout">,
): Promise<void> {
  let format: AnswerFormat = options.format === "parquet" ? "table" : options.format;
  let typed = "";
  let isRunning = false;
  const line = createInterface({
    input: options.input,
    output: options.output,
    terminal: true,
    history: [...options.history.lines],
    historySize: MAX_HISTORY,
    removeHistoryDuplicates: true,
    completer: (text: string, done: (error: null, found: [string[], string]) => void) => {
      void vocabulary().then((known) => done(null, completions(text, known)));
    },
  });
  const write = (text: string): void => stdout.write(`${text}\n`);

  let words: readonly string[] | undefined;
  const vocabulary = async () => {
    // One statement runs at a time.
    const isFree = !isRunning;
    words ??= isFree ? await questions.words().catch(() => []) : undefined;
    const names = isFree ? await questions.names().catch(() => []) : [];
    return { names, words: words ?? [], commands: COMMANDS, modes: MODES };
  };

  const run = async (action: () => Promise<void>): Promise<void> => {
    isRunning = true;
    try {
      await action();
    } catch (error) {
      write(/\bInterrupted\b/.test(messageOf(error)) ? "Cancelled" : messageOf(error));
    } finally {
      isRunning = false;
    }
  };

  const obey = async (text: string): Promise<"leave" | undefined> => {
    const [command = "", argument] = text.split(/\s+/);
    switch (command) {
      case ".quit":
      case ".exit":
        return "leave";
      case ".help":
        write(HELP);
        return undefined;
      case ".tables":
        await run(() => questions.ask("SHOW TABLES", { format }));
        return undefined;
      case ".schema":
        await run(async () => write(schemaText(await questions.names(), argument)));
        return undefined;
      case ".mode": {
        const mode = MODES.find((each) => each === argument);
        if (mode !== undefined) format = mode;
        else write(argument === undefined ? format : `.mode takes ${MODES.join(", ")}: found "${argument}"`);
        return undefined;
      }
      default:
        write(`There is no command ${command}: .help tells which there are`);
        return undefined;
    }
  };

  const take = async (text: string): Promise<"leave" | undefined> => {
    options.history.add(text);
    const word = text.trim();
    if (typed === "" && word.startsWith(".")) return obey(word);
    if (typed === "" && /^(?:quit|exit|\\q);?$/i.test(word)) return "leave";
    if (typed === "" && /^help;?$/i.test(word)) return obey(".help");
    const { whole, rest, tail } = statementsIn(`${typed}${text}\n`);
    typed = rest === "" && !tail.includes("/*") ? "" : tail;
    for (const statement of whole) await run(() => questions.ask(statement, { format }));
    return undefined;
  };

  await new Promise<void>((resolve) => {
    let work = Promise.resolve();
    const ask = (): void => {
      line.setPrompt(typed === "" ? PROMPT : MORE);
      line.prompt();
    };
    line.on("line", (text) => {
      work = work.then(async () => {
        if ((await take(text)) === "leave") line.close();
        else if (!isClosed) ask();
      });
    });
    line.on("SIGINT", () => {
      if (isRunning) return void questions.interrupt();
      typed = "";
      options.output.write("^C\n");
      // Readline keeps what was typed when Ctrl-C is pressed.
      Object.assign(line, { line: "", cursor: 0 });
      ask();
    });
    let isClosed = false;
    line.on("close", () => {
      isClosed = true;
      stop.removeEventListener("abort", close);
      void work.then(() => resolve());
    });
    const close = (): void => {
      void questions.interrupt();
      line.close();
    };
    stop.addEventListener("abort", close);
    ask();
  });
  write("");
}

function schemaText(
  names: readonly { readonly table: string; readonly column: string }[],
  wanted: string | undefined,
): string {
  const tables = new Map<string, string[]>();
  for (const { table, column } of names) tables.set(table, [...(tables.get(table) ?? []), column]);
  const shown = [...tables].filter(
    ([table]) => wanted === undefined || table.toLowerCase() === wanted.toLowerCase(),
  );
  if (shown.length === 0) {
    const found = tables.size === 0 ? "no table is there" : `found ${[...tables.keys()].join(", ")}`;
    return wanted === undefined ? "No table is there" : `There is no table "${wanted}": ${found}`;
  }
  return shown.map(([table, columns]) => `${table}(${columns.join(", ")})`).join("\n");
}
