/** The shell of `query`: what is typed, what is answered, what Tab finds, and what is remembered. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { systemClock } from "../../src/base/clock.ts";
import { historyFile, openHistory } from "../../src/commands/query-history.ts";
import { runShell } from "../../src/commands/query-shell.ts";
import { completions } from "../../src/commands/query-words.ts";
import { openDatabase } from "../../src/duckdb/database.ts";
import { sql } from "../../src/duckdb/sql.ts";
import { openQuestions } from "../../src/warehouse/query.ts";
import { emptyFolder } from "../support/binary.ts";
import { until } from "../support/until.ts";

let folder: ReturnType<typeof emptyFolder>;

beforeAll(async () => {
  folder = emptyFolder();
  mkdirSync(join(folder.path, "ticks"));
  const database = await openDatabase();
  const file = join(folder.path, "ticks", "a.parquet");
  await database.run(sql`COPY (SELECT 1.5 AS price, 'ACME' AS symbol) TO ${file}`);
  database.close();
});
afterAll(() => folder[Symbol.dispose]());

const CODES = new RegExp(String.raw`\u001b\[[\d;]*[A-Za-z]`, "g");

/** A shell with somebody who types and reads. */
async function shell() {
  const input = new PassThrough();
  const echo = new PassThrough();
  let shown = "";
  echo.on("data", (bytes: Buffer) => {
    shown += bytes.toString();
  });
  const stdout = {
    isTerminal: false,
    write: (bytes: Uint8Array | string) => void (shown += String(bytes)),
    send: async (bytes: Uint8Array | string) => void (shown += String(bytes)),
  };
  const home = { XDG_STATE_HOME: join(folder.path, "state") };
  const request = {
    warehouse: folder.path,
    clock: systemClock,
    env: {},
    allowFiles: true,
    format: "table" as const,
  };
  const questions = await openQuestions(request, () => stdout);
  const stop = new AbortController();
  let hasEnded = false;
  const ended = runShell(
    questions,
    { format: "table", history: openHistory(home), input, output: echo },
    { stop: stop.signal, stdout },
  ).then(() => {
    hasEnded = true;
  });
  const seen = () => shown.replaceAll(CODES, "").replaceAll("\r", "");
  return {
    type: (text: string) => void input.write(text),
    seen,
    stop: () => stop.abort("SIGTERM"),
    hasEnded: () => hasEnded,
    /** Waits until the text has come since the last time, and forgets what was before it. */
    async sees(text: string): Promise<void> {
      await until(`"${text}" on the terminal`, () => seen().includes(text)).catch(() => {
        throw new Error(`"${text}" was not shown, but:\n${seen()}`);
      });
      shown = "";
    },
    async close(): Promise<void> {
      input.write("\u0004");
      await ended;
      await questions.close();
    },
  };
}

test("SQL until a semicolon, over several lines and several in one", async () => {
  const { type, sees, close } = await shell();
  await sees("streamkit> ");
  type("SELECT symbol,\n");
  await sees("...> ");
  type("price FROM ticks; SELECT 'a;b' AS x;\n");
  await sees("x\n───\na;b\n(1 row)\nstreamkit> ");
  type("-- a comment\n");
  await sees("streamkit> ");
  type("SELECT nope FROM ticks;\n");
  await sees('Referenced column "nope" not found');
  type("DROP TABLE ticks;\n");
  await sees("changes nothing: found DROP");
  await close();
});

test("its own commands", async () => {
  const { type, sees, close } = await shell();
  await sees("streamkit> ");
  type(".tables\n");
  await sees("ticks\n(1 row)");
  type(".schema\n");
  await sees("ticks(price, symbol)");
  type(".schema nope\n");
  await sees('There is no table "nope": found ticks');
  type(".mode ndjson\n");
  await sees("streamkit> ");
  type("FROM ticks;\n");
  await sees('{"price":1.5,"symbol":"ACME"}');
  type(".mode xml\n");
  await sees('.mode takes table, json, ndjson, csv: found "xml"');
  type(".help\n");
  await sees("Ctrl-C gives up the line");
  type(".nope\n");
  await sees("There is no command .nope");
  await close();
});

