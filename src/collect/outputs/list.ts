/** The outputs there are: a new one is one line here. */

import { messageOf, StreamkitError } from "../../base/error.ts";
import { fileOutput } from "./file.ts";
import { httpOutput } from "./http.ts";
import { kafkaOutput } from "./kafka.ts";
import { loggerOutput } from "./logger.ts";
import { nullOutput } from "./null.ts";
import type { OutputKind } from "./output.ts";
import { rollOutput } from "./roll.ts";
import { stdoutOutput } from "./stdout.ts";
import { tcpOutput } from "./tcp.ts";

/** Those with options: a key of their own in a sink's entry. */
const keyedOutputKinds = [
  fileOutput,
  rollOutput,
  kafkaOutput,
  tcpOutput,
  httpOutput,
  loggerOutput,
] as readonly OutputKind[];
export const outputKinds: readonly OutputKind[] = [stdoutOutput, nullOutput, ...keyedOutputKinds];

export interface ResolvedOutput {
  readonly kind: OutputKind;
  readonly options: unknown;
  /** For a person, without secrets. */
  readonly name: string;
}

/** A URL, or `{kind: {…}}`. Throws code `job`. */
export function resolveOutput(to: unknown): ResolvedOutput {
  if (typeof to === "object" && to !== null) {
    const [name = "", ...more] = Object.keys(to);
    const kind = keyedOutputKinds.find((each) => each.name === name);
    if (kind !== undefined && more.length === 0) {
      const options = parsed(kind, (to as Record<string, unknown>)[name], name);
      return { kind, options, name: nameOf(kind, options) };
    }
  }
  for (const kind of typeof to === "string" ? outputKinds : []) {
    const options = optionsOf(kind, String(to));
    if (options !== undefined)
      return { kind, options: parsed(kind, options, String(to)), name: withoutLogin(String(to)) };
  }
  const urls =
    "-, file:PATH, roll:FOLDER, kafka://HOST:PORT/TOPIC, tcp://HOST:PORT, http://…, logger:, null:";
  const keys = keyedOutputKinds.map(({ name }) => `{${name}: {…}}`).join(", ");
  throw new StreamkitError("job", `an output is one of ${urls}, or ${keys}: found ${JSON.stringify(to)}`);
}

function optionsOf(kind: OutputKind, url: string): unknown {
  try {
    return kind.fromUrl(url);
  } catch (error) {
    throw new StreamkitError("job", messageOf(error), { cause: error });
  }
}

function parsed(kind: OutputKind, options: unknown, what: string): unknown {
  const found = kind.options.safeParse(options ?? {});
  if (found.success) return found.data;
  const problems = found.error.issues.map(({ path, message }) => [...path, message].join(": "));
  throw new StreamkitError("job", `${what}: ${problems.join("; ")}`);
}

/** What tells one from another: the first thing that it is about. */
function nameOf(kind: OutputKind, options: unknown): string {
  const { path, to, topic, url, host, port } = options as Readonly<Record<string, string | number>>;
  const target = path ?? to ?? topic ?? url ?? (host === undefined ? undefined : `${host}:${port ?? ""}`);
  return target === undefined ? kind.name : `${kind.name}:${withoutLogin(String(target))}`;
}

/** A password may stand before the host. */
function withoutLogin(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//");
}
