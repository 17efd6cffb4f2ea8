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
import { emptyFolder } from "../support/binary.ts";
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

async function ask(
  text: string,
  output: ByteOutput,
  style: Partial<AnswerStyle & { readonly allowFiles: boolean }> = {},
): Promise<void> {
  const plain = { clock: systemClock, env: {}, allowFiles: true, format: "table" as const };
  const request = { warehouse: folder.path, ...plain, ...style };
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
  const refused = (text: string) => answer(text, "csv").catch((error: unknown) => (error as Error).message);
  expect(await refused("SELECT 1; SELECT 2")).toStartWith("--format csv takes one query, found 2");
  expect(await refused(" ; -- nothing")).toBe("An SQL query is expected");
});

test("a question changes nothing, however it is written, and installs nothing", async () => {
  const secret = join(folder.path, "secret.txt");
  const written = join(folder.path, "pwned.csv");
  const copy = `COPY (SELECT 42) TO '${written}'`;
  for (const text of [
    copy,
    `SELECT 1); ${copy}; SELECT * FROM (SELECT 2`,
    `/* SELECT */ ${copy}`,
    `SELECT 1 -- ;\n); ${copy}; SELECT (1`,
    `DESCRIBE SELECT 1); ${copy}; SELECT * FROM (SELECT 1`,
    `EXPLAIN ANALYZE ${copy}`,
    `FROM query('${copy.replaceAll("'", "''")}')`,
    `WITH x AS (${copy}) SELECT 1`,
    `PREPARE p AS ${copy}`,
    `ATTACH '${secret}' AS x`,
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET threads = 1",
    "PRAGMA enable_profiling",
    "CREATE MACRO m() AS 1",
    "SELECT getenv('HOME')",
    "CALL pragma_version()",
  ])
    expect(await answer(text).catch(() => "refused")).toBe("refused");
  for (const name of [secret, written]) expect(existsSync(name)).toBe(false);
  for (const text of ["FROM 'http://127.0.0.1:1/x.csv'", "FROM sqlite_scan('a', 'b')"])
    expect(await answer(text).catch((error: unknown) => (error as Error).message)).toMatch(
      /streamkit installs no extensions of DuckDB$/,
    );
});

test("without files there are the warehouse and the answer, and nothing else", async () => {
  const output = pipe();
  const shut = (text: string, style: Partial<AnswerStyle> = {}) =>
    ask(text, output, { format: "ndjson", ...style, allowFiles: false }).then(
      () => "answered",
      (error: unknown) => (error as Error).message,
    );
  for (const text of [
    "FROM read_text('/etc/hostname')",
    "FROM read_csv('/etc/passwd')",
    "FROM '/etc/passwd.csv'",
    "FROM sniff_csv('/etc/passwd')",
    "FROM glob('/etc/*')",
    `FROM read_text('${folder.path}/../../etc/hostname')`,
    "FROM 'http://127.0.0.1:1/x.csv'",
  ])
    expect(await shut(text)).toContain("file system operations are disabled");
  expect(output.text()).toBe("");
  expect(await shut("SELECT count(*) AS n FROM web.hits")).toBe("answered");
  expect(output.text()).toBe('{"n":500}\n');
  for (const format of ["csv", "parquet", "json"] as const)
    expect(await shut("FROM ticks LIMIT 1", { format })).toBe("answered");
  using elsewhere = emptyFolder();
  const out = join(elsewhere.path, "a.csv");
  expect(await shut("FROM ticks LIMIT 1", { format: "csv", out })).toBe("answered");
  expect(existsSync(out)).toBe(true);
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
