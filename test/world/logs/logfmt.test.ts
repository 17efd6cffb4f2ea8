/** logfmt, as programs in Go and others write it. */

import { expect, test } from "bun:test";
import { logReader } from "./reading.ts";

const read = logReader();
const columns = {
  ts: "TIMESTAMP",
  level: "VARCHAR",
  msg: "VARCHAR",
  n: "BIGINT",
  took: "DOUBLE",
  ok: "BOOLEAN",
  price: "DECIMAL(9,2)",
  id: "VARCHAR",
};
const way = { format: "logfmt", columns };
const nothing = Object.fromEntries(Object.keys(columns).map((name) => [name, null]));

test("pairs, quotes, escapes, bare keys, empty values", async () => {
  const { rows, dead } = await read(way, [
    String.raw`ts=2026-01-05T14:30:00.123+01:00 level=info msg="say \"hi\"\n\u00e9 \\" ` +
      "n=3 took=1.5 ok price=1.50 id=007",
    "level=warn n= msg= ok=false   more=x ts=2026-01-05",
    'msg="" took=-2e3 level=a=b id=+49',
    "\tlevel=x",
  ]);
  expect(dead).toEqual([]);
  expect(rows).toEqual(
    [
      {
        ts: "2026-01-05T13:30:00.123Z",
        level: "info",
        msg: 'say "hi"\né \\',
        n: 3,
        took: 1.5,
        ok: true,
        price: 1.5,
        id: "007",
      },
      { ...nothing, level: "warn", msg: "", ok: false, ts: "2026-01-05T00:00:00.000Z" },
      { ...nothing, msg: "", took: -2000, id: "+49", level: "a=b" },
      { ...nothing, level: "x" },
    ].map((row) => row),
  );
});

test("a value that does not fit, and a line that is none, are dead letters with their offsets", async () => {
  const lines = [
    "n=1",
    "n=1.5",
    "hello world",
    "price=1.234",
    "ok=maybe",
    "ts=31/12/2025",
    'msg="open',
    "took=fast",
    "n=9223372036854775808",
  ];
  const { rows, dead } = await read(way, lines);
  expect(rows.map(({ n }) => n)).toEqual([1]);
  const offsets = lines.map(
    (_line, index) => lines.slice(0, index).join("\n").length + (index === 0 ? 0 : 1),
  );
  const NONE = 'The line is no logfmt: pairs like level=info msg="some words" are expected';
  expect(dead).toEqual(
    [
      '"n" is not a BIGINT: "1.5" (it is no integer, or out of range)',
      NONE,
      '"price" is not a DECIMAL(9,2): "1.234" (digits would be lost, or it is out of range)',
      '"ok" is not a BOOLEAN: "maybe"',
      '"ts" is not a TIMESTAMP: "31/12/2025"',
      NONE,
      '"took" is not a DOUBLE: "fast"',
      '"n" is not a BIGINT: "9223372036854775808" (out of its range)',
    ].map((reason, index) => `${offsets[index + 1]}: ${reason}`),
  );
});
