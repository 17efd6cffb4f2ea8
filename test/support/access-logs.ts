/**
 * Web servers' logs to hold the whole way against plain code: one that the simulator makes, always the same,
 * and a real server's where STREAMKIT_REAL_LOG names one (combined format, times in +0000, every line well
 * formed).
 */

import { readFileSync } from "node:fs";
import { output } from "./running.ts";

export interface AccessLog {
  readonly name: string;
  readonly lines: readonly string[];
}

/** What servers write now and then and the simulator does not. Their time is put in at each. */
const ODDITIES: readonly ((time: string) => string)[] = [
  (time) => `198.51.100.7 - - [${time}] "-" 408 - "-" "-"`,
  (time) =>
    `2001:db8::17 - - [${time}] "GET /a\\"quoted\\"path HTTP/1.1" 200 17 "-" "Mozilla/5.0 \\"odd\\" (X11)"`,
  (time) =>
    `198.51.100.8 - admin [${time}] "OPTIONS * HTTP/1.0" 200 - "-" "Apache/2.4 (internal dummy connection)"`,
  (time) => `198.51.100.9 - - [${time}] "HEAD /caf\\xc3\\xa9 HTTP/1.1" 304 0 "" "curl/8.9"`,
  (time) => `198.51.100.10 - - [${time}] "GET /film.iso HTTP/1.1" 206 4294967297 "-" "Mozilla/5.0 (X11)"`,
  (time) => `::1 - - [${time}] "GET /${"deep/".repeat(300)} HTTP/1.1" 500 12 "-" "Mozilla/5.0 (X11)"`,
];
const LINES_BETWEEN_ODDITIES = 41;

/** 3,000 lines over two days, some out of order, and oddities among them. */
async function madeLog(): Promise<AccessLog> {
  const options =
    "--seed 7 --count 3000 --rate 0 --start 2015-06-01T20:00:00Z --step 9s --late 0.05 --late-by 2m";
  const simulated = await output(["simulate", "access-log", ...options.split(" ")]);
  const lines = simulated
    .trimEnd()
    .split("\n")
    .flatMap((line, index) => {
      const oddity = ODDITIES[(index / LINES_BETWEEN_ODDITIES) % ODDITIES.length];
      const time = /\[([^\]]+)\]/.exec(line)?.[1];
      return oddity === undefined || time === undefined ? [line] : [line, oddity(time)];
    });
  return { name: "a simulated server's log", lines };
}

/** The real one, and the made one behind it: its times are later. */
export async function accessLogs(): Promise<readonly AccessLog[]> {
  const real = process.env["STREAMKIT_REAL_LOG"];
  const made = await madeLog();
  if (real === undefined) return [made];
  return [{ name: real, lines: readFileSync(real, "utf8").trimEnd().split("\n") }, made];
}
