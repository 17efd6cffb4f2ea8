/** What the texts of types tell, as DuckDB writes them. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { raw } from "../../src/duckdb/sql.ts";
import { hasUnnamedStruct } from "../../src/duckdb/type-text.ts";

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 1 });
});
afterAll(() => database.close());

const VALUES: readonly (readonly [value: string, isUnnamed: boolean])[] = [
  ["(1, 'a')", true],
  ["row(TIMESTAMPTZ '2026-01-01 00:00:00+00')", true],
  ["row({'a': 1})", true],
  ["row(1.5::DECIMAL(9, 2), 'x'::ENUM('x', 'y'))", true],
  ["[(1, 2)]", true],
  ["{'a': [(1, 2)]}", true],
  ["MAP {'a': (1, 2)}", true],
  ["{'a': 1, 'b c': 'x'}", false],
  ["{'timestamp': 1, 'time': 2, 'with': 3}", false],
  ["{'TIME WITH TIME ZONE': 1}", false],
  ["{'a': TIMESTAMPTZ '2026-01-01 00:00:00+00'}", false],
  ["{'größe': 1, '\"': {'x(': 2}}", false],
  ["[MAP {{'a': 1}: {'b': [1.5]}}]", false],
  ["union_value(a := 1)", false],
  ["1", false],
];

test.each(VALUES)("%s", async (value, isUnnamed) => {
  const [column] = await database.describe(raw(`SELECT ${value} AS x`));
  expect(hasUnnamedStruct(column?.type ?? "")).toBe(isUnnamed);
});
