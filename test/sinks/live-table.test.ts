/** The tables that `process` draws on a terminal: of every size, whatever comes. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { type Column, type Database, openDatabase } from "../../src/duckdb/database.ts";
import { id, type Sql, sql } from "../../src/duckdb/sql.ts";
import { openLiveTable } from "../../src/sinks/live-table.ts";
import { liveViewOf } from "../../src/sinks/live-view.ts";
import type { SinkContext, SinkInput } from "../../src/sinks/sink.ts";
import { widthOf } from "../../src/terminal/text.ts";
import { type Emulator, emulator } from "../terminal/emulator.ts";

let database: Database;

beforeAll(async () => {
  database = await openDatabase();
});
afterAll(() => database.close());

const CANDLES: readonly Column[] = [
  ["symbol", "VARCHAR"],
  ["window_start", "TIMESTAMP"],
  ["window_end", "TIMESTAMP"],
  ["open", "DOUBLE"],
  ["close", "DOUBLE"],
  ["volume", "BIGINT"],
].map(([name = "", type = ""]) => ({ name, type }));

function inputOf(query: string, columns: readonly Column[], key: readonly string[] = []): SinkInput {
  return { query, columns, key, mode: key.length === 0 ? "append" : "update" };
}

/** A terminal, and a way to write a batch of a query to it. */
function liveTerminal(columns: number, rows: number) {
  const terminal = emulator(columns, rows);
  const opened = new Map<string, ReturnType<typeof openLiveTable>>();
  let batch = 0;
  const write = async (input: SinkInput, values: Sql): Promise<void> => {
    const sink =
      opened.get(input.query) ?? openLiveTable({ input, stdout: terminal } as unknown as SinkContext);
    opened.set(input.query, sink);
    batch += 1;
    await database.run(sql`CREATE OR REPLACE TEMP TABLE ${id("answer")} AS ${values}`);
    const rowsOf = await database.row(sql`SELECT count(*) AS n FROM answer`);
    await sink.write(database, { relation: "answer", rows: Number(rowsOf["n"]), id: batch } as never);
  };
  return { terminal, write };
}

/** Candles of `symbols` symbols in the minute that starts at 14:30 of the day. */
function candles(symbols: number, minute = 30): Sql {
  return sql`SELECT format('SYM{:04d}', i + 1) AS symbol,
    TIMESTAMP '2026-01-05 14:00:00' + to_minutes(${minute}) AS window_start,
    TIMESTAMP '2026-01-05 14:01:00' + to_minutes(${minute}) AS window_end,
    100 + i / 8 AS open, 100.5 AS close, (i * 100)::BIGINT AS volume, 'upsert' AS _op
    FROM range(${symbols}) t(i)`;
}

test("500 symbols on 80×24: the rows that fit, and how many there are", async () => {
  const { terminal, write } = liveTerminal(80, 24);
  const input = inputOf("minute", CANDLES, ["symbol", "window_start"]);
  await write(input, candles(500));
  liveViewOf(terminal).status = "500 rows · 1,000/s · running";
  liveViewOf(terminal).draw();
  const lines = terminal.screen();
  expect(lines[0]).toBe("minute  2026-01-05 · 19 of 500 rows");
  expect(lines[1]).toBe("symbol   window    open  close  volume");
  expect(lines[2]).toBe("SYM0482  14:30   160.13  100.5   48100");
  expect(lines.at(-1)).toBe("500 rows · 1,000/s · running");
  expect(lines).toHaveLength(23);
  await write(input, sql`FROM (${candles(500)}) WHERE symbol < 'SYM0100'`);
  expect(terminal.screen()[0]).toBe("minute  2026-01-05 · 19 of 500 rows");
  await write(input, sql`SELECT * REPLACE ('delete' AS _op) FROM (${candles(490)})`);
  expect(terminal.screen()[0]).toBe("minute  2026-01-05 · 10 rows");
});

test("windows of several days keep their date, windows of a day show nothing else", async () => {
  const { terminal, write } = liveTerminal(80, 24);
  const input = inputOf("q", CANDLES, ["symbol", "window_start"]);
  await write(input, candles(1));
  await write(
    input,
    sql`SELECT * REPLACE (window_start + INTERVAL 1 DAY AS window_start,
    window_end + INTERVAL 1 DAY AS window_end) FROM (${candles(1)})`,
  );
  expect(terminal.screen().slice(0, 4)).toEqual([
    "q  2 rows",
    "symbol   window            open  close  volume",
    "SYM0001  2026-01-05 14:30   100  100.5       0",
    "SYM0001  2026-01-06 14:30   100  100.5       0",
  ]);
  const days = liveTerminal(80, 24);
  await days.write(
    input,
    sql`SELECT * REPLACE (date_trunc('day', window_start)::TIMESTAMP AS window_start,
    date_trunc('day', window_start)::TIMESTAMP + INTERVAL 1 DAY AS window_end) FROM (${candles(2)})`,
  );
  expect(days.terminal.screen()).toEqual([
    "q  2 rows",
    "symbol   window        open  close  volume",
    "SYM0001  2026-01-05  100.00  100.5       0",
    "SYM0002  2026-01-05  100.13  100.5     100",
  ]);
});

