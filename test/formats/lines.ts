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

const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

/** Any line, with characters that matter to readers. */
const noise = fc
  .array(fc.constantFrom(...Array.from("{}[]\"',:\\ \t-_ab10.#;\r\x00\xff\xc3\xa9\ufeff")), { maxLength: 12 })
  .map((characters) => characters.join("").replaceAll("\ufeff", utf8("\ufeff")));

function linesFrom(good: readonly string[], odd: readonly string[]): fc.Arbitrary<Uint8Array> {
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
const JSON_ODD = [
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

const LOG_GOOD = [
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 123 "-" "Mozilla/5.0 (X11)"`,
  `host - user [17/May/2015:12:05:03 +0200] "POST /b?x=1 HTTP/1.0" 404 - "http://a.b/" "curl"`,
  `::1 - - [17/May/2015:10:05:03 +0000] "-" 408 0 "-" "-"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /\\"q\\" HTTP/1.1" 200 1 "-" "say \\"hi\\" \\\\ \\x41"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /${utf8("é")} HTTP/1.1" 200 1 "-" "${utf8("é")}"`,
];
const LOG_ODD = [
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

const MAIN_GOOD = [
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 123 "-" "Mozilla/5.0 (X11)" "-"`,
  `unix: - a user [17/May/2015:12:05:03 +0200] "POST /\\x22b\\x22 HTTP/2.0" 499 0 "http://a/" "\\xD0\\xBF" "::1, 1.2.3.4"`,
  `::1 - - [17/May/2015:10:05:03 +0000] "\\x16\\x03" 400 150 "-" "-" "-" 0.001`,
];
const UPSTREAM =
  '$remote_addr - $remote_user [$time_local] "$request" $status rt=$request_time urt="$upstream_response_time"';
const UPSTREAM_GOOD = [
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 rt=0.120 urt="0.1"`,
  `1.2.3.4 - a b [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 rt=0.120 urt="0.1, 0.2"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "-" 000 rt=- urt="-"`,
];
const UPSTREAM_ODD = [
  "garbage",
  `1.2.3.4 x - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 rt=0.120 urt="0.1"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 rt=x urt="0.1"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 xt=0.1 urt="0.1"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 rt=0.1 urt="a\\x22b"`,
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 1.5 rt=0.1 urt="0.1"`,
];
const PIPES_GOOD = [
  "2026-01-05T14:30:00+01:00|1.2.3.4|GET /a HTTP/1.1|200",
  "2026-01-05T14:30:00Z|::1|-|404",
  "2026-01-05T14:30:00+00:00|::1|say \\x22|-",
];
const ALB_GOOD = [
  'http 2018-07-02T22:23:00.186641Z app/x/5 192.168.131.39:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://h:80/a HTTP/1.1" "curl/7.46.0" - - arn:x "Root=1" "-" "-" 0 2018-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1',
  'h2 2018-07-02T22:23:00.186641Z app/x/5 [::1]:2817 - -1 -1 -1 460 - 34 366 "- http://h:80- -" "curl \\"x\\"" - - - "Root=1" "-" "-" 0 2018-07-02T22:22:48.364000Z "forward" "-" "-" "-" "-" "-" "-"',
];
const CADDY_GOOD = [
  '{"ts":1646861401.5241024,"request":{"client_ip":"1.2.3.4","proto":"HTTP/2.0","method":"GET","host":"h","uri":"/a","headers":{"User-Agent":["c"]}},"duration":0.0009,"size":1,"status":200}',
  '{"ts":"2022-03-09T21:30:01.524Z","request":{"remote_addr":"[::1]:4","method":"GET","uri":"/"},"user_id":"u","duration":"1.5ms","size":0,"status":0}',
];
const TRAEFIK_GOOD = [
  '{"ClientHost":"1.2.3.4","StartUTC":"2024-01-01T11:00:00.123456789Z","RequestMethod":"GET","RequestPath":"/","DownstreamStatus":200,"Duration":1526340}',
  '{"ClientAddr":"1.2.3.4:5","time":"2024-01-01T11:00:00Z","RequestMethod":"M-SEARCH","RequestPath":"*","DownstreamStatus":499,"DownstreamContentSize":0}',
];
const IIS_GOOD = [
  "2023-11-22 05:12:01 10.0.0.4 GET /a - 443 - 203.0.113.9 Mozilla/5.0+(X11) https://a/ 200 0 0 23",
  '2023-11-22 05:12:01.5 10.0.0.4 PROPFIND /a x=1 443 "a b" 203.0.113.9 - - 401 2 5 1',
];
const IIS_ODD = [
  "2023-11-22 05:12:01 10.0.0.4 GET",
  "# comment",
  "#Version: 1.0",
  "2023-13-22 05:12:01 a b c d 1 - 1.1.1.1 - - 200 0 0 1",
  "2023-11-22\t05:12:01\t10.0.0.4\tGET\t/a\t-\t443\t-\t2.2.2.2\tM\t-\t2.5\t0\t0\t23",
  "",
  "#",
];
const SYSLOG_GOOD = [
  "2026-01-12T11:15:58.792703+02:00 nas1 sshd[15819]: Invalid user",
  "<34>2026-01-12T11:16:00.429271+02:00 nas1 cron[77]: job done",
  "<34>1 2003-10-11T22:14:15.003Z host su - ID47 [a@1 b=\"c\"] 'su root' failed",
  "Jan 12 09:15:58 web-1 nginx: hello",
  "Jan  2 2026 09:15:58: %ASA-6-302013: Built",
  "*Mar  1 18:48:50.483 UTC: %SYS-5-CONFIG_I: Configured",
];
const LOGFMT_GOOD = [
  "ts=2026-01-05T14:30:00+01:00 k=a price=1.5 n=3",
  'n=4 k="say \\"hi\\" \\u00e9" bare ts=2026-01-05',
  `k=${utf8("é")} price=-2e3 n=`,
];
const LOGFMT_ODD = [
  "",
  " ",
  "hello world",
  "n=1.5",
  "n=x",
  'k="open',
  "=x",
  "k==",
  "a=1 a=2 n=1",
  'k=a"b',
  "ts=never",
  "price=nan",
  "k='a b' n=1",
  "\tn=7\r",
];

const common = (line: string): string => line.replace(/ "[^"]*" "(?:[^"\\]|\\.)*"$/, "");
const TICKS = { ts: "TIMESTAMP", k: "VARCHAR", price: "DOUBLE", n: "BIGINT" };

export const lineFamilies: readonly Lines[] = [
  { name: "main", way: { format: "main" }, line: linesFrom(MAIN_GOOD, [...LOG_GOOD, ...LOG_ODD]) },
  {
    name: "vhost_combined",
    way: { format: "vhost_combined" },
    line: linesFrom(
      LOG_GOOD.map((line) => `a.example:443 ${line}`),
      LOG_ODD.map((line) => `a.example:80 ${line}`),
    ),
  },
  {
    name: "nginx in values with spaces between",
    way: { format: "nginx", logFormat: UPSTREAM },
    line: linesFrom(UPSTREAM_GOOD, [...UPSTREAM_ODD, ...LOG_ODD]),
  },
  {
    name: "nginx in values with something else between",
    way: { format: "nginx", logFormat: "$time_iso8601|$remote_addr|$request|$status" },
    line: linesFrom(PIPES_GOOD, [
      "a|b|c|d",
      "2026-01-05T14:30:00Z|a|b",
      "2026-01-05 14:30|a|b|200",
      "\xff|a",
    ]),
  },
  {
    name: "apache",
    way: {
      format: "apache",
      logFormat: String.raw`%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %D`,
    },
    line: linesFrom(
      LOG_GOOD.map((line) => `${line} 123`),
      [...LOG_ODD, ...LOG_ODD.map((line) => `${line} -`)],
    ),
  },
  { name: "alb", way: { format: "alb" }, line: linesFrom(ALB_GOOD, [...LOG_ODD, ALB_GOOD.join(" ")]) },
  { name: "caddy", way: { format: "caddy" }, line: linesFrom(CADDY_GOOD, JSON_ODD) },
  { name: "traefik", way: { format: "traefik" }, line: linesFrom(TRAEFIK_GOOD, JSON_ODD) },
  { name: "iis", way: { format: "iis" }, line: linesFrom(IIS_GOOD, IIS_ODD) },
  {
    name: "w3c behind a piece's start",
    way: { format: "w3c", header: ["time", "date", "sc-status", "x-other"] },
    line: linesFrom(
      ["05:12:01 2023-11-22 200 a", "05:12:02 2023-11-22 - -"],
      [...IIS_ODD, "05:12:01 2023-11-22 2 a b"],
    ),
  },
  { name: "syslog", way: { format: "syslog" }, line: linesFrom(SYSLOG_GOOD, LOG_ODD) },
  {
    name: "received syslog",
    way: { format: "syslog", isReceived: true },
    line: linesFrom(SYSLOG_GOOD, LOG_ODD),
  },
  { name: "logfmt", way: { format: "logfmt", columns: TICKS }, line: linesFrom(LOGFMT_GOOD, LOGFMT_ODD) },
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
