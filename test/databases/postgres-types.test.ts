/** Every type of DuckDB in PostgreSQL: what column it is made as, and that its values arrive as they are. */

import { beforeAll, describe, expect, test } from "bun:test";
import { PASSWORD, type PostgresService, sharedPostgres } from "../services/postgres.ts";
import { freshTable, sinkJob } from "./sink-job.ts";

const TIMEOUT_MS = 120_000;

let postgres: PostgresService;
beforeAll(async () => {
  postgres = await sharedPostgres();
}, 90_000);

/** SQL of a value, the column's type in PostgreSQL, and the value's text there. */
const VALUES: readonly (readonly [sql: string, type: string, text: string])[] = [
  ["true", "boolean", "true"],
  ["(-128)::TINYINT", "smallint", "-128"],
  ["255::UTINYINT", "smallint", "255"],
  ["65535::USMALLINT", "integer", "65535"],
  ["(-2147483648)::INTEGER", "integer", "-2147483648"],
  ["4294967295::UINTEGER", "bigint", "4294967295"],
  ["9223372036854775807", "bigint", "9223372036854775807"],
  ["18446744073709551615::UBIGINT", "numeric(20,0)", "18446744073709551615"],
  [
    "(-170141183460469231731687303715884105728)::HUGEINT",
    "numeric(39,0)",
    "-170141183460469231731687303715884105728",
  ],
  [
    "340282366920938463463374607431768211455::UHUGEINT",
    "numeric(39,0)",
    "340282366920938463463374607431768211455",
  ],
  [
    "12345678901234567890123456789.123456789::DECIMAL(38, 9)",
    "numeric(38,9)",
    "12345678901234567890123456789.123456789",
  ],
  ["0.1::FLOAT", "real", "0.1"],
  ["0.1::DOUBLE + 0.2::DOUBLE", "double precision", "0.30000000000000004"],
  ["'nan'::DOUBLE", "double precision", "NaN"],
  ["'-inf'::DOUBLE", "double precision", "-Infinity"],
  ["'it''s \"é\" 😀 \\ {,}'", "text", 'it\'s "é" 😀 \\ {,}'],
  ["'b'::ENUM('a', 'b')", "text", "b"],
  ["DATE '1582-10-15'", "date", "1582-10-15"],
  ["DATE '0044-03-15 (BC)'", "date", "0044-03-15 BC"],
  ["TIMESTAMP '1969-12-31 23:59:59.999999'", "timestamp without time zone", "1969-12-31 23:59:59.999999"],
  ["'infinity'::TIMESTAMP", "timestamp without time zone", "infinity"],
  ["TIMESTAMP_S '2026-01-05 14:30:00'", "timestamp without time zone", "2026-01-05 14:30:00"],
  ["TIMESTAMP_NS '2026-01-05 14:30:00.123456789'", "text", "2026-01-05 14:30:00.123456789"],
  ["TIMESTAMPTZ '2026-01-05 14:30:00.5+05:30'", "timestamp with time zone", "2026-01-05 09:00:00.5+00"],
  ["TIME '23:59:59.999999'", "time without time zone", "23:59:59.999999"],
  ["'12:00:00+02'::TIMETZ", "time with time zone", "12:00:00+02"],
  ["INTERVAL '1 year -2 months 3 days -04:05:06.7'", "interval", "10 mons 3 days -04:05:06.7"],
  ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  ["'\\x00\\xFF\\x5C'::BLOB", "bytea", "\\x00ff5c"],
  ["'0101'::BIT", "bit varying", "0101"],
  [
    '\'{"b": 12345678901234567890.10, "a": null, "a": 1}\'::JSON',
    "json",
    '{"b": 12345678901234567890.10, "a": null, "a": 1}',
  ],
  ["[1, NULL, 9007199254740993]", "jsonb", "[1, null, 9007199254740993]"],
  [
    "{'a': 'nan'::DOUBLE, 'b': [0.1::FLOAT], 't': TIMESTAMP '2026-01-05 14:30:00'}",
    "jsonb",
    '{"a": "nan", "b": [0.1], "t": "2026-01-05T14:30:00Z"}',
  ],
  ["MAP {'x': 1, 'y': 2}", "jsonb", '{"x": 1, "y": 2}'],
];

