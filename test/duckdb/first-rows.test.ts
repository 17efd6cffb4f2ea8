/** The first row of a key comes first, whatever rows are ordered by, and where that is missing. */

import { expect, test } from "bun:test";
import { openDatabase } from "../../src/duckdb/database.ts";
import { raw } from "../../src/duckdb/sql.ts";
import { MIND_TRY } from "../../src/duckdb/try.ts";

/** Values that rise, as the type writes them. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  BIGINT: ["-1", "7", "9"],
  HUGEINT: ["-1", "7", "170141183460469231731687303715884105727"],
  DOUBLE: ["-1.5", "7", "nan"],
  "DECIMAL(30,4)": ["-1.5", "7", "9.25"],
  VARCHAR: ["", "a", "b"],
  BOOLEAN: ["false", "true"],
  DATE: ["1969-12-31", "2026-01-05", "2026-01-06"],
  TIME: ["00:00:00", "12:00:00", "23:59:59"],
  TIMESTAMP: ["1969-12-31 23:59:59", "2026-01-05 14:30:00", "2026-01-05 14:30:01"],
  TIMESTAMP_S: ["1969-12-31 23:59:59", "2026-01-05 14:30:00", "2026-01-05 14:30:01"],
  TIMESTAMP_MS: ["1969-12-31 23:59:59", "2026-01-05 14:30:00", "2026-01-05 14:30:01"],
  TIMESTAMP_NS: ["1969-12-31 23:59:59", "2026-01-05 14:30:00", "2026-01-05 14:30:01"],
  TIMESTAMPTZ: ["1969-12-31 23:59:59+00", "2026-01-05 14:30:00+00", "2026-01-05 14:30:01+00"],
  "INTEGER[]": ["[1]", "[1, 2]", "[2]"],
};

const ORDERS = ["ASC NULLS LAST", "ASC NULLS FIRST", "DESC NULLS LAST", "DESC NULLS FIRST"] as const;

for (const setup of [undefined, MIND_TRY])
  test(`by each type, some of it missing${setup === undefined ? "" : ", in queries with TRY"}`, async () => {
    const database = await openDatabase({ threads: 1 });
    try {
      if (setup !== undefined) await database.run(setup);
      for (const [type, values] of Object.entries(TYPES)) {
        const rows = [null, ...values, null].map((value, id) => ({ id, value }));
        const listed = rows.map(
          ({ id, value }) => `(${id}, ${value === null ? "NULL" : `'${value}'`}::${type})`,
        );
        await database.run(
          raw(`CREATE OR REPLACE TABLE t AS
            SELECT 'x' AS k, id::INTEGER AS id, v FROM (VALUES ${listed.join()}) AS t(id, v)`),
        );
        for (const order of ORDERS) {
          const rising = rows.filter(({ value }) => value !== null);
          const missing = rows.filter(({ value }) => value === null);
          const present = order.startsWith("ASC") ? rising : rising.toReversed();
          const ordered = order.endsWith("FIRST") ? [...missing, ...present] : [...present, ...missing];
          const found = await database.rows(
            raw(`SELECT k, id FROM t QUALIFY row_number() OVER (PARTITION BY k ORDER BY v ${order}, id) = 1`),
          );
          const alone = await database.rows(
            raw(`SELECT k, id FROM t WHERE v IS NOT NULL OR id = 0
              QUALIFY row_number() OVER (PARTITION BY k ORDER BY v ${order}) = 1`),
          );
          expect({ type, order, found }).toEqual({
            type,
            order,
            found: [{ k: "x", id: ordered[0]?.id ?? -1 }],
          });
          expect({ type, order, alone }).toEqual({
            type,
            order,
            alone: [{ k: "x", id: ordered[0]?.id ?? -1 }],
          });
        }
      }
    } finally {
      database.close();
    }
  });
