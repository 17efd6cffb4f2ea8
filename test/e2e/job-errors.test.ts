/** Whatever is wrong in a job: the place, what was found, what would be right; and nothing has happened. */

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder, type RunResult } from "../support/binary.ts";
import { output, rowsOf, shell, streamkit } from "../support/running.ts";

const JOB = `name: market
checkpoint: state
sources:
  ticks:
    from: "-"
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE }
    watermark: 5s
queries:
  clean: SELECT * FROM ticks WHERE price > 0
  minute:
    mode: update
    sql: |
      SELECT symbol, window_start, max(price) AS high
      FROM tumble(clean, ts, INTERVAL 1 MINUTE) GROUP BY ALL
sinks:
  - { from: minute, to: "file:out/minute.ndjson" }
`;
const INPUT = '{"ts":"2026-01-05T10:00:00Z","symbol":"A","price":1}\n';
const SECRET = "hunter2-of-the-broker";

interface Fault {
  readonly name: string;
  /** What of the job becomes what. */
  readonly edit: readonly [from: string, to: string];
  /** Line, column and key. */
  readonly place: string;
  /** Found and expected. */
  readonly says: readonly string[];
}

const KNOWN_SOURCE_KEYS =
  "(known: from, format, schema, timezone, select, time, watermark, max_ahead, max_bad, received, idle, " +
  "rate, pattern, log_format, delimiter)";
const DURATION = "a duration like 250ms, 5s, 1m or 2h is expected, found";

