/**
 * What syslog messages look like, of RFC 5424 and RFC 3164, and as devices and files really have them. The
 * patterns are RE2's and JavaScript's, for the format of jobs and for receivers, which read one by one.
 */

/** 191 is the highest: local7, debug. */
export const PRIORITY = "^<(1?[0-9]?[0-9])>";
export const MAX_PRIORITY = 191;

const STRUCTURED = String.raw`-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+`;
/** VERSION TIMESTAMP HOST APP PROCID MSGID STRUCTURED-DATA MESSAGE, the message behind a mark of UTF-8. */
export const RFC_5424 = String.raw`^1 (\S+) (\S+) (\S+) (\S+) (\S+) (${STRUCTURED})(?: ((?:[^\n]|\n)*))?$`;
export const RFC_5424_PARTS = ["time", "host", "app", "pid", "msgid", "structured", "message"] as const;

const CLOCK = String.raw`\d\d:\d\d:\d\d(?:[.,]\d{1,9})?`;
const ISO = String.raw`\d{4}-\d\d-\d\d[T ]${CLOCK}(?:Z|[+-]\d\d:?\d\d)?`;
/** `Jan 12 09:15:58`, with the year in one of three places. */
const OLD = String.raw`(?:(\d{4}) )?([A-Z][a-z]{2}) +(\d{1,2})(?: (\d{4}))? (${CLOCK})(?: (\d{4})\b)?`;
const ZONES =
  "UTC 0 GMT 0 Z 0 WET 0 WEST 1 BST 1 CET 1 CEST 2 EET 2 EEST 3 MSK 3 JST 9 " +
  "EST -5 EDT -4 CST -6 CDT -5 MST -7 MDT -6 PST -8 PDT -7";
/** Hours from UTC of the zones that devices name. */
export const ZONE_HOURS: ReadonlyMap<string, number> = new Map(
  [...ZONES.matchAll(/([A-Z]+) (-?\d+)/g)].map(([, name = "", hours]) => [name, Number(hours)]),
);

/**
 * The time before everything else. Routers put their count of messages and a `*` for a clock that is not set
 * before it, the zone's name and a colon behind it. Another word in capitals is a host's name.
 */
const ZONE = `(?: (${[...ZONE_HOURS.keys()].join("|")}))`;
export const STAMPED = String.raw`^(?:\d+: )?[*.]?(?:(${ISO})|${OLD})${ZONE}?:? ((?:[^\n]|\n)*)$`;
export const STAMPED_PARTS = "iso year_first month day year_middle clock year_last zone rest".split(" ");
/** What is behind the time begins with a zone that nobody knows: the time is not known either. */
export const UNKNOWN_ZONE = "^[A-Z]{2,5}: %";

/** APP[PID]: without a host before it, and with a space behind it. */
export const HOSTLESS = String.raw`^[^\s:\[\]]+(?:\[[^\]]*\])?:(?: |$)`;
/** HOST and APP[PID]: before the message. */
export const TAGGED =
  String.raw`^([^\s\[\]]*[^\s\[\]:]) (?:: )?` + String.raw`([^\s:\[\]]+)(?:\[([^\]]*)\])?: ?((?:[^\n]|\n)*)$`;
export const TAGGED_PARTS = ["host", "app", "pid", "message"] as const;

/** A time without a year may be so much ahead of the clock: clocks differ, and so do zones. */
export const MAX_AHEAD_MS = 86_400_000;
/** 29 February is found within eight years. */
export const YEARS_BACK = 8;
