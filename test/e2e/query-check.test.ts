/** Questions to a warehouse and to a job: `query` and `check` as people ask them. */

import { describe, expect, test } from "bun:test";
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { emptyFolder } from "../support/binary.ts";
import { output, rowsOf, shell, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";

const ROOT = join(import.meta.dirname, "../..");

/** A small warehouse with a table and one of a database, made as users make it. */
async function fillWarehouse(folder: string): Promise<void> {
  await Bun.write(
    join(folder, "job.yaml"),
    `
sources: { a: { from: "-", schema: { ts: TIMESTAMP, k: VARCHAR, n: BIGINT } } }
sinks:
  - { from: a, parquet: { table: plain } }
  - { from: a, parquet: { table: web.hits, partition_by: [dt=ts::DATE, k] } }
`,
  );
  const input = [
    { ts: "2026-01-05T10:00:00.000Z", k: "x", n: 1 },
    { ts: "2026-01-05T23:59:59.999Z", k: "y", n: 9_007_199_254_740_993n },
    { ts: "2026-01-06T00:00:00.000Z", k: "x", n: null },
  ].map((row) => `{"ts":"${row.ts}","k":"${row.k}","n":${row.n}}\n`);
  await output(["process", "job.yaml"], { cwd: folder, input: input.join("") });
}

describe("query", () => {
  test("prints tables, JSON, NDJSON and CSV of the same rows", async () => {
    using folder = emptyFolder();
    await fillWarehouse(folder.path);
    const ask = (format: string) =>
      output(["query", "SELECT k, n, ts FROM web.hits ORDER BY ts;", "--format", format], {
        cwd: folder.path,
      });
    expect(await ask("table")).toBe(
      [
        "k                 n  ts                        ",
        "─  ────────────────  ──────────────────────────",
        "x                 1  2026-01-05 10:00:00+00",
        "y  9007199254740993  2026-01-05 23:59:59.999+00",
        "x              NULL  2026-01-06 00:00:00+00",
        "(3 rows)",
        "",
      ]
        .map((line) => line.trimEnd())
        .join("\n"),
    );
    const rows = [
      '{"k":"x","n":1,"ts":"2026-01-05T10:00:00.000Z"}',
      '{"k":"y","n":9007199254740993,"ts":"2026-01-05T23:59:59.999Z"}',
      '{"k":"x","n":null,"ts":"2026-01-06T00:00:00.000Z"}',
    ];
    expect(await ask("ndjson")).toBe(`${rows.join("\n")}\n`);
    expect(await ask("json")).toBe(`[\n${rows.join(",\n")}\n]\n`);
    expect(await ask("csv")).toBe(
      [
        "k,n,ts",
        "x,1,2026-01-05 10:00:00+00",
        "y,9007199254740993,2026-01-05 23:59:59.999+00",
        "x,,2026-01-06 00:00:00+00",
        "",
      ].join("\n"),
    );
  });

  test("writes Parquet to a file or a pipe", async () => {
    using folder = emptyFolder();
    const args = ["query", "SELECT range::INTEGER AS n FROM range(1000)", "--format", "parquet"];
    await output([...args, "--out", "file.parquet"], { cwd: folder.path });
    const piped = await shell(`"$S" query "$Q" --format parquet > pipe.parquet`, {
      cwd: folder.path,
      env: { Q: args[1] ?? "" },
    });
    expect(piped).toMatchObject({ code: 0, stderr: "" });
    for (const name of ["file.parquet", "pipe.parquet"]) {
      const count = await output(["query", `SELECT sum(n)::INT AS n FROM '${name}'`, "--format", "csv"], {
        cwd: folder.path,
      });
      expect(count).toBe("n\n499500\n");
      expect(readFileSync(join(folder.path, name)).toString("latin1", 0, 4)).toBe("PAR1");
    }
  });

  test("prunes and names partitions, and lists its tables", async () => {
    using folder = emptyFolder();
    await fillWarehouse(folder.path);
    const ask = async (sql: string) =>
      rowsOf(await output(["query", sql, "--format", "ndjson"], { cwd: folder.path }));
    expect(await ask("SELECT dt, count(*) AS n FROM web.hits GROUP BY dt ORDER BY dt")).toEqual([
      { dt: "2026-01-05", n: 2 },
      { dt: "2026-01-06", n: 1 },
    ]);
    expect(await ask("SELECT n FROM web.hits WHERE dt = DATE '2026-01-05' AND k = 'x'")).toEqual([{ n: 1 }]);
    expect(await ask("SHOW TABLES")).toEqual([{ name: "plain" }, { name: "web.hits" }]);
    expect((await ask("DESCRIBE plain")).map((row) => row["column_name"])).toEqual(["ts", "k", "n"]);
    const shown = await output(["query", "SHOW TABLES"], { cwd: folder.path });
    expect(shown).toBe("name\n────────\nplain\nweb.hits\n(2 rows)\n");
  });

  test("says what is wrong in words about the question, not about its own SQL", async () => {
    using folder = emptyFolder();
    await fillWarehouse(folder.path);
    const wrong = [
      ["FROM nowhere", 'There is no table "nowhere" in "./warehouse": found plain, web.hits'],
      ["SELECT nope FROM plain", 'column "nope"'],
      ["SELEC 1 FROM plain", "syntax error"],
      ["SELECT 1 FRM x y; SELECT 2", "syntax error"],
      ["CREATE TABLE x (a INT)", "query answers questions and changes nothing: found CREATE"],
      ["-- all of it", "An SQL query is expected"],
      ["  ", "An SQL query is expected"],
    ] as const;
    for (const [sql, message] of wrong) {
      const { code, stdout, stderr } = await streamkit(["query", sql], { cwd: folder.path });
      expect({ sql, code, stdout }).toEqual({ sql, code: 2, stdout: "" });
      expect(stderr).toContain(message);
      expect(stderr).not.toMatch(/LINE \d|DESCRIBE SELECT|_answer/);
    }
  });

  test("works where there is no warehouse yet", async () => {
    using folder = emptyFolder();
    const options = { cwd: folder.path };
    expect(await output(["query", "SELECT 1 AS one", "--format", "json"], options)).toBe('[\n{"one":1}\n]\n');
    expect(await output(["query", "SELECT 1 AS one WHERE false", "--format", "json"], options)).toBe("[]\n");
    const missing = await streamkit(["query", "FROM ohlc"], options);
    expect(missing).toMatchObject({ code: 2, stdout: "" });
    expect(missing.stderr).toBe('streamkit: There is no table "ohlc" in "./warehouse": no table is there\n');
    const noCheckpoint = await streamkit(["query", "SELECT 1", "--checkpoint", "state"], options);
    expect(noCheckpoint).toMatchObject({ code: 2, stdout: "" });
    expect(noCheckpoint.stderr).toContain('there is no checkpoint in "state"');
    expect(globSync(join(folder.path, "*"))).toEqual([]);
  });

  test("a checkpoint's tables: while its job runs, and after it", async () => {
    using folder = emptyFolder();
    const options = { cwd: folder.path };
    const flags = ["--sql", "SELECT a FROM input", "--schema", "a INT", "--checkpoint", "state"];
    await using job = await start(["process", ...flags], options);
    await job.feed('{"a":1}\nbroken\n');
    await until("a row", () => job.stdout() !== "");
    const question = ["query", "SELECT line FROM checkpoint.dead_letters", "--checkpoint", "state"];
    const busy = await streamkit(question, options);
    expect(busy).toMatchObject({ code: 0, stderr: "" });
    expect(busy.stdout).toContain("broken");
    await job.feed('{"a":2}\nworse\n');
    await until("another row", () => job.stdout().includes('"a":2'));
    const alone = [
      "query",
      "SELECT line, batch FROM dead_letters",
      "--checkpoint",
      "state",
      "--format",
      "csv",
    ];
    expect(await output(alone, options)).toStartWith("line,batch\nbroken,1\nworse,");
    await job.endInput();
    expect((await job.finished()).code).toBe(0);
    expect(await output([...question, "--format", "csv"], options)).toBe("line\nbroken\nworse\n");
  });

  test("| head -1 ends it quietly", async () => {
    const { stdout, stderr } = await shell(
      `"$S" query "FROM range(1000000)" --format csv | head -1; echo "\${PIPESTATUS[*]}"`,
    );
    expect({ stdout, stderr }).toEqual({ stdout: "range\n0 0\n", stderr: "" });
  });
});

describe("check", () => {
  const fixtures = globSync(join(ROOT, "fixtures/*.yaml")).toSorted();
  const vega = join(ROOT, "node_modules/vega-datasets/data");
  const env = (fixture: string): Record<string, string> => ({
    ...(process.env as Record<string, string>),
    LOG: "access.log",
    CSV: join(vega, fixture.includes("sp500") ? "sp500.csv" : "stocks.csv"),
  });

  test("there are fixtures", () => expect(fixtures.length).toBeGreaterThanOrEqual(3));

  for (const fixture of fixtures) {
    test(`${basename(fixture)}: for each query the execution, its state and why`, async () => {
      const plan = await output(["check", fixture], { env: env(fixture) });
      const { name, queries, sinks } = parse(readFileSync(fixture, "utf8")) as {
        name: string;
        queries: Record<string, unknown>;
        sinks: readonly unknown[];
      };
      expect(plan).toStartWith(`job ${name}\n`);
      expect(plan).toEndWith("OK\n");
      for (const query of Object.keys(queries)) {
        const part = plan.split("\n\n").find((section) => section.startsWith(`query ${query}\n`)) ?? "";
        for (const fact of ["reads", "mode", "columns", "execution", "state", "because"])
          expect(part).toMatch(new RegExp(`^  ${fact} +\\S`, "m"));
      }
      expect(plan.match(/^sink /gm)).toHaveLength(sinks.length);
    });
  }

  test("creates nothing and reads no stdin", async () => {
    using folder = emptyFolder();
    await Bun.write(
      join(folder.path, "job.yaml"),
      `
checkpoint: state
sources: { a: { from: "-", schema: { n: INTEGER } } }
sinks: [{ from: a, to: "file:out/a.ndjson" }, { from: a, parquet: { table: a } }]
`,
    );
    await Bun.write(join(folder.path, "input"), "{}\n");
    const { code, stdout } = await shell('{ "$S" check job.yaml > plan; cat; } < input', {
      cwd: folder.path,
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "{}\n" });
    expect(
      globSync(join(folder.path, "*"))
        .map((file) => basename(file))
        .toSorted(),
    ).toEqual(["input", "job.yaml", "plan"]);
  });

  test("refuses what process refuses, in the same words", async () => {
    for (const sql of ["SELECT prize FROM input", "SELECT * FROM input LIMIT 3", "SELEC"]) {
      const flags = ["--sql", sql, "--schema", "ts TIMESTAMP, price DOUBLE"];
      const checked = await streamkit(["check", ...flags]);
      const processed = await streamkit(["process", ...flags], { input: "" });
      expect(checked).toMatchObject({ code: 2, stdout: "" });
      expect(processed).toEqual(checked);
    }
  });

  test("warns of what readers of a Parquet table stumble over", async () => {
    using folder = emptyFolder();
    const schema = "{ ts: TIMESTAMP, price: 'DECIMAL(9,2)', at: TIME, n: BIGINT }";
    const job = (columns: string, partitions: string) => `
sources: { a: { from: "-", schema: ${columns} } }
sinks: [{ from: a, parquet: { table: t, partition_by: [${partitions}] } }]
`;
    const check = async (text: string) => {
      await Bun.write(join(folder.path, "job.yaml"), text);
      return streamkit(["check", "job.yaml"], { cwd: folder.path });
    };
    const { stdout } = await check(job(schema, "h=ts"));
    const beware = stdout.match(/(?<=beware +)\S.*/g) ?? [];
    expect(beware).toEqual([
      expect.stringMatching(/^"ts" can't be read by Hive before 4, nor by Spark with convertMetastore/),
      expect.stringMatching(/^"price" can't be read by Hive before 4.*cast it to DECIMAL\(19,2\)/),
      expect.stringMatching(/^"at" is written as text like 14:30:00/),
      expect.stringMatching(/^"h" is a string in the table/),
    ]);
    expect((await check(job(schema, "TS=n"))).stdout).toContain('"ts" and "TS" are one of its columns');
    const wrong = await check(job("{ n: BIGINT }", "dt=day(nn)"));
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('"nn"');
  });

  test("--json-schema is a schema that takes the fixtures and refuses a slip", async () => {
    const schema = JSON.parse(await output(["check", "--json-schema"])) as JsonSchema;
    expect(schema.$schema).toContain("json-schema.org");
    for (const fixture of fixtures)
      expect(complaints(schema, parse(readFileSync(fixture, "utf8")), basename(fixture))).toEqual([]);
    const job = { sources: { a: { from: "-", watermrk: "5s" } } };
    expect(complaints(schema, job, "job")).toEqual(["job.sources.a.watermrk: unknown"]);
    expect(complaints(schema, { sources: { a: { from: 5 } } }, "job")).toEqual([
      "job.sources.a.from: no alternative",
    ]);
    expect(complaints(schema, {}, "job")).toEqual(["job.sources: missing"]);
  });
});

interface JsonSchema {
  readonly $schema?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
}

/** What of JSON Schema an editor needs to check a job: types, keys, alternatives. */
function complaints(schema: JsonSchema, value: unknown, at: string): string[] {
  if (schema.anyOf !== undefined)
    return schema.anyOf.some((branch) => complaints(branch, value, at).length === 0)
      ? []
      : [`${at}: no alternative`];
  if (schema.enum !== undefined && !schema.enum.includes(value))
    return [`${at}: not one of ${schema.enum.join()}`];
  const type = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  const types = [schema.type ?? type].flat().map((name) => (name === "integer" ? "number" : name));
  if (!types.includes(type)) return [`${at}: ${type}, not ${types.join()}`];
  if (Array.isArray(value))
    return value.flatMap((item, index) => complaints(schema.items ?? {}, item, `${at}.${index}`));
  if (typeof value !== "object" || value === null) return [];
  const missing = (schema.required ?? [])
    .filter((key) => !(key in value))
    .map((key) => `${at}.${key}: missing`);
  const inner = Object.entries(value).flatMap(([key, item]) => {
    const own = schema.properties?.[key] ?? schema.additionalProperties ?? true;
    if (own === false) return [`${at}.${key}: unknown`];
    return own === true ? [] : complaints(own, item, `${at}.${key}`);
  });
  return [...missing, ...inner];
}
