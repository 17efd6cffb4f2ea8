/** Access logs of Caddy and Traefik in JSON, with the columns that all access logs share. */

import { type Sql, sql } from "../../duckdb/sql.ts";
import type { Format } from "../format.ts";
import { type EntryField, entryFormat } from "./entry-format.ts";

/** Keys whose values are taken as text. */
const texts = (keys: string): object => Object.fromEntries(keys.split(" ").map((key) => [key, "VARCHAR"]));
const field = (name: string, type: EntryField["type"], from: Sql): EntryField => ({
  names: [name],
  type,
  from,
});
const text = (name: string, from: Sql): EntryField => field(name, "VARCHAR", from);
const firstOf = (headers: Sql, name: string): Sql =>
  sql`json_extract_string(${headers}, ${`$."${name}"[0]`})`;

/** https://caddyserver.com/docs/caddyfile/directives/log */
export const caddyFormat: Format = entryFormat({
  name: "caddy",
  summary: "Caddy's access log in JSON; duration in seconds",
  structure: {
    ...texts("ts logger user_id status size duration"),
    resp_headers: "JSON",
    request: { ...texts("remote_ip client_ip remote_addr proto method host uri"), headers: "JSON" },
  },
  fields: [
    // Before 2.7 the client was the remote address, before 2.5 with its port.
    text(
      "client",
      sql`coalesce(entry.request.client_ip, entry.request.remote_ip,
        regexp_extract(entry.request.remote_addr, '^\\[?(.*?)\\]?(?::\\d+)?$', 1))`,
    ),
    text("user", sql`entry.user_id`),
    field("ts", { time: "any" }, sql`entry.ts`),
    text("method", sql`entry.request.method`),
    text("path", sql`entry.request.uri`),
    text("protocol", sql`entry.request.proto`),
    field("status", "INTEGER", sql`entry.status`),
    field("bytes", "BIGINT", sql`entry.size`),
    text("referrer", firstOf(sql`entry.request.headers`, "Referer")),
    text("agent", firstOf(sql`entry.request.headers`, "User-Agent")),
    text("host", sql`entry.request.host`),
    field("duration", "DOUBLE", secondsOf(sql`entry.duration`)),
    text("logger", sql`entry.logger`),
  ],
  isEntry: sql`entry.request.method IS NOT NULL AND entry.status IS NOT NULL`,
  otherwise: 'It is no entry of an access log of Caddy: it has no "request" and "status"',
});

/** `duration_format string` of Caddy writes `1.5ms`; what has another unit stays, and is no number then. */
function secondsOf(duration: Sql): Sql {
  const unit = sql`regexp_extract(${duration}, '^[0-9.]+(ns|µs|us|ms|s)$', 1)`;
  const number = sql`TRY_CAST(rtrim(${duration}, 'nµums') AS DOUBLE)`;
  return sql`CASE ${unit} WHEN '' THEN ${duration} WHEN 's' THEN CAST(${number} AS VARCHAR)
    WHEN 'ms' THEN CAST(${number} / 1e3 AS VARCHAR) WHEN 'ns' THEN CAST(${number} / 1e9 AS VARCHAR)
    ELSE CAST(${number} / 1e6 AS VARCHAR) END`;
}

/** https://doc.traefik.io/traefik/observability/access-logs/ */
export const traefikFormat: Format = entryFormat({
  name: "traefik",
  summary: "Traefik's access log in JSON; duration in seconds",
  structure: texts(
    "ClientHost ClientAddr ClientUsername StartUTC StartLocal time RequestMethod RequestPath " +
      "RequestProtocol DownstreamStatus DownstreamContentSize request_User-Agent request_Referer " +
      "RequestHost Duration RouterName ServiceName",
  ),
  fields: [
    text("client", sql`coalesce(entry."ClientHost", regexp_replace(entry."ClientAddr", ':\\d+$', ''))`),
    text("user", sql`entry."ClientUsername"`),
    field("ts", { time: "any" }, sql`coalesce(entry."StartUTC", entry."StartLocal", entry.time)`),
    text("method", sql`entry."RequestMethod"`),
    text("path", sql`entry."RequestPath"`),
    text("protocol", sql`entry."RequestProtocol"`),
    field("status", "INTEGER", sql`entry."DownstreamStatus"`),
    field("bytes", "BIGINT", sql`entry."DownstreamContentSize"`),
    text("referrer", sql`entry."request_Referer"`),
    text("agent", sql`entry."request_User-Agent"`),
    text("host", sql`entry."RequestHost"`),
    field("duration", "DOUBLE", nanoseconds(sql`entry."Duration"`)),
    text("router", sql`entry."RouterName"`),
    text("service", sql`entry."ServiceName"`),
  ],
  isEntry: sql`entry."RequestMethod" IS NOT NULL AND entry."DownstreamStatus" IS NOT NULL`,
  otherwise: 'It is no entry of an access log of Traefik: it has no "RequestMethod" and "DownstreamStatus"',
});

/** In seconds; what is no number stays. */
function nanoseconds(duration: Sql): Sql {
  return sql`coalesce(CAST(TRY_CAST(${duration} AS DOUBLE) / 1e9 AS VARCHAR), ${duration})`;
}
