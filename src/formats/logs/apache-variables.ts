/**
 * The directives of Apache's `LogFormat`, as columns. What nginx has a variable for has its name, so that a
 * query is the same for both servers' logs.
 */

import { CLF_TIME, USER, type Variable } from "./layout/layout.ts";
import { strptimeOf } from "./layout/strftime.ts";

type Known = Pick<Variable, "names" | "type" | "pattern" | "maySpace" | "unquotedPattern">;

const text = (...names: readonly string[]): Known => ({ names, type: "VARCHAR" });
const words = (...names: readonly string[]): Known => ({ names, type: "VARCHAR", maySpace: true });
const number = (...names: readonly string[]): Known => ({ names, type: "BIGINT" });

const PLAIN: Readonly<Record<string, Known>> = {
  a: text("client", "remote_addr"),
  A: text("server_addr"),
  B: number("bytes", "body_bytes_sent"),
  b: number("bytes", "body_bytes_sent"),
  D: number("duration_us"),
  f: words("filename"),
  h: text("client", "remote_host"),
  H: text("protocol", "server_protocol"),
  I: number("bytes_received"),
  k: number("connection_requests"),
  l: text("ident"),
  L: text("log_id"),
  m: text("method", "request_method"),
  O: number("bytes_sent"),
  p: { names: ["server_port"], type: "INTEGER" },
  P: number("pid"),
  q: { names: ["query"], type: "VARCHAR", pattern: String.raw`(?:\?[^ "]*)?` },
  r: { names: ["request"], type: "request", maySpace: true },
  R: text("handler"),
  S: number("bytes_transferred"),
  s: { names: ["status"], type: "INTEGER" },
  t: { names: ["ts"], type: { time: "clf" }, pattern: CLF_TIME },
  T: number("duration_s"),
  u: { ...words("user"), unquotedPattern: USER },
  U: { names: ["path", "uri"], type: "VARCHAR", pattern: String.raw`[^ ?"]*` },
  v: text("server_name"),
  V: text("host"),
  X: text("connection_status"),
  "^FB": number("first_byte_us"),
};

const DURATIONS: Readonly<Record<string, string>> = { s: "duration_s", ms: "duration_ms", us: "duration_us" };

/** Undefined where Apache knows no such letter; a problem where its argument is none. */
export function apacheVariable(
  letter: string,
  argument: string | undefined,
  redirect: string,
): Known | { readonly problem: string } | undefined {
  if (argument === undefined) {
    const known = PLAIN[letter];
    if (known === undefined)
      return /^(?:[ieoCnx]|\^t[io])$/.test(letter)
        ? { problem: "a name is expected, like %{Name}" }
        : undefined;
    return letter === "s" && redirect === "<" ? { ...known, names: ["original_status"] } : known;
  }
  const name = argument.toLowerCase().replaceAll(/\W+/g, "_");
  switch (letter) {
    case "i":
      return headerOf(name);
    case "o":
      return words(`sent_http_${name}`);
    case "^ti":
      return words(`trailer_${name}`);
    case "^to":
      return words(`sent_trailer_${name}`);
    case "C":
      return words(`cookie_${name}`);
    case "e":
      return words(`env_${name}`);
    case "n":
      return words(`note_${name}`);
    case "x":
      return words(name);
    case "c":
      return words(name);
    case "a":
      return argument === "c" ? text("peer_addr") : undefined;
    case "p":
      return { names: [argument === "remote" ? "remote_port" : "server_port"], type: "INTEGER" };
    case "P":
      return number(name === "pid" ? "pid" : "tid");
    case "h":
      return text("client", "remote_host");
    case "T": {
      const duration = DURATIONS[argument];
      return duration === undefined ? { problem: "s, ms or us is expected" } : number(duration);
    }
    case "t":
      return timeOf(argument);
    default:
      return undefined;
  }
}

function headerOf(name: string): Known {
  if (name === "referer") return words("referrer", "http_referer");
  return name === "user_agent" ? words("agent", "http_user_agent") : words(`http_${name}`);
}

function timeOf(argument: string): Known | { readonly problem: string } {
  const format = argument.replace(/^(?:begin|end):/, "");
  const names = ["ts"];
  const unit = ({ sec: "s", msec: "ms", usec: "us" } as const)[format];
  if (unit !== undefined) return { names, type: { time: unit }, pattern: String.raw`\d+` };
  if (format === "msec_frac")
    return { names, type: { time: { strptime: "%g" } }, pattern: String.raw`\d{3}` };
  if (format === "usec_frac")
    return { names, type: { time: { strptime: "%f" } }, pattern: String.raw`\d{6}` };
  const known = strptimeOf(format);
  if ("unknown" in known) return { problem: `the time can't be read back from "${known.unknown}"` };
  return { names, type: { time: { strptime: known.strptime } }, pattern: known.pattern };
}