const faults: readonly Fault[] = [
  { name: "an open quote", edit: ["name: market", 'name: "market'], place: ":1:14: ", says: ["closing"] },
  { name: "a tab", edit: ['    from: "-"', '\tfrom: "-"'], place: ":5:1: ", says: ["Tabs are not allowed"] },
  {
    name: "a key twice",
    edit: ["name: market", "name: a\nname: b"],
    place: ":2:1: ",
    says: ["keys must be unique"],
  },
  {
    name: "no job at all",
    edit: [JOB, "hello"],
    place: ":1:1: ",
    says: ['keys and values is expected, found "hello"'],
  },
  {
    name: "an unknown key of a source",
    edit: ["watermark:", "watermrk:"],
    place: ":7:5: sources.ticks.watermrk: ",
    says: ['unknown key "watermrk"; did you mean "watermark"?', KNOWN_SOURCE_KEYS],
  },
  {
    name: "an unknown key of the job, and one that is missing for it",
    edit: ["sources:", "source:"],
    place: ":3:1: source: ",
    says: ['did you mean "sources"?'],
  },
  {
    name: "an unknown key of a query",
    edit: ["mode: update", "mod: update"],
    place: ":11:5: queries.minute.mod: ",
    says: ['did you mean "mode"?', "(known: sql, mode, key, lateness, on_error, state)"],
  },
  {
    name: "an unknown key of a Parquet sink",
    edit: ['to: "file:out/minute.ndjson"', "parquet: { tabel: m }"],
    place: ":16:32: sinks.0.parquet.tabel: ",
    says: ['did you mean "table"?', "(known: warehouse, table, partition_by, roll,"],
  },
  {
    name: "an unknown kind of source",
    edit: ['from: "-"', "from: { simulat: { kind: quotes } }"],
    place: ":5:13: sources.ticks.from.simulat: ",
    says: ['did you mean "simulate"?'],
  },
  {
    name: "a missing key",
    edit: ['to: "file:out/minute.ndjson"', "parquet: { warehouse: wh }"],
    place: ":16:21: sinks.0.parquet.table: ",
    says: ["it is missing; text is expected"],
  },
  {
    name: "a wrong choice",
    edit: ["mode: update", "mode: upsert"],
    place: ":11:5: queries.minute.mode: ",
    says: ['one of append, update, complete is expected, found "upsert"'],
  },
  {
    name: "a duration that is none",
    edit: ["watermark: 5s", "watermark: 5 parsecs"],
    place: ":7:5: sources.ticks.watermark: ",
    says: [`${DURATION} "5 parsecs"`],
  },
  {
    name: "a duration without unit",
    edit: ["name: market", "name: market\nbatch: 5"],
    place: ":2:1: batch: ",
    says: [`${DURATION} 5`],
  },
  {
    name: "text for a number",
    edit: ["watermark: 5s", "rate: many"],
    place: ":7:5: sources.ticks.rate: ",
    says: ['a number is expected, found "many"'],
  },
  {
    name: "a number out of range",
    edit: ["watermark: 5s", "rate: -3"],
    place: ":7:5: sources.ticks.rate: ",
    says: ["a number over 0 is expected, found -3"],
  },
  {
    name: "a list that is none",
    edit: ['  - { from: minute, to: "file:out/minute.ndjson" }', "  from: minute"],
    place: ":15:1: sinks: ",
    says: ["a list is expected"],
  },
  {
    name: "a query without text",
    edit: ["SELECT * FROM ticks WHERE price > 0", ""],
    place: ":9:3: queries.clean: ",
    says: ["found nothing"],
  },
  {
    name: "a name that SQL would have to quote",
    edit: ["  clean:", "  9clean:"],
    place: ":9:3: queries.9clean: ",
    says: ["a name of letters, digits and _ that starts with a letter is expected"],
  },
  {
    name: "a name twice",
    edit: ["  clean:", "  ticks:"],
    place: ":9:3: queries.ticks: ",
    says: ["ticks", "sources"],
  },
  {
    name: "a type that is not DuckDB's",
    edit: ["price: DOUBLE", "price: DUOBLE"],
    place: ":6:47: sources.ticks.schema.price: ",
    says: ['"DUOBLE"', "DuckDB type"],
  },
  {
    name: "an unknown kind of address to read from",
    edit: ['from: "-"', 'from: "mqtt://localhost:1883/ticks"'],
    place: ":5:5: sources.ticks.from: ",
    says: ["- (standard input), file:GLOB", 'found "mqtt://localhost:1883/ticks"'],
  },
  {
    name: "an unknown kind of address to write to",
    edit: ['to: "file:', 'to: "ftp:'],
    place: ":16:",
    says: [
      "- (standard output), file:PATH, kafka://HOST:PORT/TOPIC, postgres://",
      'found "ftp:out/minute.ndjson"',
    ],
  },
  {
    name: "a sink with two addresses",
    edit: ['to: "file:out/minute.ndjson"', 'to: "-", parquet: { table: m }'],
    place: ":16:5: sinks.0: ",
    says: ["exactly one of to, parquet, iceberg, kafka, postgres, duckdb, sqlite is expected"],
  },
  {
    name: "a sink of nothing there is",
    edit: ["from: minute", "from: minutes"],
    place: ":16:7: sinks.0.from: ",
    says: ["minutes", "ticks, clean, minute"],
  },
  {
    name: "a Parquet sink of rows that change",
    edit: ['to: "file:out/minute.ndjson"', "parquet: { table: m }"],
    place: ":16:",
    says: ["minute", "update", "append"],
  },
  {
    name: "a circle",
    edit: ["FROM ticks", "FROM minute"],
    place: ":9:3: queries.clean: ",
    says: ["circle", "clean", "minute"],
  },
  {
    name: "a column that does not exist",
    edit: ["max(price)", "max(prize)"],
    place: ":13:40: queries.minute.sql: ",
    says: ["prize", "price"],
  },
  {
    name: "a table that does not exist",
    edit: ["FROM ticks", "FROM tics"],
    place: ":9:24: queries.clean: ",
    says: ["tics", "ticks"],
  },
  {
    name: "a function that does not exist",
    edit: ["max(", "maxx("],
    place: ":13:36: queries.minute.sql: ",
    says: ["maxx", "max"],
  },
  {
    name: "SQL that is none",
    edit: ["SELECT *", "SELEC *"],
    place: ":9:10: queries.clean: ",
    says: ["SELEC"],
  },
  {
    name: "a time column that does not exist",
    edit: ["watermark: 5s", "time: at"],
    place: "sources.ticks",
    says: ['"at"', "ts, symbol, price"],
  },
  {
    name: "a time column of text",
    edit: ["watermark: 5s", "time: symbol"],
    place: "sources.ticks",
    says: ['"symbol"', "VARCHAR", "TIMESTAMP"],
  },
  {
    name: "a variable that is not set",
    edit: ['"-"', '"file:${NOT_SET}"'],
    place: ":5:5: sources.ticks.from: ",
    says: ["the environment variable NOT_SET is not set; set it, or write ${NOT_SET:-default}"],
  },
];

