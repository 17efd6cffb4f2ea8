/** A text with an offset is an instant, in every format and however the type came about. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Database, openDatabase } from "../../../src/duckdb/database.ts";
import { type Read, readBytes, segmentOf, type Way } from "../../formats/reading.ts";
import { timestampText, timestampUs } from "../values/oracle.ts";
import { HOLDERS, time, wayOf } from "../values/texts.ts";

const RUNS = Number(process.env["STREAMKIT_RUNS"] ?? 1);

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 2 });
});
afterAll(() => database.close());

function read(way: Way, lines: readonly string[]): Promise<Read> {
  return readBytes(database, way, segmentOf(lines.map((line) => Buffer.from(line))));
}

const valuesOf = ({ rows }: Read): unknown[] => rows.map((row) => (JSON.parse(row) as { v: unknown }).v);
const held = (holder: string, text: string): string => HOLDERS[holder]?.(text) ?? "";
const holders = ["a JSON string", "csv", "regex"];

/** All of them are the same instant. */
const FORMS = [
  "2026-08-12T12:00:05+02:00",
  "2026-08-12T12:00:05+0200",
  "2026-08-12T12:00:05+02",
  "2026-08-12 12:00:05 +02:00",
  "2026-08-12T10:00:05Z",
  "2026-08-12t10:00:05z",
  "2026-08-12 10:00:05 UTC",
  "2026-08-12 10:00:05 GMT",
  "2026-08-12T15:30:05+05:30",
  "2026-08-12 04:00:05-06",
  "2026-08-12T10:00:05",
  "2026/08/12 10:00:05",
  "2026-08-12T10:00:05.000Z",
  "2026-08-12T10:00:05,000+00:00",
  "2026-08-11T23:00:05-11:00",
  "2026-08-13T00:00:05+14:00",
  "  2026-08-12T10:00:05Z ",
];

describe("every form of an instant", () => {
  for (const type of ["TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"])
    for (const holder of holders)
      test(`${type}, ${holder}`, async () => {
        const full = type === "TIMESTAMPTZ" ? "TIMESTAMP WITH TIME ZONE" : type;
        const found = await read(
          wayOf(holder, full),
          FORMS.map((text) => held(holder, text)),
        );
        expect(found.deadLetters).toEqual([]);
        expect(new Set(valuesOf(found))).toEqual(new Set(["2026-08-12T10:00:05.000Z"]));
      });

  test("in structs, lists and maps", async () => {
    const columns = {
      s: "STRUCT(t TIMESTAMP)",
      l: "TIMESTAMP[]",
      m: "MAP(VARCHAR, TIMESTAMP WITH TIME ZONE)",
    };
    const lines = FORMS.map((text) => JSON.stringify({ s: { t: text }, l: [text, null], m: { k: text } }));
    const { rows, deadLetters } = await read({ format: "json", columns }, lines);
    expect(deadLetters).toEqual([]);
    const at = "2026-08-12T10:00:05.000Z";
    expect(new Set(rows)).toEqual(new Set([JSON.stringify({ s: { t: at }, l: [at, null], m: { k: at } })]));
  });
});

