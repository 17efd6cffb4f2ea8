/** The same of the formats of logs. */

import { JSON_ODD, type Lines, LOG_GOOD, LOG_ODD, linesFrom, TICKS, utf8 } from "./lines.ts";

const MAIN_GOOD = [
  `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 123 "-" "Mozilla/5.0 (X11)" "-"`,
  `unix: - a user [17/May/2015:12:05:03 +0200] "POST /\\x22b\\x22 HTTP/2.0" 499 0 "http://a/" "\\xD0\\xBF" "::1, 1.2.3.4"`,
  `::1 - - [17/May/2015:10:05:03 +0000] "\\x16\\x03" 400 150 "-" "-" "-" 0.001`,
];
const UPSTREAM =
  '$remote_addr - $remote_user [$time_local] "$request" $status ' +
  'rt=$request_time urt="$upstream_response_time"';
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
  '{"ts":1646861401.5241024,"request":{"client_ip":"1.2.3.4","proto":"HTTP/2.0","method":"GET","host":"h",' +
    '"uri":"/a","headers":{"User-Agent":["c"]}},"duration":0.0009,"size":1,"status":200}',
  '{"ts":"2022-03-09T21:30:01.524Z","request":{"remote_addr":"[::1]:4","method":"GET","uri":"/"},' +
    '"user_id":"u","duration":"1.5ms","size":0,"status":0}',
];
const TRAEFIK_GOOD = [
  '{"ClientHost":"1.2.3.4","StartUTC":"2024-01-01T11:00:00.123456789Z","RequestMethod":"GET",' +
    '"RequestPath":"/","DownstreamStatus":200,"Duration":1526340}',
  '{"ClientAddr":"1.2.3.4:5","time":"2024-01-01T11:00:00Z","RequestMethod":"M-SEARCH",' +
    '"RequestPath":"*","DownstreamStatus":499,"DownstreamContentSize":0}',
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

export const logFamilies: readonly Lines[] = [
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
];
