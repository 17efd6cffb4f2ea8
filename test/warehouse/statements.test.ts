/** Where a statement ends, and which of them ask. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { openDatabase } from "../../src/duckdb/database.ts";
import { raw } from "../../src/duckdb/sql.ts";
import { questionOf, statementsIn } from "../../src/warehouse/statements.ts";

test("semicolons end statements, but for those in quotes and comments", () => {
  const cases: readonly (readonly [string, readonly string[], string])[] = [
    ["", [], ""],
    [" ; ;; ", [], ""],
    ["SELECT 1", [], "SELECT 1"],
    ["SELECT 1;", ["SELECT 1"], ""],
    ["SELECT 1; -- done", ["SELECT 1"], ""],
    ["-- first\nSELECT 1;\n/* and */ SELECT 2", ["SELECT 1"], "SELECT 2"],
    ["SELECT 'a;b', \"c;d\", 'it''s;' ; FROM t;", ["SELECT 'a;b', \"c;d\", 'it''s;'", "FROM t"], ""],
    ["SELECT e'\\';', 1;", ["SELECT e'\\';', 1"], ""],
    ["SELECT $$ ; $$, $x$ ; $$ ; $x$;", ["SELECT $$ ; $$, $x$ ; $$ ; $x$"], ""],
    ["SELECT 1 -- ; no\n;", ["SELECT 1 -- ; no"], ""],
    ["SELECT /* ; /* ; */ ; */ 1;", ["SELECT /* ; /* ; */ ; */ 1"], ""],
    ["SELECT 'open ;", [], "SELECT 'open ;"],
    ["SELECT 1; /* open ;", ["SELECT 1"], ""],
    ["SELECT a$b$c;", ["SELECT a$b$c"], ""],
  ];
  for (const [text, whole, rest] of cases)
    expect([text, statementsIn(text)]).toEqual([text, { whole, rest, tail: expect.any(String) }] as never);
});

test("DuckDB finds as many statements as we do", async () => {
  const database = await openDatabase();
  const part = fc.constantFrom(
    "SELECT 1",
    "SELECT 'a;b'",
    'SELECT 1 AS "c;d"',
    "SELECT $$;$$",
    "SELECT $x$;$$;$x$",
    "SELECT e'\\';'",
    "SELECT 'it''s;'",
    "FROM range(3) -- ;\n",
    "SELECT /* ; /* ; */ */ 2",
    "VALUES (1)",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 5 }), async (parts) => {
      const text = parts.join(";");
      const { whole, rest } = statementsIn(text);
      expect(await database.statements(raw(text))).toBe(whole.length + (rest === "" ? 0 : 1));
    }),
    { numRuns: 60 },
  );
  database.close();
});

test("what asks is taken, what changes something is refused by name", () => {
  const asking = [
    "SELECT 1",
    "from t",
    "WITH a AS (SELECT 1) FROM a",
    "VALUES (1)",
    "TABLE t",
    "(SELECT 1)",
    "SHOW ALL TABLES",
    "DESCRIBE t",
    "SUMMARIZE t",
    "PIVOT t ON a USING sum(b)",
  ];
  for (const text of asking) expect(questionOf(text)).toEqual({ kind: "rows", text });
  expect(questionOf("show  tables")).toEqual({ kind: "tables" });
  for (const text of ["EXPLAIN SELECT 1", "explain analyze FROM t", "EXPLAIN (FORMAT json) SELECT 1"])
    expect(questionOf(text)).toEqual({ kind: "explain", text });
  expect(questionOf("PRAGMA table_info('t')")).toEqual({ kind: "rows", text: "FROM pragma_table_info('t')" });
  expect(questionOf("pragma version")).toEqual({ kind: "rows", text: "FROM pragma_version()" });
  const changing = {
    "COPY t TO 'x.csv'": "found COPY",
    "create table x (a int)": "found CREATE",
    "SET threads = 1": "found SET",
    "ATTACH 'x.duckdb'": "found ATTACH",
    "INSTALL httpfs": "found INSTALL",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'": "found COPY",
    "EXPLAIN (ANALYZE) INSERT INTO t VALUES (1)": "found INSERT",
    "EXPLAIN /* so */ analyze DELETE FROM t": "found ANALYZE",
    "PRAGMA enable_profiling": "takes a PRAGMA that asks",
    "PRAGMA threads = 4": "takes a PRAGMA that asks",
    "PRAGMA import_database('/tmp')": "takes a PRAGMA that asks",
  };
  for (const [text, words] of Object.entries(changing)) expect(() => questionOf(text), text).toThrow(words);
});
