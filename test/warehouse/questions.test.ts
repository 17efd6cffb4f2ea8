/** Questions and their answers as a person at a terminal, or a program behind a pipe, gets them. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { openDatabase } from "../../src/duckdb/database.ts";
import { sql } from "../../src/duckdb/sql.ts";
import type { ByteOutput } from "../../src/runtime/stdio.ts";
import { widthOf } from "../../src/terminal/text.ts";
import type { AnswerStyle } from "../../src/warehouse/print-answer.ts";
import { openQuestions } from "../../src/warehouse/query.ts";
import { emptyFolder } from "../e2e/binary.ts";
import { emulator } from "../terminal/emulator.ts";

let folder: ReturnType<typeof emptyFolder>;

beforeAll(async () => {
  folder = emptyFolder();
  const database = await openDatabase();
  for (const table of ["ticks", "web.db/hits"]) {
    mkdirSync(join(folder.path, table), { recursive: true });
    const file = join(folder.path, table, "a.parquet");
    await database.run(sql`COPY (SELECT range AS n, 'x' || range AS name FROM range(500)) TO ${file}`);
  }
  database.close();
});
afterAll(() => folder[Symbol.dispose]());

function pipe(): ByteOutput & { text(): string } {
  let text = "";
  const write = (bytes: Uint8Array | string): void => {
    text += typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes);
  };
  return { isTerminal: false, write, send: async (bytes) => write(bytes), text: () => text };
}

async function ask(text: string, output: ByteOutput, style: Partial<AnswerStyle> = {}): Promise<void> {
  const request = { warehouse: folder.path, clock: systemClock, env: {}, format: "table" as const, ...style };
  const questions = await openQuestions(request, () => output);
  try {
    await questions.ask(text);
  } finally {
    await questions.close();
  }
}

async function answer(text: string, format: AnswerStyle["format"] = "ndjson"): Promise<string> {
  const output = pipe();
  await ask(text, output, { format });
  return output.text();
}

test("comments, semicolons and several statements are what they are in SQL", async () => {
  expect(await answer("-- how many\n/* of them */ SELECT count(*) AS n FROM ticks ; -- so many")).toBe(
    '{"n":500}\n',
  );
  expect(await answer("SELECT 1 AS a; SELECT 'x;y' AS b;")).toBe('{"a":1}\n{"b":"x;y"}\n');
  expect(await answer("SELECT 1 AS a; SELECT 2 AS b", "table")).toBe("a\n─\n1\n(1 row)\nb\n─\n2\n(1 row)\n");
  await expect(answer("SELECT 1; SELECT 2", "csv")).rejects.toThrow("--format csv takes one query, found 2");
  await expect(answer(" ; -- nothing")).rejects.toThrow("An SQL query is expected");
});

test("SHOW TABLES names all tables; DESCRIBE, SUMMARIZE, PRAGMA and EXPLAIN tell more", async () => {
  expect(await answer("SHOW TABLES;")).toBe('{"name":"ticks"}\n{"name":"web.hits"}\n');
  expect(await answer("SHOW ALL TABLES", "csv")).toContain("memory,web,hits,");
  expect((await answer("DESCRIBE web.hits", "csv")).split("\n")[1]).toStartWith("n,BIGINT");
  expect((await answer("SUMMARIZE ticks", "csv")).split("\n")[1]).toStartWith("n,BIGINT,0,499");
  expect((await answer("PRAGMA table_info('ticks')", "csv")).split("\n")[1]).toStartWith("0,n,BIGINT");
  expect(await answer("EXPLAIN SELECT n + 1 FROM ticks", "table")).toMatch(/^┌[\s\S]*PROJECTION[\s\S]*┘\n$/);
  expect(JSON.parse(await answer("EXPLAIN SELECT 1"))).toMatchObject({ explain_key: "physical_plan" });
});

test("nothing that changes a thing gets through, not by closing parentheses either", async () => {
  const file = join(folder.path, "pwned.csv");
  const attempts = [
    `SELECT 1); COPY (SELECT 42) TO '${file}'; SELECT * FROM (SELECT 2`,
    `SELECT 1) TO '${file}' --`,
    `COPY (SELECT 42) TO '${file}'`,
    `EXPLAIN ANALYZE COPY (SELECT 42) TO '${file}'`,
    `SELECT 1; COPY (SELECT 42) TO '${file}'`,
    `WITH a AS (SELECT 1) INSERT INTO ticks FROM a`,
    `FROM query('COPY (SELECT 1) TO ''${file}''')`,
  ];
  for (const text of attempts) {
    await ask(text, pipe()).then(
      () => expect(text).toBe("refused"),
      (error: unknown) => expect([text, (error as { code?: string }).code]).toEqual([text, "usage"]),
    );
  }
  expect(existsSync(file)).toBe(false);
  expect(readdirSync(folder.path).toSorted()).toEqual(["ticks", "web.db"]);
});

test("at a terminal an answer is as wide and as long as that", async () => {
  const terminal = emulator(50, 12);
  await ask("SELECT n, name, repeat('long ', 30) AS text FROM ticks ORDER BY n", terminal);
  const lines = terminal.screen();
  expect(lines).toHaveLength(11);
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(50);
  expect(lines.slice(0, 3)).toEqual([
    "n  name  text",
    "─  ────  ─────────────────────────────────────────",
    "0  x0    long long long long long long long long …",
  ]);
  expect(lines.at(-1)).toBe("(8 of 500 rows; the format csv has all)");
  const narrow = emulator(30, 12);
  const columns = Array.from({ length: 9 }, (_, index) => `${index} AS column_${index}`);
  await ask(`SELECT ${columns.join(", ")}`, narrow);
  expect(narrow.screen().at(-1)).toBe("(1 row, 3 of 9 columns)");
  expect(narrow.screen()[0]).toBe("column_0 column_1 column_2 …");
});

test("what a value holds is shown and not obeyed; nothing is not the text NULL", async () => {
  const values = "chr(27) || ']0;title' || chr(7) AS a, NULL AS b, 'NULL' AS c, 'é' || chr(10) || '日' AS d";
  const terminal = emulator(80, 12);
  await ask(`SELECT ${values}`, terminal);
  expect(terminal.screen()[2]).toBe('\\u001b]0;title\\u0007  NULL  "NULL"  é\\n日');
  expect(await answer("SELECT chr(27) AS a")).toBe('{"a":"\\u001B"}\n');
});

test("styles are written where they may be, and nowhere else", async () => {
  const styled = emulator(80, 12, true);
  await ask("SELECT NULL AS a", styled);
  const plain = emulator(80, 12, false);
  await ask("SELECT NULL AS a", plain);
  expect(styled.screen()).toEqual(plain.screen());
  const forced = { ...pipe(), isStyled: true };
  await ask("SELECT NULL AS a", forced);
  expect(forced.text()).toStartWith("\u001b[1m   a\u001b[0m\n");
});
