/** Syslog as files and devices have it. */

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseSyslog } from "../../../src/collect/inputs/syslog-message.ts";
import { openDatabase } from "../../../src/duckdb/database.ts";
import { raw, sql } from "../../../src/duckdb/sql.ts";
import { formatFor } from "../../../src/formats/list.ts";
import { readSegment } from "../../../src/formats/read-segment.ts";
import { logReader } from "./reading.ts";

const read = logReader();
const none = { facility: null, severity: null, msgid: null, structured_data: null };

/** Lines, and what is in them. */
const CASES: readonly (readonly [line: string, row: Readonly<Record<string, unknown>>])[] = [
  [
    "2026-01-12T11:15:58.792703+02:00 nas1 sshd[15819]: Invalid user from 192.0.2.4 port 5678",
    {
      ...none,
      ts: "2026-01-12T09:15:58.792703Z",
      host: "nas1",
      app: "sshd",
      pid: "15819",
      message: "Invalid user from 192.0.2.4 port 5678",
    },
  ],
  [
    "<34>2026-01-12T11:16:00.429271+02:00 nas1 cron[77]: job done",
    {
      ts: "2026-01-12T09:16:00.429271Z",
      host: "nas1",
      app: "cron",
      facility: 4,
      severity: 2,
      pid: "77",
      message: "job done",
    },
  ],
  [
    "2026-01-12T09:15:58Z host.example systemd[1]: Started x.",
    {
      ...none,
      ts: "2026-01-12T09:15:58.000Z",
      host: "host.example",
      app: "systemd",
      pid: "1",
      message: "Started x.",
    },
  ],
  [
    "Jan 12 2026 09:15:58 fw1 : %ASA-6-302013: Built outbound TCP",
    {
      ...none,
      ts: "2026-01-12T09:15:58.000Z",
      host: "fw1",
      app: "%ASA-6-302013",
      message: "Built outbound TCP",
    },
  ],
  [
    "<190>Jan 12 2026 09:15:58: %ASA-6-302014: Teardown",
    { ts: "2026-01-12T09:15:58.000Z", host: null, app: "%ASA-6-302014", facility: 23, severity: 6 },
  ],
  [
    "<189>29: *Mar  1 2026 18:48:50.483 CET: %SYS-5-CONFIG_I: Configured from console",
    {
      ts: "2026-03-01T17:48:50.483Z",
      host: null,
      app: "%SYS-5-CONFIG_I",
      message: "Configured from console",
    },
  ],
  [
    "Jan  2 2026 09:15:58.25 web-1 postfix/smtpd[12]: connect from x[::1]",
    {
      ts: "2026-01-02T09:15:58.250Z",
      host: "web-1",
      app: "postfix/smtpd",
      pid: "12",
      message: "connect from x[::1]",
    },
  ],
  [
    "2026-01-12T09:15:58Z sshd[99]: no host is before the tag",
    { host: null, app: "sshd", pid: "99", message: "no host is before the tag" },
  ],
  [
    "2026-01-12T09:15:58Z h app[worker-3]: a pid that is no number",
    { host: "h", app: "app", pid: "worker-3", message: "a pid that is no number" },
  ],
  [
    "2026-01-12T09:15:58Z h kernel: usb 1-1: new device",
    { host: "h", app: "kernel", pid: null, message: "usb 1-1: new device" },
  ],
  [
    "Jan 12 2026 09:15:58 NAS sshd[1]: a host in capitals",
    { ts: "2026-01-12T09:15:58.000Z", host: "NAS", app: "sshd" },
  ],
  ["2026-01-12T09:15:58Z DC kernel: no zone of a router", { host: "DC", app: "kernel" }],
  ["<13>Jan 12 2026 09:15:58 FW text alone", { host: "FW", app: null, message: "text alone" }],
  ["2026-01-12T09:15:58Z CRON: a tag in capitals", { host: null, app: "CRON", message: "a tag in capitals" }],
  ["<165>1 - h a - - - no clock", { ts: null, host: "h", message: "no clock" }],
  ["2026-01-12T09:15:58Z h app:no space", { host: "h", app: "app", message: "no space" }],
  ["2026-01-12T09:15:58Z 10.0.0.1:514 text", { host: "10.0.0.1:514", app: null, message: "text" }],
  ["2026-01-12T09:15:58Z 2001:db8::1 a[1]: b", { host: "2001:db8::1", app: "a", message: "b" }],
  [
    "2026-01-12T09:15:58Z h last message repeated 2 times",
    { host: "h", app: null, message: "last message repeated 2 times" },
  ],
  [
    String.raw`<165>1 2003-08-24T05:14:15.000003-07:00 h app 8710 ID47 [a@1 x="q\]\""][b@2] text`,
    {
      ts: "2003-08-24T12:14:15.000003Z",
      msgid: "ID47",
      structured_data: String.raw`[a@1 x="q\]\""][b@2]`,
      message: "text",
    },
  ],
];

describe("a message", () => {
  for (const [line, expected] of CASES)
    test(line, async () => {
      const { rows, dead } = await read({ format: "syslog" }, [line]);
      expect(dead).toEqual([]);
      expect(rows).toMatchObject([expected]);
      const { timestampMs, text, structured, ...others } = parseSyslog(line, Date.now());
      const ts = typeof rows[0]?.["ts"] === "string" ? Date.parse(rows[0]["ts"]) : undefined;
      const told = { ...others, message: text, structured_data: structured };
      const withNulls = Object.fromEntries(
        Object.entries(told).map(([name, value]) => [name, value ?? null]),
      );
      const { ts: _ts, ...row } = rows[0] ?? {};
      expect(withNulls as unknown).toEqual(row);
      expect(timestampMs).toBe(ts);
    });
});

