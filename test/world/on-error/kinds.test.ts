/** Each way in which a row makes SQL fail: the row is put aside with its reason, and the others go on. */

import { beforeAll, expect, test } from "bun:test";
import { type Left, leftBy } from "./running.ts";

interface Kind {
  readonly sql: string;
  /** A value of `v` with which the expression works, and one with which it fails. */
  readonly good: string;
  readonly bad: string;
  readonly reason: RegExp;
}

const KINDS: Readonly<Record<string, Kind>> = {
  integer: { sql: "v::INT", good: "5", bad: "n/a", reason: /'n\/a' to INTEGER/ },
  range: { sql: "v::BIGINT::TINYINT", good: "5", bad: "300", reason: /value 300 .* TINYINT/ },
  date: { sql: "v::DATE", good: "2026-01-05", bad: "2026-13-05", reason: /2026-13-05/ },
  timestamp: { sql: "v::TIMESTAMP", good: "2026-01-05 10:00:00", bad: "soon", reason: /soon/ },
  decimal: { sql: "v::DECIMAL(4, 2)", good: "12.25", bad: "1234.5", reason: /1234\.5/ },
  uuid: { sql: "v::UUID", good: "00000000-0000-0000-0000-000000000001", bad: "u", reason: /UUID|u/ },
  enumeration: { sql: "v::ENUM('a', 'b')", good: "a", bad: "c", reason: /'c'/ },
  overflow: { sql: "v::BIGINT + 1", good: "5", bad: "9223372036854775807", reason: /[Oo]verflow/ },
  product: { sql: "v::BIGINT * n", good: "5", bad: "9223372036854775807", reason: /[Oo]verflow/ },
  regex: { sql: "regexp_matches('a', v)", good: "a", bad: "(", reason: /missing \)/ },
  json: { sql: "json_extract(v, '$.a')", good: '{"a":1}', bad: '{"a"', reason: /JSON/ },
  jsonCast: { sql: "v::JSON", good: '{"a":1}', bad: "{", reason: /JSON/ },
  list: { sql: "v::INT[]", good: "[1, 2]", bad: "[1, x]", reason: /x/ },
  array: { sql: "string_split(v, ',')::VARCHAR[2]", good: "a,b", bad: "a,b,c", reason: /length|size/ },
  map: { sql: "map([v, 'a'], [1, 2])", good: "b", bad: "a", reason: /unique/ },
  parsed: { sql: "strptime(v, '%Y-%m-%d')", good: "2026-01-05", bad: "x", reason: /%Y-%m-%d/ },
  root: { sql: "sqrt(v::DOUBLE)", good: "4", bad: "-1", reason: /square root/ },
  logarithm: { sql: "ln(v::DOUBLE)", good: "1", bad: "0", reason: /logarithm/ },
  made: { sql: "make_date(2026, v::INT, 1)", good: "2", bad: "13", reason: /2026-13/ },
  interval: { sql: "DATE '2026-01-05' + to_years(v::INT)", good: "1", bad: "200000000", reason: /range/ },
  hex: { sql: "unhex(v)", good: "00ff", bad: "xy", reason: /hex/ },
  base64: { sql: "from_base64(v)", good: "YQ==", bad: "Y", reason: /base64/i },
  letter: { sql: "chr(v::INT)", good: "65", bad: "-1", reason: /Codepoint/ },
  own: {
    sql: "CASE WHEN v = 'x' THEN error('not ' || v) ELSE v END",
    good: "y",
    bad: "x",
    reason: /^not x$/,
  },
  subquery: {
    sql: "(SELECT i FROM range(v::INT) AS r(i))",
    good: "1",
    bad: "2",
    reason: /More than one row/,
  },
  bucket: { sql: "time_bucket(to_seconds(v::INT), ts)", good: "5", bad: "0", reason: /Period/ },
};

const names = Object.keys(KINDS);

/** Each kind has a column of its own, in the second of three rows with its bad value. */
async function left(): Promise<Left> {
  const rows = [1, 2, 3].map((n) => ({
    ts: "2026-01-05T10:00:00Z",
    n,
    ...Object.fromEntries(names.map((name) => [name, n === 2 ? KINDS[name]?.bad : KINDS[name]?.good])),
  }));
  const columns = Object.fromEntries(names.map((name) => [name, "VARCHAR"]));
  const queries = names.flatMap((name) => {
    const sql = KINDS[name]?.sql.replaceAll(/\bv\b/g, `"${name}"`) ?? "";
    return [
      [`chosen_${name}`, `SELECT n, ${sql} AS x FROM t`],
      [`kept_${name}`, `SELECT n FROM t WHERE (${sql}) IS NOT NULL`],
      [`summed_${name}`, `SELECT window_start, count(${sql}) AS c FROM ${PER_MINUTE} GROUP BY ALL`],
    ];
  });
  const schema = { ts: "TIMESTAMP", n: "BIGINT", ...columns };
  const yaml = JSON.stringify({
    sources: { t: { from: "file:in.ndjson", schema } },
    queries: Object.fromEntries(queries) as Record<string, string>,
  });
  return leftBy(yaml, { "in.ndjson": rows.map((row) => `${JSON.stringify(row)}\n`).join("") });
}

const PER_MINUTE = "tumble(t, ts, INTERVAL 1 MINUTE)";
let found: Left;

beforeAll(async () => {
  found = await left();
}, 120_000);

for (const [name, { bad, reason }] of Object.entries(KINDS))
  test(name, () => {
    const { rows, letters } = found;
    expect(rows[`chosen_${name}`]).toMatchObject([{ n: 1 }, { n: 3 }]);
    expect(rows[`kept_${name}`]).toEqual([{ n: 1 }, { n: 3 }]);
    expect(rows[`summed_${name}`]).toMatchObject([{ c: 2 }]);
    const own = letters.filter(({ query }) => query?.endsWith(`_${name}`));
    expect(own).toHaveLength(3);
    for (const letter of own) {
      expect(letter).toMatchObject({ source: "t" });
      expect(JSON.parse(letter.line)).toMatchObject({ [name]: bad });
      expect(letter.reason).toMatch(reason);
      expect(letter.reason).not.toMatch(/LINE \d|"_|Error:|\n/);
      // Of a row that waited for its window, the place is not known any more.
      if (letter.origin !== null) expect(letter.origin).toBe("in.ndjson");
    }
  });
