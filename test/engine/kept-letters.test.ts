/** The checkpoint keeps the newest dead letters, within bounds of rows, bytes and age. */

import { expect, test } from "bun:test";
import { openDatabase } from "../../src/duckdb/database.ts";
import { id, join, raw, sql } from "../../src/duckdb/sql.ts";
import { deadLetterRelation } from "../../src/engine/dead-letters/batch-letters.ts";
import { type KeepBounds, openKeptLetters } from "../../src/engine/dead-letters/kept-letters.ts";
import { CHECKPOINT, relation } from "../../src/sql/stream.ts";

const DAY_MS = 86_400_000;
const WIDE: KeepBounds = { rows: 1000, size: 10_000_000, age: 365 * DAY_MS };

/** Commits batches of so many letters, a day each, and gives what is kept: the number in each line. */
async function kept(
  bounds: KeepBounds,
  batches: readonly number[],
  { lineBytes = 10, former = raw("SELECT 1") } = {},
): Promise<{ readonly numbers: readonly number[]; readonly most: number }> {
  const database = await openDatabase();
  try {
    await database.run(sql`ATTACH ':memory:' AS ${id(CHECKPOINT)}; ${former}`);
    const letters = await openKeptLetters(database, bounds);
    let number = 0;
    let most = 0;
    for (const [batch, count] of batches.entries()) {
      await database.run(sql`${deadLetterRelation()};
        INSERT INTO ${id(relation.newLetters)} SELECT 's', 'in', i,
          rpad(i || '', ${lineBytes}, ' '), 'r', ${batch}, NULL
        FROM range(${number}, ${number + count}) AS numbers(i)`);
      number += count;
      const statements = await letters.statements(count, (batch + 1) * DAY_MS);
      if (statements.length > 0) await database.run(join(statements, "; "));
      const { rows } = await database.row(
        sql`SELECT count(*) AS rows FROM ${id(CHECKPOINT, "dead_letters")}`,
      );
      most = Math.max(most, Number(rows));
    }
    const found = await database.rows(sql`SELECT line FROM ${id(CHECKPOINT, "dead_letters")}`);
    return { numbers: found.map(({ line }) => Number(line)), most };
  } finally {
    database.close();
  }
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

test("all of them within the bounds", async () => {
  expect((await kept(WIDE, [3, 0, 4])).numbers).toEqual(range(0, 7));
});

test("the newest rows, a quarter more at most", async () => {
  const { numbers, most } = await kept(
    { ...WIDE, rows: 100 },
    Array.from({ length: 30 }, () => 13),
  );
  expect(most).toBeLessThanOrEqual(125);
  expect(numbers.length).toBeGreaterThanOrEqual(100);
  expect(numbers).toEqual(range(390 - numbers.length, 390));
});

test("the last rows of one batch that is larger than all", async () => {
  expect((await kept({ ...WIDE, rows: 10 }, [500])).numbers).toEqual(range(490, 500));
  expect((await kept({ ...WIDE, rows: 0 }, [5, 5])).numbers).toEqual([]);
});

test("by bytes of lines and reasons", async () => {
  const { numbers, most } = await kept(
    { ...WIDE, size: 10_000 },
    Array.from({ length: 20 }, () => 5),
    { lineBytes: 935 },
  );
  expect(most).toBeLessThanOrEqual(12);
  expect(numbers.at(-1)).toBe(99);
  expect(numbers).toEqual(range(100 - numbers.length, 100));
});

test("by age, also when no new ones come", async () => {
  const { numbers } = await kept({ ...WIDE, age: 4 * DAY_MS }, [2, 3, 0, 0, 0, 0, 0, 0]);
  expect(numbers).toEqual([]);
  expect((await kept({ ...WIDE, age: 4 * DAY_MS }, [2, 0, 0, 0, 0, 3, 1])).numbers).toEqual(range(2, 6));
});

test("those of a former version are kept, and give way first", async () => {
  const former = sql`CREATE TABLE ${id(CHECKPOINT, "dead_letters")} AS SELECT 's' AS source, 'in' AS origin,
    0::BIGINT AS byte_offset, '-1' AS line, 'r' AS reason, 1::BIGINT AS batch`;
  expect((await kept(WIDE, [2], { former })).numbers).toEqual([-1, 0, 1]);
  expect((await kept({ ...WIDE, rows: 4 }, [3, 3], { former })).numbers).toEqual(range(2, 6));
});
