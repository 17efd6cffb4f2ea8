/**
 * Any text, in any format, meets any type: it is the value that arithmetic says it is, or its line is dead.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Database, openDatabase } from "../../../src/duckdb/database.ts";
import { readBytes, segmentOf } from "../../formats/reading.ts";
import { verdict } from "./oracle.ts";
import { HOLDERS, text, wayOf } from "./texts.ts";

const RUNS = Number(process.env["STREAMKIT_RUNS"] ?? 1);

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 2 });
});
afterAll(() => database.close());

const TYPES = [
  ..."TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT UINTEGER UBIGINT".split(" "),
  ..."DECIMAL(10,2) DECIMAL(38,18) DECIMAL(5,0) DOUBLE FLOAT BOOLEAN DATE TIMESTAMP VARCHAR".split(" "),
];

/** DuckDB writes a DOUBLE in another way than JavaScript does, and a DECIMAL was made a text. */
function plain(json: string, type: string): string {
  if (type.startsWith("DECIMAL")) return json.replaceAll('"', "");
  if (json === "null" || (type !== "DOUBLE" && type !== "FLOAT")) return json;
  return String(type === "FLOAT" ? Math.fround(Number(json)) : Number(json));
}

describe("a text becomes its value or a dead letter", () => {
  for (const type of TYPES)
    for (const holder of Object.keys(HOLDERS))
      test(`${type}, ${holder}`, async () => {
        const property = fc.asyncProperty(fc.array(text, { minLength: 80, maxLength: 80 }), async (all) => {
          const texts = all.filter((each) => HOLDERS[holder]?.(each) !== undefined);
          const lines = texts.map((each) => Buffer.from(HOLDERS[holder]?.(each) ?? ""));
          const select = type.startsWith("DECIMAL") ? "CAST(v AS VARCHAR) AS v" : "*";
          const way = { ...wayOf(holder, type), select };
          const { rows, deadLetters } = await readBytes(database, way, segmentOf(lines));
          const dead = new Map(deadLetters.map(({ lineNumber, reason }) => [lineNumber, reason]));
          let row = 0;
          const found = texts.map((each, index) => {
            if (dead.has(index)) return `${each}: dead`;
            const json = rows[row]?.replace(/^\{"v":(.*)\}$/s, "$1") ?? "missing";
            row += 1;
            return `${each}: ${plain(json, type)}`;
          });
          const expected = texts.map((each) => {
            // DuckDB's JSON has no integer of its own for it.
            const isZero = holder === "bare JSON" && each === "-0";
            const json = verdict(isZero ? "0" : each, type);
            return `${each}: ${json === undefined ? "dead" : plain(json, type)}`;
          });
          expect(found).toEqual(expected);
          const a = /^[AEIO]/.test(type) ? "an" : "a";
          for (const reason of dead.values()) expect(reason).toStartWith(`"v" is not ${a} ${type}: "`);
        });
        await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
      });
});
