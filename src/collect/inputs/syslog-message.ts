/**
 * One syslog message, of RFC 5424 or RFC 3164, or of what devices really send. Nothing is refused: what is
 * not understood is the message's text.
 */

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
  readonly text: string;
}

const PRIORITY = /^<(\d{1,3})>/;
/** VERSION TIMESTAMP HOST APP PROCID MSGID STRUCTURED-DATA TEXT */
const RFC_5424 =
  /^1 (\S+) (\S+) (\S+) (\S+) (\S+) (-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+)(?: \ufeff?([^]*))?$/;
const RFC_3164 =
  /^([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\S+) (?:([^\s:[\]]+)(?:\[([^\]]*)\])?: ?)?([^]*)$/;
const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";
const HALF_YEAR_MS = 183 * 86_400_000;
const MAX_PRIORITY = 191;

/** `nowMs` tells the year, which RFC 3164 leaves out; its times are taken as UTC. */
export function parseSyslog(line: string, nowMs: number): SyslogMessage {
  const priority = Number(PRIORITY.exec(line)?.[1] ?? Number.NaN);
  const isPriority = priority <= MAX_PRIORITY;
  const rest = isPriority ? line.slice(line.indexOf(">") + 1) : line;
  const facility = isPriority ? priority >> 3 : undefined;
  const severity = isPriority ? priority & 7 : undefined;
  const newer = RFC_5424.exec(rest);
  if (newer !== null) {
    const [, time = "", host, app, pid, msgid, , text = ""] = newer;
    const timestampMs = Date.parse(time);
    return {
      facility,
      severity,
      timestampMs: Number.isNaN(timestampMs) ? undefined : timestampMs,
      host: given(host),
      app: given(app),
      pid: given(pid),
      msgid: given(msgid),
      text,
    };
  }
  const older = RFC_3164.exec(rest);
  const nothing = {
    timestampMs: undefined,
    host: undefined,
    app: undefined,
    pid: undefined,
    msgid: undefined,
  };
  if (older === null) return { facility, severity, ...nothing, text: rest };
  const [, month = "", day, hour, minute, second, host, app, pid, text = ""] = older;
  const timestampMs = timeOf(month, [day, hour, minute, second].map(Number), nowMs);
  return { facility, severity, timestampMs, host, app, pid, msgid: undefined, text };
}

function given(text: string | undefined): string | undefined {
  return text === "-" ? undefined : text;
}

/** The year that brings it nearest to now. */
function timeOf(month: string, [day = 1, hour = 0, minute = 0, second = 0]: number[], nowMs: number) {
  const index = MONTHS.indexOf(month) / 3;
  if (!Number.isInteger(index) || index < 0) return undefined;
  const year = new Date(nowMs).getUTCFullYear();
  const times = [year - 1, year, year + 1].map((each) => Date.UTC(each, index, day, hour, minute, second));
  return times.find((time) => Math.abs(time - nowMs) <= HALF_YEAR_MS);
}