function job(sql: string, table: string) {
  return sinkJob(
    {
      env: { DB_PASSWORD: PASSWORD },
      sql,
      sink: (name) => ({
        postgres: { url: postgres.url, password: "${DB_PASSWORD}", table: name, create: true },
      }),
    },
    table,
  );
}

const SELECTED = VALUES.flatMap(([value], index) => [
  `${value} AS c${index}`,
  `CASE WHEN v > 1 THEN ${value} END AS n${index}`,
]);
const QUERY = `SELECT k, ${SELECTED.join(", ")} FROM rows`;

describe("made by the sink", () => {
  test(
    "each value is what it was, and NULL is NULL",
    async () => {
      const table = freshTable();
      using one = job(QUERY, table);
      const { code, stderr } = await one.once([{ k: "a", v: 1 }]);
      expect(code).toBe(0);
      expect(stderr).not.toContain("dead letter");
      const texts = VALUES.map(
        (_, index) => `c${index}::text AS c${index}, n${index} IS NULL AS n${index}`,
      ).join(", ");
      const [row = {}] = await postgres.query(`SET TimeZone = 'UTC'; SELECT ${texts} FROM ${table}`);
      const types = await postgres.query(
        `SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute
         WHERE attrelid = '${table}'::regclass`,
      );
      const typeOf = new Map(types.map(({ attname, type }) => [attname, type]));
      for (const [index, [sql, type, text]] of VALUES.entries()) {
        expect([sql, typeOf.get(`c${index}`), row[`c${index}`]]).toEqual([sql, type, text]);
        expect([sql, row[`n${index}`]]).toEqual([sql, true]);
      }
      // It takes its own rows again: what it has made fits.
      expect(await one.once([{ k: "b", v: 1 }])).toMatchObject({ code: 0 });
    },
    TIMEOUT_MS,
  );

  test(
    "a type that PostgreSQL has not is refused before anything is made",
    async () => {
      const table = freshTable();
      using one = job("SELECT k, union_value(a := v) AS u FROM rows", table);
      const { code, stderr } = await one.once([{ k: "a", v: 1 }]);
      expect(code).toBe(2);
      expect(stderr).toContain('PostgreSQL has no type for "u" (UNION(a BIGINT))');
      expect(await postgres.query(`SELECT to_regclass('${table}') AS found`)).toEqual([{ found: null }]);
    },
    TIMEOUT_MS,
  );
});

test(
  "wider columns, domains, enums and JSON of other kinds take the values too",
  async () => {
    const table = freshTable();
    await postgres.query(`SET ROLE streamkit;
      CREATE DOMAIN ${table}_d AS numeric(30, 5); CREATE TYPE ${table}_e AS ENUM ('a', 'b');
      CREATE TABLE "${table}" ("Odd ""name" bigint, d ${table}_d, e ${table}_e, j jsonb, l json,
        t timestamptz(6),
        w varchar(3), x text, r numeric, filled int DEFAULT 7)`);
    using one = job(
      `SELECT v::INTEGER AS "Odd ""name", 1.25::DECIMAL(9, 2) AS d, k AS e, '{"a":1}'::JSON AS j, [1, 2] AS l,
        TIMESTAMP '2026-01-05 14:30:00' AS t, k AS w, v AS x,
        170141183460469231731687303715884105727 AS r FROM rows`,
      table,
    );
    const rows = [
      { k: "a", v: 1 },
      { k: "c", v: 2 },
    ];
    // "c" is no value of the enum: the row is a dead letter.
    expect(await one.once(rows)).toMatchObject({ code: 0 });
    expect(
      await postgres.query(
        `SET TimeZone = 'UTC'; SELECT row_to_json(whole)::text AS row FROM "${table}" AS whole`,
      ),
    ).toEqual([
      {
        row:
          '{"Odd \\"name":1,"d":1.25000,"e":"a","j":{"a": 1},"l":[1,2],"t":"2026-01-05T14:30:00+00:00",' +
          '"w":"a","x":"1","r":170141183460469231731687303715884105727,"filled":7}',
      },
    ]);
  },
  TIMEOUT_MS,
);
