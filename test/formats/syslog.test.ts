/** Syslog as devices send it: the format of jobs and the receiver's own reading of a message agree. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseSyslog } from "../../src/collect/inputs/syslog-message.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { readBytes } from "./reading.ts";

let database: Database;
beforeAll(async () => {
  database = await openDatabase();
});
afterAll(() => database.close());

/** What receivers take all of. */
const RECEIVED = { format: "syslog", isReceived: true };

const NOTHING = {
  ts: null,
  host: null,
  app: null,
  facility: null,
  severity: null,
  pid: null,
  msgid: null,
};
const year = new Date().getUTCFullYear();

/** Lines and what is in them. */
const CASES: readonly (readonly [line: string, expected: Readonly<Record<string, unknown>>])[] = [
  [
    "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - 'su root' failed for lonvick",
    {
      ts: "2003-10-11T22:14:15.003Z",
      host: "mymachine.example.com",
      app: "su",
      facility: 4,
      severity: 2,
      pid: null,
      msgid: "ID47",
      message: "'su root' failed for lonvick",
    },
  ],
  [
    '<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 evntslog 8710 - [a@1 iut="3" x="q\\]\\"]"][b@2] Grüße',
    {
      ts: "2003-08-24T12:14:15.000003Z",
      host: "192.0.2.1",
      app: "evntslog",
      facility: 20,
      severity: 5,
      pid: "8710",
      msgid: null,
      message: "Grüße",
    },
  ],
  ["<0>1 - - - - - -", { ...NOTHING, facility: 0, severity: 0, message: "" }],
  ["<14>1 2026-01-05T14:30:00Z h a p m - \ufeffwith a mark", { message: "with a mark", host: "h" }],
  [
    "<13>Feb  5 17:32:18 10.0.0.99 myproc[10]: Use the BFG!",
    {
      host: "10.0.0.99",
      app: "myproc",
      facility: 1,
      severity: 5,
      pid: "10",
      msgid: null,
      message: "Use the BFG!",
    },
  ],
  [
    "<30>Jan 12 03:04:05 web-1 nginx: 10.1.2.3 - - [x]",
    { app: "nginx", pid: null, message: "10.1.2.3 - - [x]" },
  ],
  ["<30>Jan 12 03:04:05 web-1 no tag here", { host: "web-1", app: null, message: "no tag here" }],
  ["<30>Xxx 99 03:04:05 web-1 app: a wrong month", { ts: null, app: "app", message: "a wrong month" }],
  ["<191>something else", { ...NOTHING, facility: 23, severity: 7, message: "something else" }],
  ["<192>too high", { ...NOTHING, message: "<192>too high" }],
  ["no priority", { ...NOTHING, message: "no priority" }],
  ["<34>2 2003-10-11T22:14:15Z h a - - - another version", { severity: 2, host: null }],
];

describe("a line", () => {
  test.each(CASES)("%s", async (line, expected) => {
    const { rows, deadLetters } = await readBytes(database, RECEIVED, Buffer.from(`${line}\n`));
    expect(deadLetters).toEqual([]);
    const row = JSON.parse(rows[0] ?? "") as Record<string, string | number | null>;
    expect(row).toMatchObject(expected);
    const { timestampMs, text, structured, ...others } = parseSyslog(line, Date.now());
    const told = {
      ...Object.fromEntries(Object.entries(others).map(([name, value]) => [name, value ?? null])),
      message: text,
      structured_data: structured ?? null,
      ts: timestampMs ?? null,
    };
    expect(told as unknown).toEqual({
      ...row,
      ts: row["ts"] === null ? null : Date.parse(String(row["ts"])),
    });
  });
});

test("a time without a year is the latest that is not ahead of the clock by more than a day", async () => {
  const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  const lines = months.map((month) => `<30>${month} 15 12:00:00 h a: m`);
  const { rows } = await readBytes(database, { format: "syslog" }, Buffer.from(lines.join("\n")));
  for (const [index, json] of rows.entries()) {
    const time = Date.parse((JSON.parse(json) as { ts: string }).ts);
    expect(time - Date.now()).toBeLessThan(86_400_000);
    expect(time - Date.now()).toBeGreaterThan(-366 * 86_400_000);
    expect(new Date(time).getUTCMonth()).toBe(index);
    expect(Math.abs(new Date(time).getUTCFullYear() - year)).toBeLessThanOrEqual(1);
    expect(parseSyslog(lines[index] ?? "", Date.now()).timestampMs).toBe(time);
  }
});

test("many lines keep their order, and empty ones are no messages", async () => {
  const lines = Array.from({ length: 5000 }, (_, number) => (number % 7 === 0 ? "" : `<1>m ${number}`));
  const { rows } = await readBytes(database, { format: "syslog" }, Buffer.from(`${lines.join("\n")}\n`));
  const messages = rows.map((json) => (JSON.parse(json) as { message: string }).message);
  expect(messages).toEqual(lines.filter((line) => line !== "").map((line) => line.slice(3)));
});
