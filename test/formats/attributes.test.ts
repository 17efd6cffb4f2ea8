/** What stands beside each line of a segment, and the rows of its partitions. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { messageOf } from "../../src/base/error.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { raw, sql } from "../../src/duckdb/sql.ts";
import { formats } from "../../src/formats/list.ts";
import { readSegment } from "../../src/formats/read-segment.ts";
import type { Piece, Segment } from "../../src/formats/segment.ts";
import { partitionTimes } from "../../src/ingest/partition-times.ts";
import { lettersIn } from "./reading.ts";

let database: Database;
let folder: string;
beforeAll(async () => {
  database = await openDatabase({ threads: 2 });
  folder = mkdtempSync(path.join(tmpdir(), "streamkit-attributes-"));
});
afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

/** Records of two partitions, of which every fifth is broken; offsets have a gap in the second one. */
const LINES = 50;
const SECOND = 20;
const isBroken = (number: number): boolean => number % 5 === 3;
const second = (number: number): number => 1_700_000_000 + number * 7;
const lineOf = (number: number): string =>
  isBroken(number)
    ? `{"n":${number},`
    : `{"n":${number},"ts":"${new Date(second(number) * 1000).toISOString()}"}`;

function segment(hasBroken: boolean): Segment {
  const file = path.join(folder, "segment");
  const lines = Array.from({ length: LINES }, (_, number) => lineOf(number)).map((line) =>
    hasBroken || line.endsWith("}") ? line : "{}",
  );
  writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
  writeFileSync(`${file}.attributes`, lines.map((_, number) => `"k""${number}",${number}\n`).join(""));
  const before = lines
    .slice(0, SECOND)
    .map((line) => `${line}\n`)
    .join("").length;
  const piece = (name: string, count: number, at: number, offsetOf: (line: number) => number): Piece => ({
    origin: name,
    originOffset: 0,
    segmentOffset: at,
    partition: { name, lines: count, offsetOf },
  });
  return {
    path: file,
    sizeBytes: 0,
    pieces: [
      piece("q/0", SECOND, 0, (line) => 100 + line),
      piece("q/1", LINES - SECOND, before, (line) => 900 + line * 2),
    ],
    header: undefined,
    attributes: {
      path: `${file}.attributes`,
      columns: [
        { name: "key", type: "VARCHAR" },
        { name: "number", type: "BIGINT" },
      ],
    },
  };
}

async function read(select = "*", hasBroken = true) {
  const format = formats.find(({ name }) => name === "json");
  if (format === undefined) throw new Error("no format json");
  const columns = [
    { name: "n", type: "BIGINT" },
    { name: "ts", type: "TIMESTAMP" },
  ];
  const shape = { columns, header: undefined, delimiter: ",", pattern: undefined };
  const given = segment(hasBroken);
  const reading = { format, shape, select: raw(select) };
  const count = sql`SELECT count(*) AS rows FROM records`;
  return { given, ...(await readSegment(database, given, reading, "records", count)) };
}

describe("attributes", () => {
  test("stand in the row of their line, also where lines between them are broken", async () => {
    const { deadLetters } = await read();
    const rows = await database.rows(sql`SELECT n, key, number FROM records`);
    const good = Array.from({ length: LINES }, (_, number) => number).filter((number) => !isBroken(number));
    expect(rows.map(({ n, key, number }) => [Number(n), key, Number(number)])).toEqual(
      good.map((number) => [number, `k"${number}`, number]),
    );
    expect(
      (await lettersIn(database, deadLetters)).map(({ origin, offset }) => `${origin} ${offset}`),
    ).toEqual(
      Array.from({ length: LINES }, (_, number) => number)
        .filter(isBroken)
        .map((number) => (number < SECOND ? `q/0 ${100 + number}` : `q/1 ${900 + (number - SECOND) * 2}`)),
    );
  });
});

describe("the event times of partitions", () => {
  const timesOf = async (select?: string, hasBroken = true) => {
    const { given, deadLetters, figures } = await read(select, hasBroken);
    const rows = Number(figures["rows"]);
    return partitionTimes(database, {
      table: "records",
      timeColumn: "ts",
      segment: given,
      rows,
      deadLetters,
    });
  };

  test("are the highest of their own rows", async () => {
    const micros = (number: number): bigint => BigInt(second(number)) * 1_000_000n;
    // Line 48 is broken: 18 and 49 are the last whole ones.
    expect(await timesOf()).toEqual(
      new Map([
        ["q/0", micros(19)],
        ["q/1", micros(49)],
      ]),
    );
  });

  test("can't be told where a record becomes several rows", async () => {
    const refusal = await timesOf("*, unnest([1, 2]) AS two", false).catch(messageOf);
    expect(refusal).toContain("it must make one of each");
  });
});
