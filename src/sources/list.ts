/** The sources there are: a new one is one line here. */

import { StreamkitError } from "../base/error.ts";
import { nearestOf } from "../base/nearest.ts";
import { filesKind } from "./files.ts";
import { httpKind } from "./http.ts";
import { kafkaKind } from "./kafka.ts";
import { simulateKind } from "./simulate.ts";
import type { SourceGuess, SourceKind } from "./source.ts";
import { stdinKind } from "./stdin.ts";
import { syslogKind } from "./syslog.ts";
import { tailKind } from "./tail.ts";
import { tcpKind } from "./tcp.ts";

/** Those with options: a key of their own below `from`. */
export const keyedSourceKinds = [
  filesKind,
  tailKind,
  kafkaKind,
  httpKind,
  tcpKind,
  syslogKind,
  simulateKind,
] as readonly SourceKind[];
const sourceKinds: readonly SourceKind[] = [stdinKind, ...keyedSourceKinds];

/** The kind and options that `from:` stands for, a URL or `{kind: {…}}`. Throws code `job`. */
export function resolveSource(from: unknown): { kind: SourceKind; options: unknown } {
  if (typeof from === "object" && from !== null) {
    const kind = sourceKinds.find(({ name }) => name in from);
    if (kind !== undefined) return { kind, options: (from as Record<string, unknown>)[kind.name] };
  }
  for (const kind of sourceKinds) {
    const options = kind.fromUrl(String(from));
    if (options !== undefined) return { kind, options: parsed(kind, options, String(from)) };
  }
  const path = pathOf(String(from));
  if (path !== undefined) return { kind: filesKind, options: parsed(filesKind, { path }, path) };
  const scheme = /^[a-z][a-z0-9+.-]*(?=:)/i.exec(String(from))?.[0]?.toLowerCase() ?? "";
  const near = nearestOf(scheme, SCHEMES);
  throw new StreamkitError(
    "job",
    "a source reads - (standard input), file:GLOB or just the path of a file or folder, tail:GLOB, " +
      "kafka://HOST:PORT/TOPIC, http://HOST:PORT/PATH, tcp://HOST:PORT, syslog://HOST:PORT, " +
      `syslog+udp://HOST:PORT or {simulate: {…}}, found "${String(from)}"` +
      (near === undefined || near === scheme ? "" : `; did you mean "${near}:"?`),
  );
}

/** The format of what a source reads; undefined where that is no file, or none tells. */
export async function guessSource(from: unknown, baseFolder: string): Promise<SourceGuess | undefined> {
  const { kind, options } = resolveSource(from);
  return kind.guess?.(options, baseFolder);
}

const SCHEMES = ["file", "tail", "kafka", "http", "https", "tcp", "syslog", "syslog+udp"];

/**
 * What is no URL is a path. Names of files may have colons; those that begin as a URL does are written as
 * `./a:b`.
 */
function pathOf(text: string): string | undefined {
  if (text === "") return undefined;
  return /^[a-z][a-z0-9+.-]*:/i.test(text) ? undefined : text;
}

function parsed(kind: Pick<SourceKind, "options">, options: unknown, url: string): unknown {
  const found = kind.options.safeParse(options);
  if (found.success) return found.data;
  const problems = found.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new StreamkitError("job", `"${url}" has parameters that are not right: ${problems.join("; ")}`);
}
