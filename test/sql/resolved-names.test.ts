/** What the names of a query mean: by DuckDB's rules, whatever else has the same name. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { raw } from "../../src/duckdb/sql.ts";
import { parseSelect, selectText } from "../../src/duckdb/syntax.ts";
import { withResolvedNames } from "../../src/sql/resolved-names.ts";
import { columnHolding, groupKeysOf } from "../../src/sql/syntax-facts.ts";
import { WINDOW_MACROS } from "../../src/sql/window-macros.ts";

let database: Database;

beforeAll(async () => {
  database = await openDatabase({ threads: 1 });
  await database.run(WINDOW_MACROS);
  await database.run(
    raw(`CREATE TABLE ticks (id BIGINT, ts TIMESTAMP, k VARCHAR, due TIMESTAMP,
        s STRUCT(k VARCHAR, x BIGINT));
      CREATE TABLE companies (sym VARCHAR, k VARCHAR, "Name" VARCHAR)`),
  );
});
afterAll(() => database.close());

async function resolved(query: string): Promise<string> {
  return (await selectText(database, await withResolvedNames(database, await parseSelect(database, query))))
    .text;
}

const MEANINGS: readonly (readonly [query: string, resolved: string])[] = [
  ["SELECT K, t.ID FROM ticks t", "SELECT t.k, t.id FROM ticks AS t"],
  ["SELECT s.k, s['k'], ticks.s.x FROM ticks", "SELECT ticks.s.k, ticks.s['k'], ticks.s.x FROM ticks"],
  // A relation that is called as its STRUCT: of `s.k` it is the column, of `s.x` the field.
  ["SELECT s.k, s.x, s.s.k FROM ticks s", "SELECT s.k, s.s.x, s.s.k FROM ticks AS s"],
  // A column goes before an alias, and an alias that is alone in ORDER BY before a column.
  [
    "SELECT id AS k, k AS z FROM ticks WHERE k = z ORDER BY k, -k",
    "SELECT ticks.id AS k, ticks.k AS z FROM ticks WHERE (ticks.k = z) ORDER BY k, -(ticks.k)",
  ],
  ["SELECT DISTINCT ON (k) id AS k FROM ticks", "SELECT DISTINCT ON (k) ticks.id AS k FROM ticks"],
  [
    "SELECT max(id) AS due FROM ticks GROUP BY s.k HAVING min(due) > '2026-01-01'",
    "SELECT max(ticks.id) AS due FROM ticks GROUP BY ticks.s.k HAVING (min(ticks.due) > '2026-01-01')",
  ],
  // Of a join; of a condition, the sides that it joins; of USING, the side whose value it is.
  [
    'SELECT sym, "name" FROM ticks JOIN companies n ON true',
    "SELECT n.sym, n.\"Name\" FROM ticks INNER JOIN companies AS n ON (CAST('t' AS BOOLEAN))",
  ],
  [
    "SELECT k FROM ticks a LEFT JOIN companies b USING (k)",
    "SELECT a.k FROM ticks AS a LEFT JOIN companies AS b USING (k)",
  ],
  [
    "SELECT k FROM ticks a RIGHT JOIN companies b USING (k)",
    "SELECT b.k FROM ticks AS a RIGHT JOIN companies AS b USING (k)",
  ],
  [
    "SELECT k FROM ticks a FULL JOIN companies b USING (k)",
    "SELECT k FROM ticks AS a FULL JOIN companies AS b USING (k)",
  ],
  [
    "SELECT k FROM ticks a NATURAL JOIN companies b",
    "SELECT a.k FROM ticks AS a NATURAL INNER JOIN companies AS b",
  ],
  // Subqueries have a scope of their own, and see the one around them.
  [
    "SELECT k FROM (SELECT due AS ts, s.k AS k FROM ticks) WHERE EXISTS (FROM companies WHERE sym = ts)",
    "SELECT unnamed_subquery.k FROM (SELECT ticks.due AS ts, ticks.s.k AS k FROM ticks) " +
      "AS unnamed_subquery " +
      "WHERE EXISTS(SELECT * FROM companies WHERE (companies.sym = ts))",
  ],
  // A window call that has no name; a whole row; the parameter of a lambda.
  ["SELECT ticks FROM ticks", "SELECT ticks FROM ticks"],
  [
    "SELECT list_transform([1], lambda k: k + 1) AS l FROM ticks",
    "SELECT list_transform(main.list_value(1), (k -> (k + 1))) AS l FROM ticks",
  ],
];

describe("names mean", () => {
  for (const [query, expected] of MEANINGS)
    test(query, async () => expect(await resolved(query)).toBe(expected));
});

/** The output columns that hold the groups' keys. */
async function heldKeys(query: string): Promise<readonly (string | undefined)[]> {
  const select = await withResolvedNames(database, await parseSelect(database, query));
  const columns = await database.describe(raw(query));
  const keys = groupKeysOf(select, [], {
    streamOf: () => undefined,
    isAggregate: (name) => name === "max",
    tableOf: () => undefined,
  });
  return keys.map((key) => columnHolding(select, columns, key));
}

const HELD: readonly (readonly [query: string, held: readonly (string | undefined)[]])[] = [
  ["SELECT s.*, k FROM ticks GROUP BY s, k", [undefined, "k"]],
  ["SELECT id AS k, k AS z, max(ts) FROM ticks GROUP BY k, id", ["z", "k"]],
  ["SELECT k, s.k AS sk, max(id) FROM ticks GROUP BY s.k, k", ["sk", "k"]],
  [
    "SELECT * EXCLUDE (s, id) REPLACE (upper(k) AS k) FROM ticks GROUP BY ticks.k, due, ts",
    [undefined, "due", "ts"],
  ],
  ["SELECT * EXCLUDE (s, id, k) RENAME (due AS ts, ts AS due) FROM ticks GROUP BY due, ts", ["ts", "due"]],
  ["SELECT * EXCLUDE (ts, k, due, s), 1 AS one FROM ticks GROUP BY id, s.k", ["id", undefined]],
  ["SELECT max(a.k), b.k AS other FROM ticks a JOIN companies b ON a.k = b.k GROUP BY b.k", ["other"]],
];

describe("the column that holds a key of", () => {
  for (const [query, held] of HELD)
    test(query, async () => expect(await heldKeys(query).catch(String)).toEqual([...held]));
});
