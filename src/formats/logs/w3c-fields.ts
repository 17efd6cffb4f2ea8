/** The fields of W3C's extended log format, as columns; and the usual fields of some servers. */

import type { Variable } from "./layout/layout.ts";

export interface W3cColumn extends Omit<Variable, "text" | "at"> {
  /** The fields that it may stand in, by their names in lower case: the first one that is there. */
  readonly fields: readonly string[];
}

const column = (name: string, type: Variable["type"], ...fields: readonly string[]): W3cColumn => ({
  names: [name],
  type,
  fields,
});
const text = (name: string, ...fields: readonly string[]): W3cColumn => column(name, "VARCHAR", ...fields);

/** The columns but for `ts`, which is made of `date` and `time`. */
export const W3C_COLUMNS: readonly W3cColumn[] = [
  text("client", "c-ip"),
  text("user", "cs-username"),
  text("method", "cs-method"),
  text("path", "cs-uri-stem", "cs-uri"),
  text("query", "cs-uri-query"),
  text("protocol", "cs-version", "cs-protocol-version"),
  column("status", "INTEGER", "sc-status"),
  column("bytes", "BIGINT", "sc-bytes"),
  column("bytes_received", "BIGINT", "cs-bytes"),
  text("referrer", "cs(referer)", "cs(referrer)"),
  text("agent", "cs(user-agent)"),
  text("host", "x-host-header", "cs-host", "cs(host)"),
  text("server_addr", "s-ip"),
  column("server_port", "INTEGER", "s-port"),
  column("time_taken", "DOUBLE", "time-taken"),
];

const CLOUDFRONT_REQUEST =
  "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) " +
  "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol ";
const CLOUDFRONT_CONNECTION =
  "cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type " +
  "cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte " +
  "x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end";

/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html */
export const CLOUDFRONT_FIELDS = (CLOUDFRONT_REQUEST + CLOUDFRONT_CONNECTION).split(" ");

/** What IIS logs unless it is told otherwise. */
export const IIS_FIELDS = (
  "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) " +
  "sc-status sc-substatus sc-win32-status time-taken"
).split(" ");
