/**
 * One syslog message, of RFC 5424 or RFC 3164, or of what devices really send. Nothing is refused: what is
 * not understood is the message's text.
 */

import {
  HOSTLESS,
  MAX_AHEAD_MS,
  MAX_PRIORITY,
  PRIORITY,
  RFC_5424,
  STAMPED,
  TAGGED,
  UNKNOWN_ZONE,
  YEARS_BACK,
  ZONE_HOURS,
} from "../../formats/logs/syslog-patterns.ts";

export interface SyslogMessage {
  /** 0 to 23; undefined where there was no priority. */
  readonly facility: number | undefined;
  /** 0 (emergency) to 7 (debug). */
  readonly severity: number | undefined;
  /** Milliseconds since 1970. */
  readonly timestampMs: number | undefined;
  readonly host: string | undefined;
  readonly app: string | undefined;
  readonly pid: string | undefined;
  readonly msgid: string | undefined;
  readonly structured: string | undefined;
  readonly text: string;
}

const PATTERNS = {
  priority: new RegExp(PRIORITY),
  newer: new RegExp(RFC_5424),
  stamped: new RegExp(STAMPED),
  hostless: new RegExp(HOSTLESS),
  tagged: new RegExp(TAGGED),
  unknownZone: new RegExp(UNKNOWN_ZONE),
};
const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";

/** `nowMs` tells the year, which RFC 3164 leaves out; times without a zone are taken as UTC. */
export function parseSyslog(line: string, nowMs: number): SyslogMessage {
  const priority = Number(PATTERNS.priority.exec(line)?.[1] ?? Number.NaN);
  const isPriority = priority <= MAX_PRIORITY;
  const rest = isPriority ? line.slice(line.indexOf(">") + 1) : line;
  const nothing = {
    facility: isPriority ? priority >> 3 : undefined,
    severity: isPriority ? priority & 7 : undefined,
    timestampMs: undefined,
    host: undefined,
    app: undefined,
    pid: undefined,
    msgid: undefined,
    structured: undefined,
  };
  const newer = PATTERNS.newer.exec(rest);
  if (newer !== null) {
    const [, time = "", host, app, pid, msgid, structured, text = ""] = newer;
    const parts = { host: given(host), app: given(app), pid: given(pid), msgid: given(msgid) };
    const timestampMs = parsed(time);
    return {
      ...nothing,
      ...parts,
      timestampMs,
      structured: given(structured),
      text: text.replace(/^\ufeff+/, ""),
    };
  }
  const stamped = PATTERNS.stamped.exec(rest);
  if (stamped === null) return { ...nothing, text: rest };
  const behind = stamped[9] ?? "";
  const timestampMs = PATTERNS.unknownZone.test(behind) ? undefined : timeOf(stamped, nowMs);
  // What has no host before its tag gets one that is none.
  const tagged = PATTERNS.tagged.exec(PATTERNS.hostless.test(behind) ? `- ${behind}` : behind);
  if (tagged !== null) {
    const [, host, app, pid, text = ""] = tagged;
    const parts = { host: given(host), app: given(app), pid: pid === "" ? undefined : given(pid) };
    return { ...nothing, ...parts, timestampMs, text };
  }
  const [host = ""] = behind.split(" ", 1);
  return { ...nothing, timestampMs, host, text: behind.slice(host.length + 1) };
}

function given(text: string | undefined): string | undefined {
  return text === "-" ? undefined : text;
}

function parsed(time: string): number | undefined {
  const timestampMs = Date.parse(time);
  return Number.isNaN(timestampMs) ? undefined : timestampMs;
}

/** Without a year, the latest in which it is not more than a day ahead. */
function timeOf(stamped: readonly (string | undefined)[], nowMs: number): number | undefined {
  const [, iso, yearFirst, month = "", day, yearMiddle, clock = "", yearLast, zone] = stamped;
  if (iso !== undefined) {
    const hasZone = /(?:Z|[+-]\d\d:?\d\d)$/.test(iso);
    return parsed(`${iso.replace(",", ".").replace(" ", "T")}${hasZone ? "" : "Z"}`);
  }
  const index = MONTHS.indexOf(month) / 3;
  const hours = zone === undefined ? 0 : ZONE_HOURS.get(zone);
  if (!Number.isInteger(index) || index < 0 || hours === undefined) return undefined;
  const [hour = 0, minute = 0, second = 0] = clock.replace(",", ".").split(":").map(Number);
  const inYear = (year: number): number | undefined => {
    const time = Date.UTC(year, index, Number(day), hour, minute, Math.trunc(second)) + (second % 1) * 1000;
    return new Date(time).getUTCDate() === Number(day) && hour < 24 ? time : undefined;
  };
  const year = yearFirst ?? yearMiddle ?? yearLast;
  const latest = new Date(nowMs).getUTCFullYear() + 1;
  const years =
    year === undefined ? Array.from({ length: YEARS_BACK + 2 }, (_, back) => latest - back) : [Number(year)];
  const times = years.map(inYear);
  const limit = year === undefined ? nowMs + MAX_AHEAD_MS : Number.POSITIVE_INFINITY;
  const found = times.find((time) => time !== undefined && time <= limit);
  return found === undefined ? undefined : Math.floor(found - hours * 3_600_000);
}
