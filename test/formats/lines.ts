/** Good, odd and broken lines of each format, as bytes: what real inputs hold. */

import fc from "fast-check";
import type { Way } from "./reading.ts";

export interface Lines {
  readonly name: string;
  readonly way: Way;
  readonly line: fc.Arbitrary<Uint8Array>;
}

/** Latin-1 text becomes bytes as it is, so `\xff` is the byte 255. */
function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

export const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

/** Any line, with characters that matter to readers. */
const noise = fc
  .array(fc.constantFrom(...Array.from("{}[]\"',:\\ \t-_ab10.#;\r\x00\xff\xc3\xa9\ufeff")), { maxLength: 12 })
  .map((characters) => characters.join("").replaceAll("\ufeff", utf8("\ufeff")));

export function linesFrom(good: readonly string[], odd: readonly string[]): fc.Arbitrary<Uint8Array> {
  return fc
    .oneof(
      { weight: 5, arbitrary: fc.constantFrom(...good) },
      { weight: 4, arbitrary: fc.constantFrom(...odd) },
      { weight: 1, arbitrary: noise },
      // A character of a good line lost, doubled or replaced.
      {
        weight: 2,
        arbitrary: fc
          .record({
            text: fc.constantFrom(...good),
            at: fc.nat(80),
            by: fc.constantFrom("", '"', "\\", "x", "1", ",", " ", "}"),
          })
          .map(
            ({ text, at, by }) => text.slice(0, at % text.length) + by + text.slice((at % text.length) + 1),
          ),
      },
    )
    .map((text) => bytesOf(text.replaceAll("\n", "")));
}

const JSON_GOOD = [
  `{"ts":"2026-01-05T14:30:00.123Z","k":"a","price":1.5,"n":3}`,
  `{"n":-1,"price":2,"k":"b","ts":"2026-01-05 14:30:01"}`,
  `{"ts":null,"k":"${utf8("é € 😀")}","price":0.1,"n":9007199254740993}`,
  `{"k":"only"}`,
  `{"ts":"2026-01-05","k":"x\\ny \\u00e9 \\"q\\"","price":-0.0,"n":null,"more":[1,{"z":2}]}`,
];
export const JSON_ODD = [
  "",
  " ",
  "\r",
  "\x0c",
  "\xa0",
  `${" ".repeat(70)}{"k":"far"}`,
  "{}",
  "null",
  "[]",
  "1",
  `"text"`,
  "true",
  `{"k":1}`,
  `{"k":{"a":1}}`,
  `{"k":[1,2]}`,
  `{"n":"12"}`,
  `{"n":"x"}`,
  `{"n":1.5}`,
  `{"n":1e3}`,
  `{"n":99999999999999999999}`,
  `{"n":true}`,
  `{"price":"1.5"}`,
  `{"price":"n/a"}`,
  `{"price":"NaN"}`,
  `{"price":NaN}`,
  `{"price":1e999}`,
  `{"ts":5}`,
  `{"ts":"yesterday"}`,
  `{"ts":"2026-13-05"}`,
  `{"ts":""}`,
  `{"k":"a","k":"b"}`,
  `{"n":1,"n":"x"}`,
  `{"n":"x","n":1}`,
  `{"K":"upper"}`,
  `{"k":"a"} `,
  ` {"k":"a"}`,
  `{"k":"a"}\r`,
  `{"k":"a"}{"k":"b"}`,
  `{"k":"a"} {"k":"b"}`,
  `{"k":"a"},`,
  `{"k":"a"} x`,
  `{"k":"a"`,
  `{"k":`,
  `"b"}`,
  `{"k":'a'}`,
  `{k:"a"}`,
  `{"k":"a",}`,
  `{"k":"tab\there"}`,
  `{"k":"\\ud800"}`,
  `{"k":"\\u0000"}`,
  `{"k":"\x00"}`,
  `{"k":"\xff"}`,
  `{"k":"\xe9t\xe9"}`,
  `${utf8("\ufeff")}{"k":"bom"}`,
  `{"a.b":1,"k":"dot"}`,
  "// comment",
  `{"k":"a"} // comment`,
  `{"":1}`,
];