test("windows that grow keep their ends, seconds and milliseconds stay where they tell", async () => {
  const { terminal, write } = liveTerminal(80, 24);
  const columns = [...CANDLES.slice(0, 3), { name: "at", type: "TIMESTAMP" }];
  await write(
    inputOf("growing", columns),
    sql`SELECT 'A' AS symbol, TIMESTAMP '2026-01-05 14:30:00' AS window_start,
      TIMESTAMP '2026-01-05 14:30:00' + to_seconds(10 * i) AS window_end,
      TIMESTAMP '2026-01-05 14:30:00' + to_milliseconds(i) AS at FROM range(1, 3) t(i)`,
  );
  expect(terminal.screen()).toEqual([
    "growing  2026-01-05 · 2 rows",
    "symbol  window_start  window_end  at",
    "A       14:30         14:30:10    14:30:00.001",
    "A       14:30         14:30:20    14:30:00.002",
  ]);
});

test("values are shown as they are, and what a terminal would obey is not", async () => {
  const { terminal, write } = liveTerminal(80, 24);
  const columns = ["v", "n"].map((name) => ({ name, type: name === "v" ? "VARCHAR" : "DOUBLE" }));
  await write(
    inputOf("q", columns),
    sql`FROM (VALUES (NULL, NULL), ('NULL', 1e-9),
      (chr(27) || '[2J' || chr(10), 'nan'::DOUBLE), ('日経平均', 1e300),
      ('', -0.5)) t(v, n)`,
  );
  const lines = terminal.screen();
  expect(lines.slice(2)).toEqual([
    "NULL           NULL",
    '"NULL"        1e-09',
    "\\u001b[2J\\n     nan",
    "日経平均     1e+300",
    "               -0.5",
  ]);
});

test("rows that only come are counted as they come, and the last of them shown", async () => {
  const { terminal, write } = liveTerminal(40, 10);
  const input = inputOf("rows", [{ name: "n", type: "BIGINT" }]);
  await write(input, sql`SELECT range AS n FROM range(1000)`);
  await write(input, sql`SELECT 1000 + range AS n FROM range(1234)`);
  const lines = terminal.screen();
  expect(lines[0]).toBe("rows  the last 6 of 2,234 rows");
  expect(lines.slice(2)).toEqual(["2228", "2229", "2230", "2231", "2232", "2233"]);
});

test("more tables than fit are counted, and each that is shown has a row", async () => {
  const { terminal, write } = liveTerminal(80, 12);
  for (const query of ["a", "b", "c", "d"])
    await write(inputOf(query, [{ name: "n", type: "BIGINT" }]), sql`SELECT 1 AS n`);
  liveViewOf(terminal).status = "4 rows";
  liveViewOf(terminal).draw();
  expect(terminal.screen()).toEqual([
    "a  1 row",
    "n",
    "1",
    "",
    "b  1 row",
    "n",
    "1",
    "",
    "4 rows · a taller terminal shows 2 more tables",
  ]);
});

test("on a terminal of any size, resized at any time, nothing scrolls and nothing is too wide", async () => {
  const size = fc.tuple(fc.integer({ min: 20, max: 200 }), fc.integer({ min: 8, max: 60 }));
  const input = inputOf("minute", CANDLES, ["symbol", "window_start"]);
  await fc.assert(
    fc.asyncProperty(size, fc.array(size, { maxLength: 3 }), async (first, others) => {
      const { terminal, write } = liveTerminal(...first);
      await write(input, candles(30));
      await write(
        inputOf("rows", [{ name: "v", type: "VARCHAR" }]),
        sql`SELECT repeat('日', range::INTEGER) AS v FROM range(40)`,
      );
      expectWhole(terminal, first);
      for (const next of others) {
        terminal.resize(...next);
        await write(input, candles(30, 31));
        expectWhole(terminal, next);
      }
    }),
    { numRuns: 25 },
  );
});

function expectWhole(terminal: Emulator, [columns, rows]: readonly [number, number]): void {
  const lines = terminal.screen();
  expect(lines.length).toBeLessThan(rows);
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
  expect(lines.filter((line) => line.startsWith("minute "))).toHaveLength(1);
}
