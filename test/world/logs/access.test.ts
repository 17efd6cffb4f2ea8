/** What is really in the access logs of Apache and nginx. */

import { expect, test } from "bun:test";
import { logReader, only } from "./reading.ts";

const read = logReader();
const COMBINED = { format: "combined" };
const AT = "[22/Mar/2025:18:07:49 +0000]";
const line = (request: string, client = "192.0.2.1 - -", rest = '200 612 "-" "curl/8.5.0"'): string =>
  `${client} ${AT} "${request}" ${rest}`;

test("a method is any token of RFC 9110", async () => {
  const methods = ["M-SEARCH", "VERSION-CONTROL", "PROPFIND", "BASELINE-CONTROL", "get", "X!#$%&'*+.^_`|~9"];
  const { rows, dead } = await read(
    COMBINED,
    methods.map((method) => line(`${method} /a HTTP/1.1`)),
  );
  expect(dead).toEqual([]);
  expect(only(rows, "method", "path", "protocol")).toEqual(
    methods.map((method) => [method, "/a", "HTTP/1.1"]),
  );
});

test("requests that are none, or not whole, keep their text as the path", async () => {
  const requests = [
    ["GET / HTTP/2.0", "GET", "/", "HTTP/2.0"],
    ["GET / HTTP/3.0", "GET", "/", "HTTP/3.0"],
    ["GET /old", "GET", "/old", null],
    ["-", null, null, null],
    ["", null, null, null],
    [String.raw`\x16\x03\x01\x00\xF7`, null, String.raw`\x16\x03\x01\x00\xF7`, null],
    [String.raw`GET /\"q\" HTTP/1.1`, "GET", '/"q"', "HTTP/1.1"],
    ["GET /a b HTTP/1.1", null, "GET /a b HTTP/1.1", null],
    ["CONNECT example.com:443 HTTP/1.1", "CONNECT", "example.com:443", "HTTP/1.1"],
  ] as const;
  const { rows, dead } = await read(
    COMBINED,
    requests.map(([request]) => line(request)),
  );
  expect(dead).toEqual([]);
  expect(only(rows, "method", "path", "protocol")).toEqual(requests.map(([, ...parts]) => [...parts]));
});

test("clients, users, statuses and sizes of all kinds", async () => {
  const clients = [
    "2001:db8::1 - -",
    "unix: - -",
    "host.example - John Smith",
    "::1 - DOMAIN\\bob",
    '- - ""',
  ];
  const { rows } = await read(
    COMBINED,
    clients.map((client) => line("GET / HTTP/1.1", client)),
  );
  expect(only(rows, "client", "user")).toEqual([
    ["2001:db8::1", null],
    ["unix:", null],
    ["host.example", "John Smith"],
    ["::1", "DOMAIN\\bob"],
    [null, null],
  ]);
  const answers = ['000 0 "-" "-"', '499 - "-" "-"', '444 0 "" ""', '200 9007199254740993 "-" "-"'];
  const second = await read(
    COMBINED,
    answers.map((rest) => line("GET / HTTP/1.1", undefined, rest)),
  );
  expect(only(second.rows, "status", "bytes", "referrer", "agent")).toEqual([
    [0, 0, null, null],
    [499, null, null, null],
    [444, 0, null, null],
    [200, 9007199254740992, null, null],
  ]);
});

test("a number that would be rounded, or is none, is a dead letter", async () => {
  const { rows, dead } = await read(
    COMBINED,
    ['1.5 0 "-" "-"', '200 1e3 "-" "-"', '200 1_0 "-" "-"', '200 0x1 "-" "-"', '99999999999 0 "-" "-"'].map(
      (rest) => line("GET / HTTP/1.1", undefined, rest),
    ),
  );
  expect(rows).toEqual([]);
  expect(dead.map((text) => text.replace(/^\d+: /, ""))).toEqual([
    '"status" is not an INTEGER: "1.5"',
    '"bytes" is not a BIGINT: "1e3"',
    '"bytes" is not a BIGINT: "1_0"',
    '"bytes" is not a BIGINT: "0x1"',
    '"status" is not an INTEGER: "99999999999"',
  ]);
});

