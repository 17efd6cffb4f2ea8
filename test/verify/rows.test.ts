/** The judge of `verify`, `test` and the equation suite is judged itself. */

import { describe, expect, test } from "bun:test";
import { differenceText } from "../../src/verify/report.ts";
import { type Answer, appliedRows, compareRows } from "../../src/verify/rows.ts";

const answer = (rows: readonly string[], inexact: readonly string[] = []): Answer => ({ rows, inexact });

function difference(found: readonly string[], expected: Answer): string | undefined {
  const different = compareRows(found, expected);
  return different === undefined ? undefined : differenceText(different).join("\n");
}

describe("a comparison", () => {
  test("the order of rows does not matter, their number does", () => {
    expect(difference(['{"a":1}', '{"a":2}'], answer(['{"a":2}', '{"a":1}']))).toBeUndefined();
    expect(difference(['{"a":1}', '{"a":1}'], answer(['{"a":1}']))).toStartWith(
      "2 rows in the stream, 1 in the batch",
    );
    expect(
      difference(['{"a":1}', '{"a":1}', '{"a":2}'], answer(['{"a":1}', '{"a":2}', '{"a":2}'])),
    ).toContain("only in the stream");
    expect(difference([], answer(['{"a":1}']))).toContain('only in the batch:\n  {"a":1}');
  });

  test("integers beyond 2^53 are compared to their last digit", () => {
    expect(difference(['{"a":9007199254740993}'], answer(['{"a":9007199254740992}']))).toBeDefined();
    expect(difference(['{"a":-9007199254740993}'], answer(['{"a":-9007199254740993}']))).toBeUndefined();
  });

  test("doubles may differ in their last digits, and only where a column is said to be inexact", () => {
    const close = ['{"k":"x","a":0.30000000000000004}'];
    expect(difference(close, answer(['{"k":"x","a":0.3}'], ["a"]))).toBeUndefined();
    expect(difference(close, answer(['{"k":"x","a":0.3}']))).toBeDefined();
    expect(difference(close, answer(['{"k":"x","a":0.3000001}'], ["a"]))).toBeDefined();
    expect(difference(close, answer(['{"k":"x","a":null}'], ["a"]))).toBeDefined();
    expect(
      difference(['{"a":[0.1,0.30000000000000004]}'], answer(['{"a":[0.1,0.3]}'], ["a"])),
    ).toBeUndefined();
  });

  test("null is not a missing column", () => {
    expect(difference(['{"a":null}'], answer(["{}"]))).toBeDefined();
  });
});

describe("applied changes", () => {
  const line = (row: string, op: string, batch: number): string =>
    `${row.slice(0, -1)},"_op":"${op}","_batch":${batch}}`;

  test("the last upsert of a key stays, a deleted row goes", () => {
    const lines = [
      line('{"k":"a","v":1}', "upsert", 1),
      line('{"k":"b","v":1}', "upsert", 1),
      line('{"k":null,"v":9007199254740993}', "upsert", 2),
      line('{"k":"a","v":2}', "upsert", 2),
      line('{"k":"b","v":0}', "delete", 3),
    ];
    expect(appliedRows(lines, ["k"])).toEqual(['{"k":"a","v":2}', '{"k":null,"v":9007199254740993}']);
  });

  test("the deletion of a row that was never there is a fault", () => {
    expect(() => appliedRows([line('{"k":"a","v":1}', "delete", 1)], ["k"])).toThrow(
      "A row that was not there",
    );
  });
});
