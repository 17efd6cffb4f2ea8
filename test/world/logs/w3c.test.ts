/** W3C's extended format: IIS, CloudFront, and `#Fields` lines wherever a log is cut. */

import { describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { type Database, openDatabase } from "../../../src/duckdb/database.ts";
import { raw, sql } from "../../../src/duckdb/sql.ts";
import { formatFor } from "../../../src/formats/list.ts";
import { readSegment } from "../../../src/formats/read-segment.ts";
import { filesKind } from "../../../src/sources/files.ts";
import type { Position, SourceContext, SourceKind } from "../../../src/sources/source.ts";
import { tailKind } from "../../../src/sources/tail.ts";
import { lettersIn } from "../../formats/reading.ts";
import { logReader, only } from "./reading.ts";

const read = logReader();

const IIS = [
  "#Software: Microsoft Internet Information Services 10.0",
  "#Version: 1.0",
  "#Date: 2023-11-22 05:12:00",
  "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) " +
    "cs(Referer) sc-status sc-substatus sc-win32-status time-taken",
];

test("IIS, with another #Fields after a restart", async () => {
  const lines = [
    ...IIS,
    "2023-11-22 05:12:01 10.0.0.4 GET /index.html - 443 - 203.0.113.9 Mozilla/5.0+(Windows+NT+10.0;+x64) https://a/ 200 0 0 23",
    "2023-11-22 05:12:02 10.0.0.4 PROPFIND /dav x=1 443 DOMAIN\\bob 203.0.113.9 - - 401 2 5 1",
    "",
    "#Fields: time date cs-method c-ip sc-status sc-bytes cs-version x-mine",
    "06:12:02.25 2023-11-22 GET 2001:db8::1 500 1234 HTTP/2.0 mine",
    "06:12:03 2023-11-22 GET 2001:db8::1 500 1234 HTTP/2.0",
    "06:12:04 2023-11-22 GET 2001:db8::1 abc 1234 HTTP/2.0 -",
    "06:12:99 2023-11-22 GET 2001:db8::1 200 1234 HTTP/2.0 -",
  ];
  const { rows, dead } = await read({ format: "iis" }, lines);
  expect(
    only(rows, "ts", "client", "method", "path", "status", "bytes", "agent", "time_taken", "extra"),
  ).toEqual([
    [
      "2023-11-22T05:12:01.000Z",
      "203.0.113.9",
      "GET",
      "/index.html",
      200,
      null,
      "Mozilla/5.0 (Windows NT 10.0; x64)",
      23,
      {
        "sc-substatus": "0",
        "sc-win32-status": "0",
      },
    ],
    [
      "2023-11-22T05:12:02.000Z",
      "203.0.113.9",
      "PROPFIND",
      "/dav",
      401,
      null,
      null,
      1,
      {
        "sc-substatus": "2",
        "sc-win32-status": "5",
      },
    ],
    ["2023-11-22T06:12:02.250Z", "2001:db8::1", "GET", null, 500, 1234, null, null, { "x-mine": "mine" }],
  ]);
  expect(only(rows, "user", "server_port", "protocol")[1]).toEqual(["DOMAIN\\bob", 443, null]);
  const offset = (index: number): number => lines.slice(0, index).join("\n").length + 1;
  expect(dead).toEqual([
    `${offset(9)}: 7 values where #Fields names 8`,
    `${offset(10)}: "status" is not an INTEGER: "abc"`,
    `${offset(11)}: The time can't be read: 2023-11-22 06:12:99`,
  ]);
});

test("CloudFront, with tabs, and without a #Fields line too", async () => {
  const values = [
    "2019-12-04",
    "21:02:31",
    "LAX1",
    "392",
    "192.0.2.100",
    "GET",
    "d111111abcdef8.cloudfront.net",
    "/index.html",
    "200",
    "-",
    "Mozilla/5.0%20(Windows%20NT%2010.0)",
    "-",
    "-",
    "Hit",
    "SOX4xw==",
    "www.example.com",
    "https",
    "23",
    "0.001",
    "-",
    "TLSv1.2",
    "ECDHE-RSA",
    "Hit",
    "HTTP/2.0",
    "-",
    "-",
    "11040",
    "0.001",
    "Hit",
    "text/html",
    "78",
    "-",
    "-",
  ];
  const { rows } = await read({ format: "cloudfront" }, [values.join("\t")]);
  expect(only(rows, "ts", "client", "status", "bytes", "agent", "host", "protocol", "time_taken")).toEqual([
    [
      "2019-12-04T21:02:31.000Z",
      "192.0.2.100",
      200,
      392,
      "Mozilla/5.0 (Windows NT 10.0)",
      "www.example.com",
      "HTTP/2.0",
      0.001,
    ],
  ]);
  expect(rows[0]?.["extra"]).toMatchObject({
    "x-edge-location": "LAX1",
    "cs(Host)": "d111111abcdef8.cloudfront.net",
  });
  const { dead } = await read({ format: "w3c" }, [values.join("\t")]);
  expect(dead).toEqual(["0: No #Fields line is before it, which format w3c needs"]);
});

test("texts in quotes, as the specification has them", async () => {
  const { rows, dead } = await read({ format: "w3c" }, [
    "#Fields: date time cs-uri-stem cs(User-Agent) sc-status",
    '2023-11-22 05:12:01 /a "say ""hi"" there" 200',
    '2023-11-22 05:12:01 /"a plain 200',
  ]);
  expect(dead).toEqual([]);
  expect(only(rows, "path", "agent")).toEqual([
    ["/a", 'say "hi" there'],
    ['/"a', "plain"],
  ]);
});

test("many lines keep their order, and each has the fields before it", async () => {
  const lines = Array.from({ length: 30_000 }, (_, number) => {
    if (number % 5000 === 0)
      return number % 10_000 === 0
        ? "#Fields: date time sc-bytes sc-status"
        : "#Fields: date time sc-status sc-bytes";
    const [status, bytes] = [200 + (number % 300), number];
    const isFirst = number % 10_000 < 5000;
    return `2023-11-22 05:12:01 ${isFirst ? `${bytes} ${status}` : `${status} ${bytes}`}`;
  });
  const { rows } = await read({ format: "w3c" }, lines);
  const numbers = [...lines.keys()].filter((number) => number % 5000 !== 0);
  expect(only(rows, "status", "bytes")).toEqual(numbers.map((number) => [200 + (number % 300), number]));
});

describe("a source that cuts a log anywhere", () => {
  /** Lines of two files, the second of which begins without fields; a third of the lines are broken. */
  const FIRST = [
    ...IIS.slice(0, 2),
    "#Fields: date time sc-status c-ip",
    "2023-11-22 05:12:01 200 a1",
    "2023-11-22 05:12:02 200 a2",
    "broken",
    "2023-11-22 05:12:03 200 a3",
    "#Date: 2023-11-22 06:00:00",
    "#Fields: c-ip date time sc-status",
    "b1 2023-11-22 05:12:04 200",
    "b2 2023-11-22 05:12:05 xxx",
    "b3 2023-11-22 05:12:06 200",
  ];
  const SECOND = [
    "2023-11-22 05:12:07 200 c1",
    "#Fields: time date c-ip sc-status",
    "05:12:08 2023-11-22 d1 200",
    "05:12:09 2023-11-22 d2 200",
  ];
  const offsetOf = (lines: readonly string[], line: string): number =>
    lines.slice(0, lines.indexOf(line)).join("\n").length + (lines[0] === line ? 0 : 1);
  const DEAD = [
    `a.log ${offsetOf(FIRST, "broken")}`,
    `a.log ${offsetOf(FIRST, "b2 2023-11-22 05:12:05 xxx")}`,
    "b.log 0",
  ];

  interface Taken {
    readonly clients: string[];
    readonly dead: string[];
  }

  /** Takes all that is there in ranges of so many bytes; a new source goes on after every other one. */
  async function takeAll(
    kind: SourceKind,
    options: unknown,
    folder: string,
    maxBytes: number,
  ): Promise<Taken> {
    const taken: Taken = { clients: [], dead: [] };
    const database: Database = await openDatabase();
    const format = formatFor("w3c", {});
    const shape = { columns: [], header: undefined, delimiter: ",", pattern: undefined };
    let committed: Position | undefined;
    try {
      for (let isEnded = false; !isEnded; ) {
        const context: SourceContext = {
          name: "log",
          job: "cuts",
          format,
          clock: systemClock,
          timeColumn: "ts",
          committed,
          isDurable: true,
          segmentFolder: path.join(folder, "segments"),
          baseFolder: folder,
          maxSegmentBytes: 1024,
          isBounded: true,
          hasHeader: false,
          delimiter: ",",
          freshSeed: () => 1,
          notify: () => undefined,
          isOwn: () => false,
        };
        const source = await kind.open(options, context);
        for (let turn = 0; turn < 2 && !isEnded; turn += 1) {
          const range = await source.plan({ maxBytes, maxLines: Number.POSITIVE_INFINITY });
          isEnded = range === undefined && source.isEnded();
          if (range === undefined) continue;
          const reading = { format, shape, select: raw("*") };
          const count = sql`SELECT count(*) AS rows FROM records`;
          const segment = await source.read(range);
          const { deadLetters } = await readSegment(database, segment, reading, "records", count);
          const columns =
            segment.attributes === undefined ? sql`client` : sql`client || ' ' || parse_filename(file)`;
          const rows = await database.rows(sql`SELECT ${columns} AS client FROM records`);
          taken.clients.push(...rows.map(({ client }) => String(client)));
          const letters = await lettersIn(database, deadLetters);
          taken.dead.push(...letters.map(({ origin, offset }) => `${origin} ${offset}`));
          await source.commit(range);
          committed = range.to;
        }
        if (kind === tailKind || isEnded) await source.close();
      }
    } finally {
      database.close();
    }
    return taken;
  }

  const CLIENTS = ["a1", "a2", "a3", "b1", "b3", "d1", "d2"];
  for (const maxBytes of [1, 40, 100, 10_000]) {
    const withFiles = async (take: (folder: string) => Promise<Taken>): Promise<Taken> => {
      const folder = mkdtempSync(path.join(tmpdir(), "streamkit-w3c-"));
      try {
        mkdirSync(path.join(folder, "segments"));
        writeFileSync(path.join(folder, "a.log"), `${FIRST.join("\n")}\n`);
        writeFileSync(path.join(folder, "b.log"), SECOND.join("\n"));
        return await take(folder);
      } finally {
        rmSync(folder, { recursive: true });
      }
    };
    test(`files, by ${maxBytes} bytes`, async () => {
      const taken = await withFiles((folder) => takeAll(filesKind, { path: "*.log" }, folder, maxBytes));
      expect(taken).toEqual({ clients: CLIENTS, dead: DEAD });
    });
    test(`tail, by ${maxBytes} bytes, with the file's name beside each line`, async () => {
      const taken = await withFiles((folder) => {
        appendFileSync(path.join(folder, "b.log"), "\n");
        return takeAll(
          tailKind,
          tailKind.options.parse({ path: "*.log", file: "file", from: "start" }),
          folder,
          maxBytes,
        );
      });
      expect(taken.clients.toSorted()).toEqual(
        CLIENTS.map((client) => `${client} ${client.startsWith("d") ? "b" : "a"}.log`),
      );
      expect(taken.dead.toSorted()).toEqual(DEAD.toSorted());
    });
  }
});