/** Runs a job and shows what was left of its input. */
async function refusal(job: string, file = "job.yaml", flags = ""): Promise<RunResult> {
  using folder = emptyFolder();
  await Bun.write(join(folder.path, file), job);
  await Bun.write(join(folder.path, "input.ndjson"), INPUT);
  const script = `{ "$S" process ${file} ${flags}; code=$?; cat; } < input.ndjson; exit $code`;
  const result = await shell(script, { cwd: folder.path, env: { SECRET } });
  expect(readdirSync(folder.path).toSorted()).toEqual(["input.ndjson", file].toSorted());
  return result;
}

describe("a job file with", () => {
  for (const { name, edit, place, says } of faults) {
    test(name, async () => {
      const job = JOB.replace(...edit);
      expect(job).not.toBe(JOB);
      const { code, stdout, stderr } = await refusal(job);
      expect({ code, inputLeft: stdout }).toEqual({ code: 2, inputLeft: INPUT });
      expect(stderr).toStartWith("streamkit: job.yaml:");
      expect(stderr).toContain(place);
      for (const part of says) expect(stderr).toContain(part);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    });
  }
});

describe("the value of a variable is not printed", () => {
  const places: readonly (readonly [string, string])[] = [
    ['from: "-"', 'from: "https://user:${SECRET}@host/ticks"'],
    ["watermark: 5s", 'watermark: "${SECRET}"'],
    ["watermark: 5s", 'time: "${SECRET}"'],
    ["price: DOUBLE", 'price: "${SECRET}"'],
    ["price > 0", 'price > "${SECRET}"'],
    ["mode: update", 'mode: "${SECRET}"'],
    ["from: minute", 'from: "${SECRET}"'],
    ["file:out", "ftp:${SECRET}"],
  ];
  for (const edit of places) {
    test(edit[1], async () => {
      const { code, stderr } = await refusal(JOB.replace(edit[0], () => edit[1]));
      expect(code).toBe(2);
      expect(stderr).toContain("job.yaml:");
      expect(stderr).not.toContain("hunter2");
    });
  }
});

test("JSON and TypeScript jobs are refused in the same words", async () => {
  const json = '{\n  "sources": { "a": { "from": "-", "watermrk": "5s" } }\n}';
  const found = await refusal(json, "job.json");
  expect(found.code).toBe(2);
  expect(found.stderr).toStartWith(
    'streamkit: job.json:2:36: sources.a.watermrk: unknown key "watermrk"; did you mean',
  );
  const module = await refusal(`export default ${json};`, "job.ts");
  expect(module.code).toBe(2);
  expect(module.stderr).toStartWith(
    'streamkit: job.ts: sources.a.watermrk: unknown key "watermrk"; did you mean',
  );
  const empty = await refusal("export const job = {};", "job.ts");
  expect(empty).toMatchObject({ code: 2, stdout: INPUT });
  expect(empty.stderr).toContain("export default { … }");
});