test("more values behind combined are passed over, or counted in the reason", async () => {
  const good = ['"-"', '"198.51.100.7, 192.0.2.44"', '- 0.120 "upstream" 12'].map(
    (more) => `${line("GET / HTTP/1.1")} ${more}`,
  );
  const { rows, dead } = await read(COMBINED, good);
  expect(dead).toEqual([]);
  expect(only(rows, "status", "agent")).toEqual(good.map(() => [200, "curl/8.5.0"]));
  const bad = await read(COMBINED, [...good, `${line("GET / HTTP/1.1")} rt=0.1`, "garbage", line("GET")]);
  const second = good.map((each) => each.length + 1).reduce((a, b) => a + b, 0);
  expect(bad.dead[0]).toStartWith(
    `${second}: 11 values where 10 are expected by format combined: format nginx`,
  );
  expect(bad.dead[1]).toStartWith(
    `${second + line("GET / HTTP/1.1").length + 8}: 1 value where 10 are expected`,
  );
  expect(bad.rows.length).toBe(4);
  const common = await read({ format: "common" }, [line("GET / HTTP/1.1")]);
  expect(common.dead[0]).toStartWith("0: 10 values where 8 are expected by format common");
});

test("times are UTC, in any zone", async () => {
  const zones = ["+0000", "-0330", "+0530", "+1400"];
  const { rows } = await read(
    COMBINED,
    zones.map((zone) => line("GET /").replace("+0000", zone)),
  );
  expect(only(rows, "ts").flat()).toEqual([
    "2025-03-22T18:07:49.000Z",
    "2025-03-22T21:37:49.000Z",
    "2025-03-22T12:37:49.000Z",
    "2025-03-22T04:07:49.000Z",
  ]);
});

test("main is what nginx's packages set up, with nginx's escapes", async () => {
  const { rows, dead } = await read({ format: "main" }, [
    `${line("GET / HTTP/1.1")} "-"`,
    `${line(String.raw`GET /?q=\x22\xD0\xBF\x5C\x22 HTTP/1.1`)} "198.51.100.7, 192.0.2.44"`,
    `${line(String.raw`\x16\x03\x01`)} "-" 0.001 "more"`,
    line("GET / HTTP/1.1"),
  ]);
  expect(only(rows, "method", "path", "http_x_forwarded_for")).toEqual([
    ["GET", "/", null],
    ["GET", '/?q="п\\"', "198.51.100.7, 192.0.2.44"],
    [null, String.raw`\x16\x03\x01`, null],
  ]);
  expect(dead.length).toBe(1);
  expect(dead[0]).toContain("10 values where 11 are expected");
});

test("values too many before the user are told, and are not the user's name", async () => {
  const { rows, dead } = await read(COMBINED, [
    line("GET / HTTP/1.1", "host.example:443 192.0.2.1 - -"),
    line("GET / HTTP/1.1", "host.example:443 192.0.2.1 - frank"),
    line("GET / HTTP/1.1", "203.0.113.9, 192.0.2.7 192.0.2.1 - -"),
    line("GET / HTTP/1.1", "203.0.113.9, 192.0.2.7 192.0.2.1 - John Smith"),
    line("GET / HTTP/1.1", "192.0.2.1 - John-Boy -x Smith"),
  ]);
  expect(only(rows, "client", "user")).toEqual([["192.0.2.1", "John-Boy -x Smith"]]);
  expect(dead.map((text) => /(\d+) values where/.exec(text)?.[1])).toEqual(["11", "11", "12", "13"]);
});

test("vhost_combined begins with the server", async () => {
  const { rows } = await read({ format: "vhost_combined" }, [
    `www.example.com:443 ${line("GET / HTTP/1.1")}`,
    `127.0.1.1:80 ${line("GET / HTTP/1.1", "::1 - a b")}`,
  ]);
  expect(only(rows, "server_name", "server_port", "client", "user", "ts")).toEqual([
    ["www.example.com", 443, "192.0.2.1", null, "2025-03-22T18:07:49.000Z"],
    ["127.0.1.1", 80, "::1", "a b", "2025-03-22T18:07:49.000Z"],
  ]);
});
