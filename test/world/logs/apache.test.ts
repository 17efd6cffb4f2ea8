/** Apache's LogFormat, as it stands in configurations. */

import { describe, expect, test } from "bun:test";
import { messageOf } from "../../../src/base/error.ts";
import { formatFor } from "../../../src/formats/list.ts";
import { logReader, only } from "./reading.ts";

const read = logReader();
const apache = (logFormat: string) => ({ format: "apache", logFormat });

test("the directive, with quotes escaped or not, is one format", async () => {
  const line =
    '::1 - bob [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326 1234 "http://r/" "Mozilla" 5 17';
  const expected = {
    client: "::1",
    ident: null,
    user: "bob",
    ts: "2000-10-10T20:55:36.000Z",
    method: "GET",
    path: "/a",
    protocol: "HTTP/1.0",
    status: 200,
    bytes: 2326,
    duration_us: 1234,
    referrer: "http://r/",
    agent: "Mozilla",
    bytes_received: 5,
    bytes_sent: 17,
  };
  const text = String.raw`%h %l %u %t \"%r\" %>s %b %D \"%{Referer}i\" \"%{User-agent}i\" %I %O`;
  for (const written of [
    text,
    text.replaceAll('\\"', '"'),
    `"${text}"`,
    `LogFormat "${text}" timed`,
    `  LogFormat '${text.replaceAll('\\"', '"')}'`,
  ])
    expect((await read(apache(written), [line])).rows).toEqual([expected]);
});

test("directives of all kinds", async () => {
  const format =
    '%v:%p %a %{c}a %m "%U%q" %H %<s %>s %B %T %{ms}T %k %P %{tid}P "%{X-Request-Id}o" ' +
    "%{session}C %{PATH}e " +
    "%{mod}n %{SSL_CIPHER}x %!200,304{Via}i %X %R %L %^FB %%";
  const line =
    'www.example.com:443 192.0.2.1 10.0.0.1 GET "/a/b?c=d" HTTP/2.0 301 200 0 1 1234 2 99 140 "id-1" ' +
    "s1 /bin " +
    "note ECDHE - + proxy-server Yx1 250 %";
  const { rows, dead } = await read(apache(format), [line, line.replace("?c=d", "")]);
  expect(dead).toEqual([]);
  expect(rows[0]).toEqual({
    server_name: "www.example.com",
    server_port: 443,
    client: "192.0.2.1",
    peer_addr: "10.0.0.1",
    method: "GET",
    path: "/a/b",
    query: "?c=d",
    protocol: "HTTP/2.0",
    original_status: 301,
    status: 200,
    bytes: 0,
    duration_s: 1,
    duration_ms: 1234,
    connection_requests: 2,
    pid: 99,
    tid: 140,
    sent_http_x_request_id: "id-1",
    cookie_session: "s1",
    env_path: "/bin",
    note_mod: "note",
    ssl_cipher: "ECDHE",
    http_via: null,
    connection_status: "+",
    handler: "proxy-server",
    log_id: "Yx1",
    first_byte_us: 250,
  });
  expect(only(rows.slice(1), "path", "query")).toEqual([["/a/b", null]]);
});

test("times in formats of their own, in parts", async () => {
  const expected = [["2026-01-05T13:30:00.123Z", 200]];
  for (const [format, line] of [
    ["%{%Y-%m-%d %T}t.%{msec_frac}t %{%z}t %s", "2026-01-05 14:30:00.123 +0100 200"],
    ["[%{%d/%b/%Y %T}t.%{usec_frac}t %{%z}t] %s", "[05/Jan/2026 14:30:00.123000 +0100] 200"],
    ["%{begin:%FT%T}t.%{msec_frac}t %s", "2026-01-05T13:30:00.123 200"],
    ["%{sec}t.%{msec_frac}t %s", "1767619800.123 200"],
    ["%{msec}t %s", "1767619800123 200"],
    ["%{usec}t|%s", "1767619800123000|200"],
  ] as const)
    expect(only((await read(apache(format), [line])).rows, "ts", "status")).toEqual(expected);
  const summer = { ...apache("%{%Y-%m-%d %T}t %s"), timezone: "Europe/Berlin" };
  expect(only((await read(summer, ["2026-07-05 14:30:00 200"])).rows, "ts")).toEqual([
    ["2026-07-05T12:30:00.000Z"],
  ]);
  const { dead } = await read(apache("%{%Y-%m-%d %T}t %s"), [
    "2026-02-30 14:30:00 200",
    "2026-02-28 14:30 200",
  ]);
  expect(dead.length).toBe(2);
  expect(dead[0]).toBe("0: The time can't be read: 2026-02-30 14:30:00");
});

test("Apache's escapes", async () => {
  const { rows } = await read(apache('"%{User-Agent}i" %s'), [
    String.raw`"say \"hi\" \\x41 \xc3\xa9" 200`,
    String.raw`"\x16\x03 \"" 200`,
    String.raw`"tab\there" 200`,
  ]);
  expect(only(rows, "agent")).toEqual([
    ['say "hi" \\x41 é'],
    [String.raw`\x16\x03 "`],
    [String.raw`tab\there`],
  ]);
});

describe("a wrong format is told with its place", () => {
  const WRONG = [
    ["%h %Z", 'character 4: "%Z" is no directive of Apache\'s LogFormat'],
    ["%h %{Referer} x", 'character 4: "%{Referer}" is no directive'],
    ["%h %i", "character 4: %i: a name is expected, like %{Name}"],
    ["%h %{m}T", "character 4: %{m}T: s, ms or us is expected"],
    ["%{%Q}t", 'character 1: %{%Q}t: the time can\'t be read back from "%Q"'],
    ["%h%l", "character 3: nothing stands between %h and %l"],
    ["$remote_addr $status", 'character 1: "$remote_addr" is nginx\'s: `format: nginx` takes it'],
    ["words", "it has no variable"],
    ["LogFormat %h%l", "the format's text is expected in quotes behind LogFormat"],
    [String.raw`\"%h\" %Z`, 'character 8: "%Z" is no directive'],
  ] as const;
  test.each(WRONG)("%s", (logFormat, message) => {
    let found = "";
    try {
      formatFor("apache", { log_format: logFormat });
    } catch (error) {
      found = messageOf(error);
    }
    expect(found).toContain(message);
  });
});
