/** What a row looks like in JSON, type by type. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { sql } from "../../src/duckdb/sql.ts";
import { rowJson } from "../../src/formats/json-rows.ts";

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 1 });
});
afterAll(() => database.close());

async function jsonOf(expression: string): Promise<string> {
  const columns = await database.describe({ text: `SELECT ${expression} AS v` });
  const row = await database.row(
    sql`SELECT ${rowJson(columns)} AS json FROM (SELECT ${{ text: expression }} AS v)`,
  );
  return String(row["json"]).replace(/^\{"v":(.*)\}$/s, "$1");
}

const CASES: readonly (readonly [expression: string, json: string])[] = [
  ["TIMESTAMP '2026-01-05 14:30:00.123'", '"2026-01-05T14:30:00.123Z"'],
  ["TIMESTAMP '2026-01-05 14:30:00'", '"2026-01-05T14:30:00.000Z"'],
  ["TIMESTAMP '2026-01-05 14:30:00.123456'", '"2026-01-05T14:30:00.123456Z"'],
  ["TIMESTAMPTZ '2026-01-05 14:30:00+02'", '"2026-01-05T12:30:00.000Z"'],
  ["TIMESTAMP_S '2026-01-05 14:30:00'", '"2026-01-05T14:30:00.000Z"'],
  ["'infinity'::TIMESTAMP", "null"],
  ["NULL::TIMESTAMP", "null"],
  ["DATE '2026-01-05'", '"2026-01-05"'],
  ["TIME '14:30:00'", '"14:30:00"'],
  ["9007199254740993::BIGINT", "9007199254740993"],
  ["(-170141183460469231731687303715884105728)::HUGEINT", "-170141183460469231731687303715884105728"],
  ["18446744073709551615::UBIGINT", "18446744073709551615"],
  ["1.10::DECIMAL(9,2)", "1.1"],
  ["12345678901234567890.123456789::DECIMAL(38,9)", "12345678901234567890.123456789"],
  ["0.1::DOUBLE", "0.1"],
  ["1e300::DOUBLE", "1e300"],
  ["0.1::FLOAT", "0.1"],
  ["'nan'::DOUBLE", "null"],
  ["'-infinity'::FLOAT", "null"],
  ["true", "true"],
  ["NULL", "null"],
  [`'say "hi" \\ é 😀'`, '"say \\"hi\\" \\\\ é 😀"'],
  ["chr(10) || chr(9) || chr(1)", '"\\n\\t\\u0001"'],
  ["'x'::ENUM('x', 'y')", '"x"'],
  ["uuid '00000000-0000-0000-0000-000000000001'", '"00000000-0000-0000-0000-000000000001"'],
  [`'{"a": [1, 2]}'::JSON`, '{"a":[1,2]}'],
  ["[1.5, 'nan'::DOUBLE, NULL]", "[1.5,null,null]"],
  ["[]::TIMESTAMP[]", "[]"],
  ["NULL::TIMESTAMP[]", "null"],
  ["[TIMESTAMP '2026-01-05 14:30:00', NULL]", '["2026-01-05T14:30:00.000Z",null]'],
  ["[[TIMESTAMP '2026-01-05 14:30:00']]", '[["2026-01-05T14:30:00.000Z"]]'],
  ["{'a': 1, 'b': 'x'}", '{"a":1,"b":"x"}'],
  [
    `{'a "q"': TIMESTAMP '2026-01-05 14:30:00', 'b, (c': [{'d': 'infinity'::DOUBLE}]}`,
    '{"a \\"q\\"":"2026-01-05T14:30:00.000Z","b, (c":[{"d":null}]}',
  ],
  ["NULL::STRUCT(a TIMESTAMP)", "null"],
  ["MAP {'a': 1}", '{"a":1}'],
  // JSON has keys as text: none may be lost, and none may become another one.
  ["MAP {'nan'::DOUBLE: 1, 2.0: 2, '-inf'::DOUBLE: 3}", '{"nan":1,"2.0":2,"-inf":3}'],
  ["MAP {0.1::FLOAT: 'nan'::DOUBLE}", '{"0.1":null}'],
  [
    "MAP {'infinity'::TIMESTAMP: 1, TIMESTAMP '2026-01-01': 2}",
    '{"infinity":1,"2026-01-01T00:00:00.000Z":2}',
  ],
  ["MAP {{'a': 'nan'::DOUBLE}: 1, {'a': NULL}: 2}", `{"{'a': nan}":1,"{'a': NULL}":2}`],
  ["[MAP {['nan'::DOUBLE, NULL]: 1}]", '[{"[nan, NULL]":1}]'],
  [
    "MAP {DATE '2026-01-05': [TIMESTAMP '2026-01-05 14:30:00']}",
    '{"2026-01-05":["2026-01-05T14:30:00.000Z"]}',
  ],
  ["NULL::MAP(VARCHAR, DOUBLE)", "null"],
  ["MAP {'a': TIMESTAMP '2026-01-05 14:30:00'}", '{"a":"2026-01-05T14:30:00.000Z"}'],
  ["[1.5, 2]::DOUBLE[2]", "[1.5,2.0]"],
  ["[TIMESTAMP '2026-01-05 14:30:00']::TIMESTAMP[1]", '["2026-01-05T14:30:00.000Z"]'],
  ["['infinity'::DOUBLE]::DOUBLE[1]", "[null]"],
];

for (const [expression, json] of CASES)
  test(expression, async () => {
    const found = await jsonOf(expression);
    expect(found).toBe(json);
    expect(() => JSON.parse(found) as unknown).not.toThrow();
  });

test("a row without columns, and names that need quotes", async () => {
  expect(rowJson([]).text).toBe("'{}'");
  const columns = [
    { name: 'odd "name"', type: "INTEGER" },
    { name: "SELECT", type: "TIMESTAMP" },
  ];
  const row = await database.row(
    sql`SELECT ${rowJson(columns)} AS json
      FROM (SELECT 1 AS "odd ""name""", TIMESTAMP '2026-01-05' AS "SELECT")`,
  );
  expect(row["json"]).toBe('{"odd \\"name\\"":1,"SELECT":"2026-01-05T00:00:00.000Z"}');
});
