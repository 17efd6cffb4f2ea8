/** What people type who have the manual open, slightly wrong: each is answered with the way out. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { failure } from "./in-process.ts";

const QUOTE = '{"ts":"2026-01-05T14:30:00Z","symbol":"ACME","price":1.5,"volume":3}\n';
const JOB = `
sources: { ticks: { from: "-", schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE } } }
queries: { high: "SELECT symbol, max(price) AS high FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY ALL" }
`;
const SQL = ["process", "--in", "quotes.ndjson", "--once", "--sql"];

const mistakes: readonly (readonly [readonly string[], string | readonly string[]])[] = [
  [["simulte", "quotes"], "(Did you mean simulate?)"],
  [["simulate", "quotes", "--cuont", "5"], "(Did you mean --count?)"],
  [["simulate", "quote"], '<kind> must be quotes, trades or access-log: found "quote"'],
  [["process", "markt.yaml"], 'did you mean "market.yaml"?'],
  [["process", "market.yml"], 'did you mean "market.yaml"?'],
  [["process", "jobs/markte.yaml"], 'did you mean "jobs/market.yaml"?'],
  [
    ["process", "quotes.ndjson"],
    ['"quotes.ndjson" is named as data', '--in quotes.ndjson --sql "SELECT'],
  ],
  [["simulate", "quotes", "--out", "kafka://me:secret@h:1/t"], "a broker has no user and password"],
  [["process", "SELECT * FROM input"], 'a query goes with --sql "SELECT … FROM input"'],
  [
    ["process", "market.yaml", "quotes.ndjson"],
    ["is one word too many", "as with < quotes.ndjson"],
  ],
  [["process", "--in", "quotes.ndjson"], "--in has no effect without --sql"],
  [["process", "market.yaml", "--checkpoint", "quotes.ndjson"], "The checkpoint is a folder"],
  [[...SQL, "SELECT * FROM ticks"], 'there is no stream and no table "ticks": found input'],
  [[...SQL, "SELECT * FROM inptu"], 'found input: did you mean "input"?'],
  [[...SQL, "SELECT symbl FROM input"], 'Candidate bindings: "symbol"'],
  [[...SQL, "SELECT * FROM input", "--format", "jsonl"], 'found "jsonl": did you mean json?'],
  [[...SQL, "SELECT * FROM input", "--mode", "updat"], "did you mean update?"],
  [[...SQL, "SELECT * FROM input", "--watermark", "5"], "a duration like 250ms, 5s, 1m or 2h"],
  [
    [...SQL, "SELECT count(*) AS n FROM tumble(input, INTERVAL 1 MINUTE) GROUP BY ALL"],
    "explicit type casts; Candidate macros: tumble(tbl, tcol, size)",
  ],
  [["query", "SELECT", "1"], '"1" is one word too many: the query is one, in quotes'],
  [["query", "FROM ohlc"], 'There is no table "ohlc" in "./warehouse"'],
  [["serve", "market.yaml"], "process market.yaml --serve 8080 runs a job and shows it"],
  [["serve", "--follow", "state"], '--follow: there is no folder "state"'],
  [["verify", "market.yaml", "quotes.ndjson"], "--input quotes.ndjson says what a source reads here"],
  [["write", "quotes.ndjson", "--table", "t"], "--in quotes.ndjson says what is written"],
  [["check", "market.yaml", "--jsn-schema"], "(Did you mean --json-schema?)"],
  [["test", "market.yaml"], "it has no tests: add examples with tests:"],
  [["demo", "--for", "5"], "--for must be a duration like 250ms, 5s, 1m or 2h"],
  [["tail"], "What to read is missing"],
  [["completion", "powershell"], "Allowed choices are bash, zsh, fish"],
];

const before = process.cwd();
let folder: ReturnType<typeof emptyFolder>;

beforeAll(() => {
  folder = emptyFolder();
  process.chdir(folder.path);
  writeFileSync("quotes.ndjson", QUOTE);
  writeFileSync("market.yaml", JOB);
  mkdirSync("jobs");
  writeFileSync(join("jobs", "market.yaml"), JOB);
});

afterAll(() => {
  process.chdir(before);
  folder[Symbol.dispose]();
});

describe("is refused with the way out", () => {
  for (const [args, words] of mistakes)
    test(args.join(" "), async () => {
      const said = await failure(...args);
      for (const part of [words].flat()) expect(said).toContain(part);
    });
});
