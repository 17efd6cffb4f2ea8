/** Each text format as a source of a job reads it, with lines that it takes. */

import type { Way } from "../formats/reading.ts";
import { nestedObjects } from "./corpus.ts";

interface HostileWay {
  readonly name: string;
  readonly way: Way;
  readonly good: string;
  /** Whether deep lists and objects must not reach the format's values. */
  readonly isBounded: boolean;
}

const LOG = '127.0.0.1 - - [05/Jan/2026:14:30:00 +0000] "GET / HTTP/1.1" 200 5';
const bounded = { isBounded: true };
const free = { isBounded: false };

export const hostileWays: readonly HostileWay[] = [
  { name: "json", way: { format: "json", columns: { a: "BIGINT" } }, good: '{"a":1}', ...bounded },
  { name: "json texts", way: { format: "json", columns: { a: "VARCHAR" } }, good: '{"a":1}', ...bounded },
  { name: "json values", way: { format: "json", columns: { a: "JSON" } }, good: '{"a":1}', ...bounded },
  {
    name: "json structures",
    way: { format: "json", columns: { a: "STRUCT(a JSON)[]", m: "MAP(VARCHAR, DECIMAL(9,2))" } },
    good: '{"a":[{"a":1}],"m":{"x":1.10}}',
    ...bounded,
  },
  {
    name: "json with a projection",
    way: { format: "json", columns: { a: "JSON" }, select: "json_structure(a)::VARCHAR AS s, *" },
    good: '{"a":{"b":1}}',
    ...bounded,
  },
  {
    name: "caddy",
    way: { format: "caddy" },
    good: '{"ts":1,"request":{"method":"GET","uri":"/"},"status":200}',
    ...bounded,
  },
  { name: "csv", way: { format: "csv", columns: { a: "VARCHAR", b: "BIGINT" } }, good: "x,1", ...free },
  {
    name: "csv values",
    way: {
      format: "csv",
      columns: { a: "JSON", b: "INTEGER[]" },
      select: "json_structure(a)::VARCHAR AS s, b",
      delimiter: "\t",
    },
    good: '{"x":1}\t[1]',
    ...bounded,
  },
  {
    name: "regex",
    way: { format: "regex", pattern: "^x(?<a>.*)$", columns: { a: "BIGINT" } },
    good: "x1",
    ...free,
  },
  {
    name: "regex values",
    way: { format: "regex", pattern: "(?<a>.*)", columns: { a: "JSON" } },
    good: nestedObjects(3),
    ...bounded,
  },
  { name: "lines", way: { format: "lines" }, good: "x", ...free },
  { name: "combined", way: { format: "combined" }, good: `${LOG} "-" "agent"`, ...free },
  { name: "common", way: { format: "common" }, good: LOG, ...free },
  { name: "logfmt", way: { format: "logfmt", columns: { a: "BIGINT" } }, good: "a=1", ...free },
  { name: "syslog", way: { format: "syslog" }, good: "<13>Jan  5 14:30:00 host app: words", ...free },
  {
    name: "w3c",
    way: { format: "w3c", header: ["date", "time", "c-ip"] },
    good: "2026-01-05 14:30:00 1.2.3.4",
    ...free,
  },
];