describe("what is no instant", () => {
  const refused = [
    "2026-08-12 12:00:05 CET",
    "2026-08-12 12:00:05 Europe/Berlin",
    "2026-08-12T12:00:05+2",
    "2026-08-12T12:00:05+24:00",
    "2026-08-12T12:00:05+02:60",
    "2026-08-12T12:00:05+02:00Z",
    "2026-08-12T12:00:05.1234567Z",
    "2026-08-12T12",
    "2026-02-30T12:00:00Z",
    "2026-08-12T24:00:01Z",
    "2026-08-12T24:00:00.5Z",
    "2026-08-12 10:00 PM",
    "05/01/2026 10:00:00",
    "1786529405",
  ];
  for (const type of ["TIMESTAMP", "TIMESTAMP WITH TIME ZONE"])
    for (const holder of holders)
      test(`is a dead letter, and its neighbours stay what they are: ${type}, ${holder}`, async () => {
        const lines = refused.flatMap((text) => [held(holder, text), held(holder, "2026-08-12 10:00:05")]);
        const found = await read(wayOf(holder, type), lines);
        expect(valuesOf(found)).toEqual(refused.map(() => "2026-08-12T10:00:05.000Z"));
        expect(found.deadLetters.map(({ reason }) => reason.replace(/ \(.*/, ""))).toEqual(
          refused.map((text) => `"v" is not a ${type}: "${text}"`),
        );
      });

  test("a day has no instant, and no time but its midnight", async () => {
    const texts = ["2026-08-12", "2026-08-12T00:00:00", "2026-08-12 00:00", "2026/8/12"];
    const others = ["2026-08-12T00:00:00Z", "2026-08-12T00:00:01", "2026-08-12+02:00", "2026-08-12 garbage"];
    for (const holder of holders) {
      const lines = [...texts, ...others].map((text) => held(holder, text));
      const found = await read(wayOf(holder, "DATE"), lines);
      expect(valuesOf(found)).toEqual(texts.map(() => "2026-08-12"));
      expect(found.deadLetters.length).toBe(others.length);
    }
  });
});

test("nanoseconds are kept by TIMESTAMP_NS", async () => {
  const texts = [
    "2026-08-12T12:00:05.123456789+02:00",
    "2026-08-12T10:00:05.1234567Z",
    "1600-01-01T00:00:00Z",
  ];
  const lines = texts.map((text) => held("a JSON string", text));
  const way = { ...wayOf("a JSON string", "TIMESTAMP_NS"), select: "epoch_ns(v)::VARCHAR AS v" };
  const found = await read(way, lines);
  const second = BigInt(Date.UTC(2026, 7, 12, 10, 0, 5)) * 1_000_000n;
  expect(valuesOf(found)).toEqual([String(second + 123_456_789n), String(second + 123_456_700n)]);
  expect(found.deadLetters.map(({ lineNumber }) => lineNumber)).toEqual([2]);
});

/** What Temporal makes of local times, which has the zones from elsewhere: the browser's ICU. */
function offsetIn(zone: string): (localUs: bigint) => bigint {
  return (localUs) => {
    const local = new Date(Number(localUs / 1_000_000n) * 1000).toISOString().slice(0, 19);
    const there = Temporal.PlainDateTime.from(local).toZonedDateTime(zone, { disambiguation: "later" });
    return localUs / 1_000_000n - BigInt(there.epochMilliseconds) / 1000n;
  };
}

describe("timezone:", () => {
  const berlin = (texts: readonly string[], holder: string, type = "TIMESTAMP"): Promise<Read> =>
    read(
      { ...wayOf(holder, type), timezone: "Europe/Berlin" },
      texts.map((text) => held(holder, text)),
    );

  for (const holder of holders)
    test(`is of times without an offset alone: ${holder}`, async () => {
      const texts = [
        "2026-08-12T12:00:05",
        "2026-01-12 11:00:05.250",
        "2026-08-12",
        "2026-08-12T12:00:05+01:00",
        "2026-08-12T12:00:05Z",
        "1500-01-01T00:00:00Z",
      ];
      const expected = [
        "2026-08-12T10:00:05.000Z",
        "2026-01-12T10:00:05.250Z",
        "2026-08-11T22:00:00.000Z",
        "2026-08-12T11:00:05.000Z",
        "2026-08-12T12:00:05.000Z",
        "1500-01-01T00:00:00.000Z",
      ];
      expect(valuesOf(await berlin(texts, holder))).toEqual(expected);
      expect(valuesOf(await berlin(texts, holder, "TIMESTAMP WITH TIME ZONE"))).toEqual(expected);
    });

  test("of an hour that comes twice the second is meant, and one that is left out is moved on", async () => {
    const texts = [
      "2026-10-25T01:59:59",
      "2026-10-25T02:00:00",
      "2026-10-25T02:30:00",
      "2026-10-25T03:00:00",
      "2026-03-29T01:59:59",
      "2026-03-29T02:30:00",
      "2026-03-29T03:30:00",
    ];
    expect(valuesOf(await berlin(texts, "a JSON string"))).toEqual([
      "2026-10-24T23:59:59.000Z",
      "2026-10-25T01:00:00.000Z",
      "2026-10-25T01:30:00.000Z",
      "2026-10-25T02:00:00.000Z",
      "2026-03-29T00:59:59.000Z",
      "2026-03-29T01:30:00.000Z",
      "2026-03-29T01:30:00.000Z",
    ]);
  });

  test("a day stays a day", async () => {
    expect(valuesOf(await berlin(["2026-08-12"], "csv", "DATE"))).toEqual(["2026-08-12"]);
  });

  for (const zone of ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
    test(`${zone}: any time, with and without an offset`, async () => {
      const recent = time.filter((text) => /^(?:199\d|20[012]\d)/.test(text));
      const property = fc.asyncProperty(
        fc.constantFrom(...holders),
        fc.array(recent, { minLength: 40, maxLength: 40 }),
        async (holder, texts) => {
          const way = { ...wayOf(holder, "TIMESTAMP"), timezone: zone };
          const found = await read(
            way,
            texts.map((text) => held(holder, text)),
          );
          const dead = new Set(found.deadLetters.map(({ lineNumber }) => lineNumber));
          const values = valuesOf(found);
          const verdicts = texts.map((text, index) => [text, dead.has(index) ? "dead" : values.shift()]);
          const expected = texts.map((text) => {
            const us = timestampUs(text, offsetIn(zone));
            return [text, us === undefined ? "dead" : timestampText(us)];
          });
          expect(verdicts).toEqual(expected);
        },
      );
      await fc.assert(property, { numRuns: 4 * RUNS, endOnFailure: true });
    });

  test("every half hour around the changes of clocks", async () => {
    for (const [zone, days] of [
      ["Europe/London", ["2026-03-29", "2026-10-25"]],
      ["America/New_York", ["2026-03-08", "2026-11-01"]],
      ["Australia/Lord_Howe", ["2026-04-05", "2026-10-04"]],
    ] as const) {
      const texts = days.flatMap((day) =>
        Array.from(
          { length: 12 },
          (_, at) => `${day}T${String(at >> 1).padStart(2, "0")}:${at % 2 === 0 ? "00" : "30"}:00`,
        ),
      );
      const way = { ...wayOf("csv", "TIMESTAMP"), timezone: zone };
      const found = await read(
        way,
        texts.map((text) => held("csv", text)),
      );
      expect(valuesOf(found)).toEqual(
        texts.map((text) => timestampText(timestampUs(text, offsetIn(zone)) ?? 0n)),
      );
    }
  });
});
