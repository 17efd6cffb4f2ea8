/** Texts that name partition folders come back as they were, whatever they look like. */

import { describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { openDatabase } from "../../../src/duckdb/database.ts";
import { sql } from "../../../src/duckdb/sql.ts";
import { partitionedRows } from "../../../src/warehouse/partitioned-rows.ts";
import { fetchTables } from "../../../src/warehouse/remote-tables.ts";
import { openStore } from "../../../src/warehouse/stores.ts";
import { emptyFolder } from "../../support/binary.ts";
import { streamkit } from "../from-source.ts";

const TEXTS: readonly (string | null)[] = [
  "NULL",
  "null",
  "Null",
  "nUlL",
  "NA",
  "N/A",
  "None",
  "nil",
  "nan",
  "NaN",
  "inf",
  "true",
  "FALSE",
  "1e5",
  "007",
  "+1",
  "-0",
  "1_000",
  "0x1F",
  " x ",
  "NULL ",
  "2026-01-05",
  "2026-01-05 10:00:00",
  "a/b",
  "50%",
  "%4e",
  "%4EULL",
  "%zz",
  "a+b",
  "x=y",
  "p=null",
  ".",
  "..",
  "_x",
  String.raw`\N`,
  '"q"',
  "it's",
  "a b",
  "*",
  "[ab]",
  "ü",
  "日本",
  "🙂",
  null,
];
const ROWS = TEXTS.map((p, id) => ({ id, p }));
const INPUT = ROWS.map((row) => `${JSON.stringify(row)}\n`).join("");
const TIMEOUT_MS = 60_000;

async function write(folder: string, input: string, ...flags: readonly string[]): Promise<void> {
  const schema = ["--schema", "id BIGINT, p VARCHAR", "--table", "t", "--warehouse", "wh"];
  const args = ["write", "--quiet", "--once", ...schema, ...flags];
  const { code, stderr } = await streamkit(args, { cwd: folder, input });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
}

async function ask(folder: string, question: string): Promise<readonly unknown[]> {
  const args = ["query", question, "--warehouse", "wh", "--format", "ndjson"];
  const { code, stdout, stderr } = await streamkit(args, { cwd: folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as unknown]));
}

describe("a table that write has made", () => {
  test(
    "gives the texts back, also after more was written and all was compacted",
    async () => {
      using folder = emptyFolder();
      await write(folder.path, INPUT, "--partition-by", "p");
      expect(await ask(folder.path, "SELECT id, p FROM t ORDER BY id")).toEqual(ROWS);
      await write(folder.path, INPUT, "--partition-by", "p");
      const compacted = await streamkit(["write", "--compact", "t", "--warehouse", "wh"], {
        cwd: folder.path,
      });
      expect(compacted.code).toBe(0);
      const twice = await ask(folder.path, "SELECT id, p, count(*) AS c FROM t GROUP BY ALL ORDER BY id");
      expect(twice).toEqual(ROWS.map((row) => ({ ...row, c: 2 })));
      expect(
        await ask(
          folder.path,
          "SELECT p, count(*) AS c FROM t WHERE lower(p) = 'null' GROUP BY ALL ORDER BY p",
        ),
      ).toEqual(["NULL", "Null", "nUlL", "null"].map((p) => ({ p, c: 2 })));
      expect(await ask(folder.path, "SELECT id FROM t WHERE p IS NULL GROUP BY ALL")).toEqual([
        { id: TEXTS.indexOf(null) },
      ]);
    },
    TIMEOUT_MS,
  );

  test(
    "two texts, one beside a number and a date: types are those of the table",
    async () => {
      using folder = emptyFolder();
      const schema = ["--schema", "id BIGINT, a VARCHAR, n BIGINT, d DATE, filename VARCHAR"];
      const rows = [
        { id: 0, a: "null", n: 7, d: "2026-01-05", filename: "x" },
        { id: 1, a: "007", n: null, d: null, filename: "NULL" },
        { id: 2, a: "NULL", n: 8, d: "2026-01-06", filename: null },
      ];
      const args = [
        "--table",
        "t",
        "--warehouse",
        "wh",
        "--partition-by",
        "a",
        "--partition-by",
        "n",
        "--partition-by",
        "d",
      ];
      const input = rows.map((row) => JSON.stringify(row)).join("\n");
      const { code } = await streamkit(["write", "--quiet", "--once", ...schema, ...args], {
        cwd: folder.path,
        input,
      });
      expect(code).toBe(0);
      expect(await ask(folder.path, "SELECT id, a, n, d, filename FROM t ORDER BY id")).toEqual(rows);
      expect(await ask(folder.path, "SELECT id FROM t WHERE a = 'null' AND n = 7")).toEqual([{ id: 0 }]);
    },
    TIMEOUT_MS,
  );
});