const CSV_GOOD = [
  "2026-01-05T14:30:00.123Z,a,1.5,3",
  `2026-01-05 14:30:01,"b, c",2,-1`,
  `,"say ""hi""",,`,
  `2026-01-05,${utf8("é€")},0.1,9007199254740993`,
  ",,,",
];
const CSV_ODD = [
  "",
  " ",
  "\r",
  "2026-01-05,a,1.5,3\r",
  "2026-01-05,a,1.5",
  "2026-01-05,a,1.5,3,4",
  "2026-01-05,a,1.5,3,",
  "yesterday,a,1.5,3",
  "2026-01-05,a,x,3",
  "2026-01-05,a,1.5,3.7",
  "2026-01-05,a,1.5,x",
  "2026-01-05,a,1.5, 3",
  `2026-01-05,"open,1.5,3`,
  `2026-01-05,open",1.5,3`,
  `2026-01-05,"a"b,1.5,3`,
  `2026-01-05,a"b"c,1.5,3`,
  `2026-01-05, "a",1.5,3`,
  `2026-01-05,"a" ,1.5,3`,
  ` "`,
  `2026-01-05, "open`,
  `2026-01-05, "a,",1.5,3`,
  `2026-01-05,  "a,1.5,3`,
  `2026-01-05,a "b,1.5,3`,
  ` ,"a" ,"b`,
  `,"a"  "b,c" ",,`,
  `"2026-01-05","a","1.5","3"`,
  `2026-01-05,"",1.5,3`,
  `2026-01-05,\xff,1.5,3`,
  `2026-01-05,\x00,1.5,3`,
  `${utf8("\ufeff")}2026-01-05,bom,1.5,3`,
  `2026-01-05,'a,1.5,3`,
  `2026-01-05,a\\,1.5,3`,
  "# comment",
  `"`,
  `""`,
  `"""`,
  "ts,k,price,n",
  "2026-01-05,NULL,1.5,3",
  "2026-01-05,a,nan,3",
  "2026-01-05,a,1e400,3",
  "2026-01-05;a;1.5;3",
  "2026-01-05\ta\t1.5\t3",
];