test("a line with neither time nor priority: a file's dead letter, a receiver's message", async () => {
  const lines = [
    "<13>only a priority",
    "Traceback (most recent call last):",
    "2026-01-12T09:15:58Z h a: b",
    '  File "x"',
  ];
  const { rows, dead } = await read({ format: "syslog" }, lines);
  expect(rows.map(({ message }) => message)).toEqual(["only a priority", "b"]);
  expect(dead.map((text) => text.split(":")[0])).toEqual(["20", "83"]);
  expect(dead[0]).toContain("begins with no time and no <priority>");
  const received = await read({ format: "syslog", isReceived: true }, lines);
  expect(received.dead).toEqual([]);
  expect(received.rows.map(({ message }) => message)).toEqual(["only a priority", lines[1], "b", lines[3]]);
});

test("a time that is none: a file's dead letter, a receiver's message without a time", async () => {
  const lines = [
    "Feb 30 2026 09:15:58 h a: 1",
    "Jan 12 2026 24:15:58 h a: 2",
    "<13>Dec 31 2026 23:59:60 h a: 3",
    "2026-13-12T09:15:58Z h a: 4",
    "<165>1 2026-01-12T09:61:58Z h a - - - 5",
    "Mar  1 2026 18:48:50 XYZ: %SYS-5-CONFIG_I: a zone that nobody knows",
    "2026-01-12T09:15:58Z h a: 7",
  ];
  const { rows, dead } = await read({ format: "syslog" }, lines);
  expect(rows.map(({ message }) => message)).toEqual(["7"]);
  const times = dead.map((text) => /The time can't be read: (.*)$/.exec(text)?.[1]);
  expect(times).toEqual([
    "Feb 30 2026 09:15:58",
    "Jan 12 2026 24:15:58",
    "Dec 31 2026 23:59:60",
    "2026-13-12T09:15:58Z",
    "2026-01-12T09:61:58Z",
    "Mar  1 2026 18:48:50",
  ]);
  const received = await read({ format: "syslog", isReceived: true }, lines);
  expect(received.dead).toEqual([]);
  expect(received.rows.map(({ ts }) => ts).slice(0, 6)).toEqual([null, null, null, null, null, null]);
  for (const line of lines.slice(0, 6)) expect(parseSyslog(line, Date.now()).timestampMs).toBeUndefined();
});

describe("the year of a time without one", () => {
  const CASES = [
    ["2026-01-12T10:00:00Z", "Jan 12 09:15:58", "2026-01-12T09:15:58.000Z"],
    ["2026-01-12T10:00:00Z", "Jan 13 09:15:58", "2026-01-13T09:15:58.000Z"],
    ["2026-01-12T10:00:00Z", "Jan 14 09:15:58", "2025-01-14T09:15:58.000Z"],
    ["2026-01-12T10:00:00Z", "Dec 31 23:59:59", "2025-12-31T23:59:59.000Z"],
    ["2025-12-31T23:30:00Z", "Jan  1 00:30:00", "2026-01-01T00:30:00.000Z"],
    ["2026-06-01T00:00:00Z", "Feb 29 12:00:00", "2024-02-29T12:00:00.000Z"],
    ["2026-06-01T00:00:00Z", "Feb 30 12:00:00", null],
  ] as const;
  for (const [written, time, expected] of CASES)
    test(`${time}, written ${written}`, async () => {
      const folder = mkdtempSync(path.join(tmpdir(), "streamkit-syslog-"));
      const database = await openDatabase();
      try {
        const file = path.join(folder, "segment");
        writeFileSync(file, `${time} h a: m\n`);
        utimesSync(file, new Date(written), new Date(written));
        const shape = { columns: [], header: undefined, delimiter: ",", pattern: undefined };
        const reading = { format: formatFor("syslog", { isReceived: true }), shape, select: raw("*") };
        const segment = {
          path: file,
          sizeBytes: 0,
          pieces: [{ origin: "-", originOffset: 0, segmentOffset: 0 }],
          header: undefined,
        };
        await readSegment(database, segment, reading, "records", sql`SELECT count(*) AS rows FROM records`);
        const row = await database.row(sql`SELECT epoch_ms(ts) AS ms FROM records`);
        const ms = expected === null ? null : Date.parse(expected);
        expect(row["ms"] === null ? null : Number(row["ms"])).toBe(ms);
        expect(parseSyslog(`${time} h a: m`, Date.parse(written)).timestampMs ?? null).toBe(ms);
      } finally {
        database.close();
        rmSync(folder, { recursive: true });
      }
    });
});

test("a time without an offset is one of the source's zone, where it names one", async () => {
  const lines = [
    "Jan 12 2026 09:15:58 h a: b",
    "Jul 12 2026 09:15:58 h a: b",
    "2026-01-12 09:15:58 h a: b",
    "2026-01-12T09:15:58Z h a: b",
    "Jan 12 2026 09:15:58 UTC: %A: b",
  ];
  const times = async (way: object): Promise<unknown[]> =>
    (await read({ format: "syslog", ...way }, lines)).rows.map(({ ts }) => ts);
  const noon = "T09:15:58.000Z";
  expect(await times({})).toEqual([
    `2026-01-12${noon}`,
    `2026-07-12${noon}`,
    `2026-01-12${noon}`,
    `2026-01-12${noon}`,
    `2026-01-12${noon}`,
  ]);
  expect(await times({ timezone: "Europe/Berlin" })).toEqual([
    "2026-01-12T08:15:58.000Z",
    "2026-07-12T07:15:58.000Z",
    "2026-01-12T08:15:58.000Z",
    `2026-01-12${noon}`,
    `2026-01-12${noon}`,
  ]);
});
