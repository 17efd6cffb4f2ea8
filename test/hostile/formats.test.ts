/** A hostile line becomes a row, a dead letter or nothing where it is blank, and costs no neighbour. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { MAX_DEPTH } from "../../src/base/depth.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { readBytes, segmentOf } from "../formats/reading.ts";
import { DEEP, type Hostile, ODD, SHALLOW } from "./corpus.ts";
import { hostileWays } from "./ways.ts";

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 2 });
});
afterAll(() => database.close());

const segmentAmong = (good: string, hostile: readonly Hostile[]): Buffer =>
  segmentOf([Buffer.from(good), ...hostile.flatMap(({ bytes }) => [bytes, Buffer.from(good)])]);

describe.each([...hostileWays])("$name", ({ way, good, isBounded }) => {
  test("takes its own lines among hostile ones", async () => {
    const [own] = (await readBytes(database, way, segmentOf([Buffer.from(good)]))).rows;
    // Of W3C's logs, that line says what the values behind it are.
    const odd = ODD.filter(({ what }) => way.format !== "w3c" || what !== "fields");
    const hostile = [...odd, ...SHALLOW, ...DEEP];
    const { rows, deadLetters } = await readBytes(database, way, segmentAmong(good, hostile));
    expect(own).toBeDefined();
    expect(rows.filter((row) => row === own).length).toBeGreaterThanOrEqual(hostile.length + 1);
    expect(rows.length + deadLetters.length).toBeLessThanOrEqual(2 * hostile.length + 1);
    // Every second line is hostile.
    for (const { lineNumber } of deadLetters) expect(lineNumber % 2).toBe(1);
  }, 60_000);

  test("follows no lists and objects that are nested too deep", async () => {
    const { rows, deadLetters } = await readBytes(database, way, segmentAmong(good, DEEP));
    expect(rows.length).toBeGreaterThan(DEEP.length);
    const reasons = deadLetters.map(({ reason }) => reason);
    if (isBounded)
      expect(
        reasons.filter((reason) => reason.endsWith(`deep; ${MAX_DEPTH} are taken at most`)),
      ).toHaveLength(DEEP.length);
    else expect(reasons.filter((reason) => reason.includes("nested"))).toEqual([]);
  }, 60_000);
});
