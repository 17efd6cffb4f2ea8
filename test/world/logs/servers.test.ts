/** Caddy, Traefik, load balancers of AWS: entries as their documentation has them. */

import { expect, test } from "bun:test";
import { logReader, only } from "./reading.ts";

const read = logReader();

test("Caddy's entries", async () => {
  const request = {
    remote_ip: "127.0.0.1",
    client_ip: "198.51.100.7",
    proto: "HTTP/2.0",
    method: "GET",
    host: "localhost",
    uri: "/a?b=c",
    headers: {
      "User-Agent": ["curl/7.82.0"],
      Accept: ["*/*"],
    },
  };
  const entry = {
    level: "info",
    ts: 1646861401.5241024,
    logger: "http.log.access",
    msg: "handled request",
    request,
    user_id: "",
    duration: 929675e-9,
    size: 10900,
    status: 200,
  };
  const old = { remote_addr: "[2001:db8::1]:41342", proto: "HTTP/1.1", method: "POST", uri: "/" };
  const { rows, dead } = await read({ format: "caddy" }, [
    JSON.stringify(entry),
    JSON.stringify({
      ...entry,
      ts: "2022-03-09T22:30:01.524+01:00",
      request: old,
      user_id: "bob",
      status: 0,
    }),
    JSON.stringify({ ...entry, ts: 1646861401524, duration: "1.5ms", resp_headers: { Server: ["Caddy"] } }),
    JSON.stringify({ level: "info", ts: 1646861401.5, msg: "serving initial configuration" }),
    JSON.stringify({ ...entry, status: "n/a" }),
    '{"level":',
  ]);
  expect(
    only(rows, "ts", "client", "user", "method", "path", "status", "bytes", "agent", "duration"),
  ).toEqual([
    [
      "2022-03-09T21:30:01.524102Z",
      "198.51.100.7",
      null,
      "GET",
      "/a?b=c",
      200,
      10900,
      "curl/7.82.0",
      0.000929675,
    ],
    ["2022-03-09T21:30:01.524Z", "2001:db8::1", "bob", "POST", "/", 0, 10900, null, 0.000929675],
    ["2022-03-09T21:30:01.524Z", "198.51.100.7", null, "GET", "/a?b=c", 200, 10900, "curl/7.82.0", 0.0015],
  ]);
  expect(rows[2]?.["extra"]).toMatchObject({ resp_headers: { Server: ["Caddy"] } });
  expect(dead.map((text) => text.replace(/^\d+: /, ""))).toEqual([
    'It is no entry of an access log of Caddy: it has no "request" and "status"',
    '"status" is not an INTEGER: "n/a"',
    "Malformed JSON",
  ]);
});

test("Traefik's entries, in both of its forms", async () => {
  const entry = {
    ClientAddr: "172.17.0.1:54321",
    ClientHost: "172.17.0.1",
    ClientUsername: "-",
    DownstreamStatus: 200,
    DownstreamContentSize: 448,
    Duration: 1526340,
    RequestHost: "whoami.localhost",
    RequestMethod: "GET",
    RequestPath: "/",
    RequestProtocol: "HTTP/1.1",
    RouterName: "whoami@docker",
    ServiceName: "whoami",
    StartUTC: "2024-01-01T11:00:00.123456789Z",
    "request_User-Agent": "curl/8",
  };
  const { rows } = await read({ format: "traefik" }, [JSON.stringify(entry)]);
  expect(only(rows, "ts", "client", "user", "status", "bytes", "agent", "duration", "router")).toEqual([
    ["2024-01-01T11:00:00.123456Z", "172.17.0.1", null, 200, 448, "curl/8", 0.00152634, "whoami@docker"],
  ]);
  const clf = await read({ format: "traefik_clf" }, [
    '172.17.0.1 - - [01/Jan/2024:12:00:00 +0100] "GET / HTTP/1.1" 200 448 "-" "curl/8" 12 "whoami@docker" "http://172.17.0.3:80" 1ms',
    '172.17.0.1 - bob [01/Jan/2024:12:00:00 +0100] "GET / HTTP/1.1" 404 19 "-" "-" 13 "-" "-" 0ms',
    '172.17.0.1 - - [01/Jan/2024:12:00:00 +0100] "GET / HTTP/1.1" 200 448 "-" "curl/8" 12 "r" "s" 1s',
  ]);
  expect(only(clf.rows, "ts", "user", "request_count", "router", "server_url", "duration_ms")).toEqual([
    ["2024-01-01T11:00:00.000Z", null, 12, "whoami@docker", "http://172.17.0.3:80", 1],
    ["2024-01-01T11:00:00.000Z", "bob", 13, null, null, 0],
  ]);
  expect(clf.dead.length).toBe(1);
});

test("a load balancer's entries, also with fewer and with more values", async () => {
  const start = "h2 2018-07-02T22:23:00.186641Z app/my-lb/50dc6c495c0c9188";
  const head = "0.000 0.048 0.037 200 200 34 366";
  const rest = '"curl/7.46.0" ECDHE-RSA TLSv1.2 arn:aws:tg "Root=1-58337281"';
  const end =
    '"www.example.com" "arn:aws:acm:x" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-"';
  const request = (text: string): string => `"${text}"`;
  const { rows, dead } = await read({ format: "alb" }, [
    `${start} 10.0.1.252:48160 10.0.0.66:9000 ${head} ${request("GET https://www.example.com:443/a?b HTTP/2.0")} ${rest} ${end} "10.0.0.66:9000" "200" "-" "-" TID_1`,
    `${start} 2001:db8::1:2817 - -1 -1 -1 460 - 0 57 ${request("- http://x:80- -")} ${rest} ${end} "-" "-" "-" "-" TID_2 "new" 7`,
    `${start} 10.0.1.252:48160 10.0.0.66:9000 ${head} ${request("GET http://h:80/ HTTP/1.1")} ${rest}`,
    `${start} 10.0.1.252:48160 10.0.0.66:9000 ${head}`,
  ]);
  expect(only(rows, "ts", "client", "client_port", "status", "target_status_code", "bytes")).toEqual([
    ["2018-07-02T22:23:00.186641Z", "10.0.1.252", 48160, 200, 200, 366],
    ["2018-07-02T22:23:00.186641Z", "2001:db8::1", 2817, 460, null, 57],
    ["2018-07-02T22:23:00.186641Z", "10.0.1.252", 48160, 200, 200, 366],
  ]);
  expect(only(rows, "method", "origin", "path", "host", "request_creation_time", "conn_trace_id")).toEqual([
    ["GET", "https://www.example.com:443", "/a?b", "www.example.com", "2018-07-02T22:22:48.364Z", "TID_1"],
    [null, "http://x:80-", null, "www.example.com", "2018-07-02T22:22:48.364Z", "TID_2"],
    ["GET", "http://h:80", "/", null, null, null],
  ]);
  expect(dead[0]).toContain("12 values where 30 are expected");
});