test("Ctrl-C gives up the line or the query; the next one runs", async () => {
  const { type, sees, close } = await shell();
  await sees("streamkit> ");
  type("SELECT\n");
  await sees("...> ");
  type("some nonsense");
  await sees("nonsense");
  type("\u0003");
  await sees("streamkit> ");
  type("SELECT 41 + 1 AS answer;\n");
  await sees("42\n(1 row)");
  type("SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 3;\n");
  await sees("i % 7 = 3;");
  type("\u0003");
  await sees("Cancelled");
  type("SELECT 43 AS answer;\n");
  await sees("43\n(1 row)");
  await close();
});

test(".quit, exit, Ctrl-D and a signal leave", async () => {
  for (const word of [".quit\n", "exit\n", "quit;\n", "\\q\n", "\u0004"]) {
    const { type, sees, hasEnded } = await shell();
    await sees("streamkit> ");
    type(word);
    await until("its end", hasEnded);
  }
  const { sees, stop, hasEnded } = await shell();
  await sees("streamkit> ");
  stop();
  await until("its end", hasEnded);
});

test("the arrow finds what was typed in another shell; Tab completes", async () => {
  const first = await shell();
  await first.sees("streamkit> ");
  first.type("SELECT 7 AS seven;\n");
  await first.sees("(1 row)");
  await first.close();
  const second = await shell();
  await second.sees("streamkit> ");
  second.type("\u001b[A");
  await second.sees("SELECT 7 AS seven;");
  second.type("\n");
  await second.sees("7\n(1 row)");
  second.type("FROM ti");
  await second.sees("FROM ti");
  second.type("\t");
  await second.sees("cks");
  second.type(";\n");
  await second.sees("ACME");
  await second.close();
});

describe("history", () => {
  test("is kept for its owner alone, where the system keeps such things, and bounded", () => {
    const home = join(folder.path, "home");
    expect(historyFile({ HOME: "/home/a" })).toBe("/home/a/.local/state/streamkit/query-history");
    expect(historyFile({ HOME: "/home/a", XDG_STATE_HOME: "/s" })).toBe("/s/streamkit/query-history");
    expect(historyFile({ HOME: "/home/a", XDG_STATE_HOME: "s" })).toStartWith("/home/a/.local");
    const history = openHistory({ HOME: home });
    for (const line of ["a", "b", "b", "  ", "c"]) history.add(line);
    const file = historyFile({ HOME: home });
    expect(readFileSync(file, "utf8")).toBe("a\nb\nc\n");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(openHistory({ HOME: home }).lines).toEqual(["c", "b", "a"]);
    writeFileSync(file, Array.from({ length: 2500 }, (_, index) => `${index}\n`).join(""));
    expect(openHistory({ HOME: home }).lines).toHaveLength(1000);
    expect(readFileSync(file, "utf8").split("\n")).toHaveLength(1001);
  });

  test("that can't be kept stops nobody", () => {
    const history = openHistory({ HOME: "/dev/null" });
    history.add("SELECT 1");
    expect(history.lines).toEqual([]);
  });
});

test("Tab knows tables, columns, keywords, functions and commands where they make sense", () => {
  const vocabulary = {
    names: [
      { table: "ticks", column: "price" },
      { table: "ticks", column: "symbol" },
      { table: "web.hits", column: "odd name" },
    ],
    words: ["SELECT", "FROM", "PRIMARY", "printf(", "prod("],
    commands: [".mode", ".schema", ".tables"],
    modes: ["table", "csv"],
  };
  const cases: readonly (readonly [string, string[], string])[] = [
    ["sel", ["select"], "sel"],
    ["SEL", ["SELECT"], "SEL"],
    ["SELECT pr", ["price", "primary"], "pr"],
    ["SELECT pri", ["price", "primary", "printf("], "pri"],
    ["SELECT * FROM ", ["ticks", "web.hits"], ""],
    ["FROM t", ["ticks"], "t"],
    ["FROM a JOIN web.", ["web.hits"], "web."],
    ["SELECT ticks.s", ["ticks.symbol"], "ticks.s"],
    ["SELECT web.hits.", ['web.hits."odd name"'], "web.hits."],
    [".s", [".schema"], ".s"],
    [".mode c", ["csv"], "c"],
    [".schema ", ["ticks", "web.hits"], ""],
    ["SELECT ", [], ""],
  ];
  for (const [line, words, start] of cases)
    expect([line, completions(line, vocabulary)]).toEqual([line, [words, start]]);
});