describe("how files are read", () => {
  test(
    "files of other partitions are not opened",
    async () => {
      using folder = emptyFolder();
      await write(folder.path, '{"id":1,"p":"null"}\n{"id":2,"p":"a"}\n', "--partition-by", "p");
      const broken = join(folder.path, "wh/t/p=b");
      mkdirSync(broken);
      writeFileSync(join(broken, "part-x-1-0.parquet"), "no Parquet");
      expect(await ask(folder.path, "SELECT id FROM t WHERE p = 'null'")).toEqual([{ id: 1 }]);
      expect(await ask(folder.path, "SELECT id FROM t WHERE p IN ('a', 'NULL')")).toEqual([{ id: 2 }]);
    },
    TIMEOUT_MS,
  );

  test(
    "a table that does not say its types, and one that is fetched from elsewhere",
    async () => {
      using folder = emptyFolder();
      await write(folder.path, INPUT, "--partition-by", "p");
      const database = await openDatabase({ threads: 1 });
      try {
        const files = sql`${join(folder.path, "wh/t/**/*.parquet")}`;
        const example = join(folder.path, "wh/t/p=NULL/x.parquet");
        const found = await partitionedRows(database, {
          files,
          partitions: undefined,
          example,
          unites: true,
        });
        const rows = await database.rows(sql`SELECT id::INTEGER AS id, p FROM (${found}) ORDER BY id`);
        expect(rows).toEqual(ROWS);
        const target = join(folder.path, "fetched/wh");
        const store = openStore(join(folder.path, "wh"), { baseFolder: "/", clock: systemClock, env: {} });
        await fetchTables(database, store, "SELECT * FROM t WHERE p = 'null' OR p IS NULL", target);
        expect(
          readdirSync(join(target, "t"))
            .filter((name) => name.startsWith("p="))
            .toSorted(),
        ).toEqual(["p=__HIVE_DEFAULT_PARTITION__", "p=null"]);
        expect(await ask(join(folder.path, "fetched"), "SELECT p FROM t ORDER BY p NULLS LAST")).toEqual([
          { p: "null" },
          { p: null },
        ]);
      } finally {
        database.close();
      }
    },
    TIMEOUT_MS,
  );

  test(
    "a static table: the folders of its file are no columns, those of a pattern are",
    async () => {
      using folder = emptyFolder();
      await write(folder.path, '{"id":1,"p":"null"}\n{"id":2,"p":"NA"}\n', "--partition-by", "p");
      const place = join(folder.path, "n=7");
      mkdirSync(place);
      cpSync(join(folder.path, "wh"), join(place, "wh"), { recursive: true });
      writeFileSync(join(place, "names.csv"), "id,name\n1,one\n2,two\n");
      writeFileSync(
        join(place, "job.yaml"),
        `sources: { ticks: { from: "file:in.ndjson", schema: { id: BIGINT } } }
tables:
  names: { from: "file:names.csv" }
  parts: { from: "file:../wh/t/**/*.parquet" }
queries:
  q: SELECT * FROM ticks JOIN names USING (id) JOIN parts USING (id)
`,
      );
      writeFileSync(join(place, "in.ndjson"), '{"id":1}\n{"id":2}\n');
      const { code, stdout } = await streamkit(["process", "job.yaml", "--once"], { cwd: place });
      expect(code).toBe(0);
      const rows = stdout
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { row: unknown }).row);
      expect(rows).toEqual([
        { id: 1, name: "one", p: "null" },
        { id: 2, name: "two", p: "NA" },
      ]);
    },
    TIMEOUT_MS,
  );
});