export const LOG_GOOD = [
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 123 "-" "Mozilla/5.0 (X11)"`,
  `host - user [17/May/2015:12:05:03 +0200] "POST /b?x=1 HTTP/1.0" 404 - "http://a.b/" "curl"`,
  `::1 - - [17/May/2015:10:05:03 +0000] "-" 408 0 "-" "-"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /\\"q\\" HTTP/1.1" 200 1 "-" "say \\"hi\\" \\\\ \\x41"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /${utf8("é")} HTTP/1.1" 200 1 "-" "${utf8("é")}"`,
];
export const LOG_ODD = [
  "",
  " ",
  "\r",
  "garbage",
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 123`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 123 "-" "agent" extra`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 123 "-" "agent"\r`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 123 "-" "agent" `,
  `1.2.3.4 - - [yesterday] "GET /a HTTP/1.1" 200 123 "-" "agent"`,
  `1.2.3.4 - - [31/Feb/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 123 "-" "agent"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" abc 123 "-" "agent"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 x "-" "agent"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1 200 123 "-" "agent"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /"a HTTP/1.1" 200 123 "-" "agent"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 123 "-" "agent`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "" 400 0 "-" "-"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "\\x16\\x03\\x01" 400 0 "-" "-"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a b c HTTP/1.1" 200 1 "-" "-"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /\xe9 HTTP/1.1" 200 1 "-" "-"`,
  `1.2.3.4  - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 1 "-" "-"`,
  `"1.2.3.4" - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 1 "-" "-"`,
  `1.2.3.4 - "a b" [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 1 "-" "-"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] GET 200 1 "-" "-"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" "200" 1 "-" "-"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 1 - agent`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a\tb HTTP/1.1" 200 1 "-" "-"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 1 "\\\\" "a\\"`,
  `1.2.3.4 - DOMAIN\\user [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 1 \\x16 "a\\x16"`,
  `1.2.3.4 "" "" [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 "" "" ""`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 1 "-" "agent" ""  `,
  ...["1/jan/1900:00:00:00", "29/Feb/2016:24:00:00", "17/May/2015:10:05:60", "infinity"].map(
    (day) => `1.2.3.4 - - [${day} +0000] "GET /a HTTP/1.1" 200 1 "-" "-"`,
  ),
  ...["-0330]", "+1400]", "+9999]", "+0060]", "Z]", "+05:30]", `"+0000]"`].map(
    (zone) => `1.2.3.4 - - [17/May/2015:10:05:03 ${zone} "GET /a HTTP/1.1" 200 1 "-" "-"`,
  ),
  `\x001.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 1 "-" "-"`,
];

const common = (line: string): string => line.replace(/ "[^"]*" "(?:[^"\\]|\\.)*"$/, "");
export const TICKS = { ts: "TIMESTAMP", k: "VARCHAR", price: "DOUBLE", n: "BIGINT" };

export const lineFamilies: readonly Lines[] = [
  { name: "json", way: { format: "json", columns: TICKS }, line: linesFrom(JSON_GOOD, JSON_ODD) },
  {
    name: "json with a projection",
    way: { format: "json", columns: TICKS, select: "k, upper(k) AS u, n + 1 AS next" },
    line: linesFrom(JSON_GOOD, JSON_ODD),
  },
  {
    name: "json with a projection that may fail",
    way: { format: "json", columns: TICKS, select: "k, k::INTEGER AS number" },
    line: linesFrom([`{"k":"1"}`, `{"k":"22","n":1}`], [...JSON_GOOD, ...JSON_ODD]),
  },
  {
    name: "json with nested types",
    way: {
      format: "json",
      columns: {
        id: "INTEGER",
        s: "STRUCT(a INTEGER, b VARCHAR[])",
        l: "DOUBLE[]",
        m: "MAP(VARCHAR, INTEGER)",
      },
    },
    line: linesFrom(
      [`{"id":1,"s":{"a":1,"b":["x"]},"l":[1,2.5],"m":{"k":1}}`, `{"id":2,"s":{"b":[]},"l":[]}`, `{"id":3}`],
      [
        `{"id":4,"s":{"a":"x"}}`,
        `{"id":5,"s":[1]}`,
        `{"id":6,"l":{"a":1}}`,
        `{"id":7,"l":[1,"x"]}`,
        `{"id":8,"s":{"a":1,"z":2}}`,
        `{"id":9,"s":null,"l":null,"m":null}`,
        `{"id":10,"s":"text"}`,
        `{"id":11,"m":{"k":"x"}}`,
        `{"id":12,"m":[1]}`,
        `{"id":13,"s":{"a":1,"a":2}}`,
        `{"id":14,"l":[[1]]}`,
        `{"id":15,"s":{"b":["x",1,null,{}]}}`,
      ],
    ),
  },
  {
    name: "csv",
    way: { format: "csv", columns: TICKS, header: ["ts", "k", "price", "n"] },
    line: linesFrom(CSV_GOOD, CSV_ODD),
  },
  {
    name: "csv of one column",
    way: { format: "csv", columns: { k: "VARCHAR" }, header: ["k"] },
    line: linesFrom(
      ["a", `"b,c"`, `"d""e"`],
      ["", `""`, "a,b", `"`, `a"b`, " ", "\r", "x\r", `"x"y`, "\xff"],
    ),
  },
  { name: "combined", way: { format: "combined" }, line: linesFrom(LOG_GOOD, LOG_ODD) },
  {
    name: "combined with a projection of what is always readable",
    way: { format: "combined", select: "client, path, length(method) AS letters" },
    line: linesFrom(LOG_GOOD, LOG_ODD),
  },
  {
    name: "common",
    way: { format: "common" },
    line: linesFrom(LOG_GOOD.map(common), [...LOG_ODD, ...LOG_ODD.map(common)]),
  },
  {
    name: "regex",
    way: { format: "regex", pattern: "^(?<word>[a-z]+)(-(?<number>\\d*))?$", columns: { number: "INTEGER" } },
    line: linesFrom(
      ["abc-12", "x", "word-"],
      ["", " ", "\r", "abc-12\r", "ABC", "a-99999999999", "\xff", "a b", "x-1\x00", utf8("é")],
    ),
  },
  {
    name: "regex that takes everything",
    way: { format: "regex", pattern: "^(?<all>.*)$" },
    line: linesFrom(
      ["abc", `${" ".repeat(70)}x`],
      ["", " ", "\t", "\r", "x\r", "\xff", "\x00", utf8("é"), "\x0c", "\xa0"],
    ),
  },
  {
    name: "lines",
    way: { format: "lines" },
    line: linesFrom(
      ["abc", "x y", utf8("é")],
      ["", " ", "\r", "a\r", "\r\r", "\xff", "\x00", utf8("\ufeff"), `"`, "a\tb"],
    ),
  },
];
