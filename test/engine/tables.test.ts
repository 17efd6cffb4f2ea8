/** A static table whose file is no table for a moment keeps its rows, says so, and says when it is well. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../src/base/error.ts";
import { configureLogging } from "../../src/base/log.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { raw, sql } from "../../src/duckdb/sql.ts";
import { openTables } from "../../src/engine/tables.ts";
import { steppedClock } from "../commands/stepped-clock.ts";
import { emptyFolder } from "../support/binary.ts";

let database: Database;
const words: string[] = [];
beforeAll(async () => {
  database = await openDatabase({ threads: 1 });
  configureLogging("info", (line) => words.push(line));
});
afterAll(() => {
  database.close();
  configureLogging("error", () => {});
});

async function tableOf(folder: string, name: string, text: string) {
  const file = join(folder, name);
  writeFileSync(file, text);
  const clock = steppedClock();
  const tables = await openTables(database, { c: { from: file, refresh: 1000 } }, folder, clock);
  words.length = 0;
  return {
    file,
    /** What a look at the file says, and the rows after it. */
    async look() {
      await clock.advance(1000);
      await tables.refresh();
      const rows = await database.rows(sql`SELECT n, typeof(n) AS type FROM c ORDER BY n`);
      return { said: words.splice(0), rows: rows.map(({ n, type }) => `${n} ${type}`) };
    },
  };
}

const KEPT = ["1 BIGINT", "2 BIGINT"];

const FAULTS: Readonly<Record<string, readonly [text: string, said: string]>> = {
  "nothing at all": ["", "is empty"],
  "a header alone": ["n,name\n", "has no rows"],
  "no text": ["\0\u0001\u001f\u008b\0garbage", "can't be read"],
  "a column less": ["id,name\n1,a\n", 'has no column "n"'],
  "values of another type": ["n,name\nx,a\n", "does not fit"],
  "another kind of file": ["\u007fELF", "can't be read"],
};

test.each(Object.keys(FAULTS))("%s", async (name) => {
  using folder = emptyFolder();
  const table = await tableOf(folder.path, "c.csv", "n,name\n1,a\n2,b\n");
  const [text, said] = FAULTS[name] ?? [];
  writeFileSync(table.file, text ?? "");
  const first = await table.look();
  expect(first.rows).toEqual(KEPT);
  expect(first.said).toHaveLength(1);
  expect(first.said[0]).toContain("warning: Table c keeps the rows that it had");
  expect(first.said[0]).toContain(said ?? "");
  expect(await table.look()).toEqual({ said: [], rows: KEPT });
  writeFileSync(table.file, "n,name,more\n3,c,x\n");
  expect(await table.look()).toEqual({
    said: ["streamkit: Table c is as its file again"],
    rows: ["3 BIGINT"],
  });
});

test("a file with a hole is refused without the settings of DuckDB's reader", async () => {
  using folder = emptyFolder();
  const hole = `a,b\n1,2\n${"\0".repeat(16)}\n3,4\n`;
  const refused = await tableOf(folder.path, "c.csv", hole).then(String, messageOf);
  expect(refused).toContain('The table "c" can\'t be read from');
  expect(refused).not.toMatch(/Possible fixes|Candidates/);
});

test("a file that goes and comes back as it was", async () => {
  using folder = emptyFolder();
  const table = await tableOf(folder.path, "c.ndjson", '{"n":1}\n{"n":2}\n');
  renameSync(table.file, `${table.file}.away`);
  expect((await table.look()).said).toHaveLength(1);
  renameSync(`${table.file}.away`, table.file);
  expect(await table.look()).toEqual({ said: ["streamkit: Table c is as its file again"], rows: KEPT });
  rmSync(table.file);
  mkdirSync(table.file);
  expect(await table.look()).toMatchObject({ rows: KEPT });
});

test("a table is not begun with a file that is empty", async () => {
  using folder = emptyFolder();
  expect(await tableOf(folder.path, "c.csv", "").catch(messageOf)).toContain("it is empty");
});

describe("what batches saw", () => {
  const PENDING = { pendingPlan: { batch: 2, ranges: {}, idle: [], endsInput: false, plannedAtMs: 0 } };
  const NONE = { pendingPlan: undefined };
  const rowsOf = async (name: string): Promise<unknown> =>
    (await database.rows(raw(`SELECT n FROM ${name} ORDER BY n`))).map(({ n }) => Number(n));
  const open = async (folder: string, text: string) => {
    const { file } = await tableOf(folder, "c.csv", text);
    const clock = steppedClock();
    const tables = await openTables(database, { c: { from: file, refresh: 1 } }, folder, clock);
    return {
      tables,
      async change(to: string) {
        writeFileSync(file, to);
        await clock.advance(1);
        await tables.refresh();
      },
    };
  };
  beforeEach(() => database.run(raw("ATTACH ':memory:' AS ckpt")));
  afterEach(() => database.run(raw("DETACH ckpt")));

  test("a batch that is repeated sees it again, and the next one the file", async () => {
    using folder = emptyFolder();
    const first = await open(folder.path, "n\n1\n");
    await first.tables.settle(NONE);
    await first.change("n\n2\n");
    expect([...first.tables.changed()]).toEqual(["c"]);
    // The job dies in the batch, and the file changes once more.
    const second = await open(folder.path, "n\n3\n");
    await second.tables.settle(PENDING);
    expect(await rowsOf("c")).toEqual([2]);
    expect(await rowsOf("ckpt.table_c")).toEqual([1]);
    for (const statement of second.tables.commit()) await database.run(statement);
    second.tables.committed();
    expect(await rowsOf("ckpt.table_c")).toEqual([2]);
    await second.change("n\n3\n");
    expect(await rowsOf("c")).toEqual([3]);
    expect([...second.tables.changed()]).toEqual(["c"]);
  });

  test("the same rows in another order are no change", async () => {
    using folder = emptyFolder();
    const { tables, change } = await open(folder.path, "n\n1\n2\n");
    await tables.settle(NONE);
    await change("n\n2\n1\n");
    expect([...tables.changed()]).toEqual([]);
    await change("n\n2\n1\n1\n");
    expect([...tables.changed()]).toEqual(["c"]);
  });

  test("a table that the job no longer has is dropped", async () => {
    using folder = emptyFolder();
    await database.run(raw("CREATE TABLE ckpt.table_gone AS SELECT 1 AS n"));
    const { tables } = await open(folder.path, "n\n1\n");
    await tables.settle(NONE);
    const kept = await database.rows(
      raw("SELECT table_name AS n FROM duckdb_tables() WHERE database_name = 'ckpt'"),
    );
    expect(kept).toEqual([{ n: "table_c" }]);
  });
});
