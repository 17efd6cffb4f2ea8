/** A time zone that changes nothing is refused: whoever wrote it expects something of it. */

import { expect, test } from "bun:test";
import { refusal } from "../commands/in-process.ts";

/** `check` of a source, with the zone. */
function checked(format: string, ...more: readonly string[]): Promise<string | undefined> {
  const args = ["--format", format, "--timezone", "Europe/Berlin", "--sql", "SELECT * FROM input"];
  return refusal("check", ...args, ...more);
}

const apache = (format: string): string[] => ["--log-format", format];

test.each([
  ["combined", []],
  ["main", []],
  ["alb", []],
  ["lines", []],
  ["apache", apache('%h %t "%r" %>s')],
  ["json", ["--schema", "id INT, day DATE, text VARCHAR"]],
  ["csv", ["--schema", "id INT"]],
  ["regex", ["--pattern", "(?<id>.*)", "--schema", "id BIGINT"]],
  ["logfmt", ["--schema", "at TIME"]],
] as const)("%s %p: refused", async (format, more) => {
  const said = await checked(format, ...more);
  expect(said).toContain("--timezone: it has no effect");
  expect(said).toContain("Leave it out");
});

test.each([
  ["json", ["--schema", "ts TIMESTAMP"]],
  ["json", ["--schema", "at STRUCT(ts TIMESTAMPTZ)[]"]],
  ["csv", ["--schema", "ts TIMESTAMP_NS"]],
  ["regex", ["--pattern", "(?<ts>.*)", "--schema", "ts TIMESTAMP"]],
  ["syslog", []],
  ["w3c", []],
  ["apache", apache("%{%Y-%m-%d %T}t %>s")],
] as const)("%s %p: taken", async (format, more) => {
  expect(await checked(format, ...more)).toBeUndefined();
});
