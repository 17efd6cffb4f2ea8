/** The inputs there are: a new one is one line here. */

import { messageOf, StreamkitError } from "../../base/error.ts";
import { execInput } from "./exec.ts";
import { httpInput } from "./http.ts";
import type { InputKind } from "./input.ts";
import { spooldirInput } from "./spooldir.ts";
import { syslogInput } from "./syslog.ts";
import { tailInput } from "./tail.ts";
import { tcpInput } from "./tcp.ts";

export const inputKinds = [
  tailInput,
  tcpInput,
  syslogInput,
  httpInput,
  execInput,
  spooldirInput,
] as readonly InputKind[];

/** A URL, or `{kind: {…}}`. Throws code `job`. */
export function resolveInput(from: unknown): { readonly kind: InputKind; readonly options: unknown } {
  if (typeof from === "object" && from !== null) {
    const [name = "", ...more] = Object.keys(from);
    const kind = inputKinds.find((each) => each.name === name);
    if (kind !== undefined && more.length === 0)
      return { kind, options: parsed(kind, (from as Record<string, unknown>)[name], name) };
  }
  for (const kind of typeof from === "string" ? inputKinds : []) {
    const options = optionsOf(kind, String(from));
    if (options !== undefined) return { kind, options: parsed(kind, options, String(from)) };
  }
  const keys = inputKinds.map(({ name }) => `{${name}: {…}}`).join(", ");
  throw new StreamkitError(
    "job",
    `an input is one of tail:GLOB, tcp://HOST:PORT, syslog://HOST:PORT, syslog+udp://HOST:PORT, ` +
      `http://HOST:PORT/PATH, or ${keys}: found ${JSON.stringify(from)}`,
  );
}

function optionsOf(kind: InputKind, url: string): unknown {
  try {
    return kind.fromUrl(url);
  } catch (error) {
    throw new StreamkitError("job", messageOf(error), { cause: error });
  }
}

function parsed(kind: InputKind, options: unknown, what: string): unknown {
  const found = kind.options.safeParse(options ?? {});
  if (found.success) return found.data;
  const problems = found.error.issues.map(({ path, message }) => [...path, message].join(": "));
  throw new StreamkitError("job", `${what}: ${problems.join("; ")}`);
}
