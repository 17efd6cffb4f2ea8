/** nginx's log_format, as it stands in configurations. */

import { describe, expect, test } from "bun:test";
import { messageOf } from "../../../src/base/error.ts";
import { formatFor } from "../../../src/formats/list.ts";
import { logReader, only } from "./reading.ts";

const read = logReader();
const nginx = (logFormat: string) => ({ format: "nginx", logFormat });
const namesOf = (logFormat: string): readonly string[] =>
  formatFor("nginx", { log_format: logFormat })
    .columns({ columns: [], header: undefined, delimiter: ",", pattern: undefined })
    .map(({ name, type }) => (type === "VARCHAR" ? name : `${name} ${type}`));

test("the directive, its pieces and the text alone are one format", () => {
  const text = '$remote_addr [$time_local] "$request" $status $request_time';
  const columns = [
    "client",
    "ts TIMESTAMP",
    "method",
    "path",
    "protocol",
    "status INTEGER",
    "request_time DOUBLE",
  ];
  for (const written of [
    text,
    `'${text}'`,
    `timed '${text}'`,
    `log_format timed '${text}';`,
    "log_format timed escape=default\n    '$remote_addr [$time_local] '  # the client\n" +
      `    '"$request" $status $request_time';\n`,
    `log_format timed "$remote_addr [$time_local] \\"$request\\" $status $request_time";`,
    text.replace("$status", "${status}"),
  ])
    expect(namesOf(written)).toEqual(columns);
});

test("columns have the shared names, or those of their variables", () => {
  expect(
    namesOf("$msec|$time_local|$body_bytes_sent|$bytes_sent|$upstream_response_time|$connection"),
  ).toEqual([
    "msec TIMESTAMP",
    "ts TIMESTAMP",
    "bytes BIGINT",
    "bytes_sent BIGINT",
    "upstream_response_time",
    "connection BIGINT",
  ]);
  expect(namesOf('"$request" $request_method $request_uri $status $status $my_map')).toEqual([
    "method",
    "path",
    "protocol",
    "request_method",
    "request_uri",
    "status INTEGER",
    "my_map",
  ]);
});

test("what nginx's documentation and its users log", async () => {
  const format =
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" ' +
    '"$http_user_agent" "$http_x_forwarded_for" ' +
    'rt=$request_time uct="$upstream_connect_time" gzip=$gzip_ratio';
  const start = '[22/Mar/2025:18:07:49 +0100] "GET / HTTP/1.1" 200 612 "-" "curl" "-"';
  const { rows, dead } = await read(nginx(format), [
    `192.0.2.1 - - ${start} rt=0.120 uct="0.001" gzip=-`,
    `192.0.2.1 - John Smith ${start} rt=0.120 uct="0.001, 0.002 : -" gzip=2.5`,
    `192.0.2.1 + - ${start} rt=0.120 uct="0.001" gzip=-`,
    `192.0.2.1 - - ${start} rt=0,1 uct="0.001" gzip=-`,
  ]);
  expect(only(rows, "user", "ts", "request_time", "upstream_connect_time", "gzip_ratio")).toEqual([
    [null, "2025-03-22T17:07:49.000Z", 0.12, "0.001", null],
    ["John Smith", "2025-03-22T17:07:49.000Z", 0.12, "0.001, 0.002 : -", 2.5],
  ]);
  expect(dead.map((text) => text.replace(/^\d+: /, ""))).toEqual([
    "The line has another form than format nginx: is log_format that of the server which wrote the line?",
    '"request_time" is not a DOUBLE: "0,1"',
  ]);
});

test("variables side by side, with a host, a path and a query", async () => {
  const { rows } = await read(
    nginx('$scheme://$host$request_uri "$uri$is_args$args" $server_name:$server_port'),
    ['https://a.example/x/y?z=1 "/x/y?z=1" b.example:443', 'http://[::1]/ "/" _:80'],
  );
  expect(rows).toEqual(
    [
      {
        scheme: "https",
        host: "a.example",
        path: "/x/y?z=1",
        uri: "/x/y",
        is_args: "?",
        args: "z=1",
        server_name: "b.example",
        server_port: 443,
      },
      {
        scheme: "http",
        host: "[::1]",
        path: "/",
        uri: "/",
        is_args: null,
        args: null,
        server_name: null,
        server_port: 80,
      },
    ].map((row) => ({ ...row, server_name: row.server_name ?? "_" })),
  );
});

test("escapes of JSON, and none at all", async () => {
  const text = '$remote_addr "$http_user_agent" $status';
  const json = await read(nginx(`log_format a escape=json '${text}';`), [
    `::1 "say \\"hi\\" \\\\ é" 200`,
    '::1 "" 200',
  ]);
  expect(only(json.rows, "agent")).toEqual([['say "hi" \\ é'], [null]]);
  const none = await read(nginx(`log_format a escape=none '${text}';`), [
    String.raw`::1 "say "hi" \x22" 200`,
    '::1 "" 200',
  ]);
  expect(only(none.rows, "agent")).toEqual([[String.raw`say "hi" \x22`], [null]]);
});

describe("a wrong format is told with its place", () => {
  const WRONG = [
    ["$remote_addr$status", "character 13: nothing stands between $remote_addr and $status"],
    ["$remote_addr ${status", 'character 14: a variable like $remote_addr is expected, found "${status"'],
    ["a $ b", 'character 3: a variable like $remote_addr is expected, found "$"'],
    ["just words", "it has no variable"],
    ["%h %l", 'character 1: "%h" is Apache\'s: `format: apache` takes it'],
    [`{"client":"$remote_addr"}`, "it writes JSON: `format: json` reads such lines"],
    [
      "log_format main escape=yaml '$status';",
      'character 17: escape= is default, json or none, found "yaml"',
    ],
    ["log_format main '$status' $request;", 'character 27: a quoted piece is expected, found "$request;"'],
    ["log_format main $status;", "character 12: the format's text is expected in quotes"],
  ] as const;
  test.each(WRONG)("%s", (logFormat, message) => {
    let found = "";
    try {
      formatFor("nginx", { log_format: logFormat });
    } catch (error) {
      found = messageOf(error);
    }
    expect(found).toContain(message);
  });
  test("and where there is none, or another format has one", () => {
    expect(() => formatFor("nginx", {})).toThrow(
      "format nginx needs it as it stands in the server's configuration",
    );
    expect(() => formatFor("json", { log_format: "$status" })).toThrow(
      "it is for the formats nginx and apache, found format json",
    );
  });
});
