/**
 * nginx's variables, as columns: those of the access log have the names that all access logs share, others
 * their own name. Lists of upstreams (`0.1, 0.2 : 0.3`) are text.
 */

import { CLF_TIME, USER, type Variable, type VariableType } from "./layout/layout.ts";

type Known = Pick<Variable, "names" | "type" | "pattern" | "maySpace" | "unquotedPattern">;

const SHARED: Readonly<Record<string, Known>> = {
  remote_addr: { names: ["client", "remote_addr"], type: "VARCHAR" },
  remote_user: { names: ["user", "remote_user"], type: "VARCHAR", maySpace: true, unquotedPattern: USER },
  time_local: { names: ["ts", "time_local"], type: { time: "clf" }, pattern: CLF_TIME },
  time_iso8601: { names: ["ts", "time_iso8601"], type: { time: "iso" } },
  msec: { names: ["ts", "msec"], type: { time: "s" } },
  request: { names: ["request"], type: "request", maySpace: true },
  request_method: { names: ["method", "request_method"], type: "VARCHAR" },
  request_uri: { names: ["path", "request_uri"], type: "VARCHAR" },
  server_protocol: { names: ["protocol", "server_protocol"], type: "VARCHAR" },
  status: { names: ["status"], type: "INTEGER" },
  body_bytes_sent: { names: ["bytes", "body_bytes_sent"], type: "BIGINT" },
  http_referer: { names: ["referrer", "http_referer"], type: "VARCHAR", maySpace: true },
  http_user_agent: { names: ["agent", "http_user_agent"], type: "VARCHAR", maySpace: true },
};

const NUMBERS: ReadonlyMap<string, VariableType> = new Map(
  (
    [
      ["INTEGER", "server_port remote_port proxy_protocol_port proxy_protocol_server_port"],
      ["BIGINT", "bytes_sent bytes_received request_length content_length pid connection"],
      ["BIGINT", "connection_requests connections_active connections_reading connections_writing"],
      ["BIGINT", "connections_waiting tcpinfo_rtt tcpinfo_rttvar tcpinfo_snd_cwnd tcpinfo_rcv_space"],
      ["DOUBLE", "request_time connection_time session_time gzip_ratio"],
    ] as const
  ).flatMap(([type, names]) => names.split(" ").map((name) => [name, type] as const)),
);

/** What may stand beside another variable with nothing between them, like `$host$request_uri`. */
const PATTERNS: Readonly<Record<string, string>> = {
  scheme: "[a-z]+",
  host: String.raw`[^ /"?]*`,
  http_host: String.raw`[^ /"?]*`,
  server_name: String.raw`[^ /"?]*`,
  uri: String.raw`[^ ?"]*`,
  document_uri: String.raw`[^ ?"]*`,
  is_args: String.raw`\??`,
};

/** Every name is a variable to nginx: `map` and modules make more of them. */
export function nginxVariable(name: string): Known {
  const known = SHARED[name];
  if (known !== undefined) return known;
  const type = NUMBERS.get(name);
  const pattern = PATTERNS[name];
  return {
    names: [name],
    type: type ?? "VARCHAR",
    ...(pattern === undefined ? {} : { pattern }),
    maySpace: type === undefined && /^(?:upstream|http|sent_http|cookie|arg|ssl|geoip|proxy)_/.test(name),
  };
}