test("JSON and TypeScript jobs run", async () => {
  using folder = emptyFolder();
  const job = {
    sources: { a: { from: "-", schema: { n: "INTEGER" } } },
    queries: { big: "FROM a WHERE n > 1" },
  };
  const files = {
    "job.json": JSON.stringify(job),
    "job.ts": `const least: number = 1;
      export default { ...${JSON.stringify(job)}, queries: { big: \`FROM a WHERE n > \${least}\` } };`,
  };
  for (const [file, text] of Object.entries(files)) {
    await Bun.write(join(folder.path, file), text);
    const stdout = await output(["process", file], { cwd: folder.path, input: '{"n":1}\n{"n":2}\n' });
    expect(rowsOf(stdout)).toEqual([{ query: "big", batch: 1, row: { n: 2 } }]);
  }
});

describe("--set", () => {
  const job = `
sources: { a: { from: "-", schema: { n: INTEGER } } }
queries: { big: "FROM a WHERE n > 1" }
sinks: [{ from: big, to: "file:big.ndjson" }]
`;
  const run = async (...settings: string[]): Promise<RunResult> => {
    using folder = emptyFolder();
    await Bun.write(join(folder.path, "job.yaml"), job);
    const args = ["process", "job.yaml", ...settings.flatMap((text) => ["--set", text])];
    return await streamkit(args, { cwd: folder.path, input: '{"n":1}\n{"n":2}\n{"n":3}\n' });
  };

  test("replaces and adds values", async () => {
    const { code, stdout } = await run(
      "sinks.0.to=-",
      "queries.big=FROM a WHERE n > 2",
      "sources.a.rate=1000",
      "name=x",
    );
    expect(code).toBe(0);
    expect(rowsOf(stdout).map(({ row }) => row)).toEqual([{ n: 3 }]);
  });

  test("is checked like the file", async () => {
    const wrong = [
      ["queris.big=x", 'did you mean "queries"?'],
      ["sources.a.watermark=soon", "a duration like"],
      ["sinks.0.to=mqtt://a/b", 'found "mqtt://a/b"'],
      ["big", "--set takes KEY=VALUE"],
      ["queries.big=[", "no YAML"],
      ["sources.a.from.b=1", '--set can\'t reach "sources.a.from.b"'],
    ] as const;
    for (const [setting, message] of wrong) {
      const { code, stdout, stderr } = await run(setting);
      expect({ setting, code, stdout }).toEqual({ setting, code: 2, stdout: "" });
      expect(stderr).toContain(message);
    }
  });
});

describe("a command line with", () => {
  const slips = [
    [["--sql", "SELEC 1"], '--sql: syntax error at or near "SELEC"'],
    [["--sql", " "], "--sql: an SQL query is expected"],
    [["--sql", "SELECT a FROM input", "--schema", "a INTT"], '--schema a: "INTT" is no DuckDB type'],
    [
      ["--sql", "SELECT a FROM input", "--mode", "upsert"],
      "--mode: one of append, update, complete is expected",
    ],
    [["--sql", "SELECT a FROM input", "--format", "xml"], "--format: one of json, csv,"],
    [["--sql", "SELECT a FROM input", "--watermark", "5x"], `--watermark: ${DURATION} "5x"`],
    [["--sql", "SELECT a FROM input", "--batch", "5x"], "--batch must be a duration"],
    [["--sql", "SELECT b FROM input", "--schema", "a INT"], '"b"'],
    [["--sql", "SELECT a FROM input", "job.yaml"], "A job file or --sql is expected, not both"],
    [["--once", "--available-now"], "--once and --available-now exclude each other"],
    [["--serve", "99999"], '--serve takes PORT or HOST:PORT: found "99999"'],
    [["nowhere.yaml"], 'There is no job file "nowhere.yaml"'],
    [["--checkpont", "x"], "Did you mean --checkpoint?"],
    [["a.yaml", "b.yaml"], "is one word too many"],
  ] as const;
  for (const [args, message] of slips) {
    test(args.join(" "), async () => {
      const schema =
        args[0] === "--sql" && !args.some((arg) => arg === "--schema") ? ["--schema", "a INT"] : [];
      const { code, stdout, stderr } = await streamkit(["process", ...args, ...schema], { input: INPUT });
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toContain(message);
    });
  }
});
