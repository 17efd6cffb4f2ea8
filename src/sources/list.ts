/** The sources there are: a new one is one line here. */

import { StreamkitError } from "../base/error.ts";
import { filesKind } from "./files.ts";
import { httpKind } from "./http.ts";
import { kafkaKind } from "./kafka.ts";
import { simulateKind } from "./simulate.ts";
import type { SourceKind } from "./source.ts";
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
  throw new StreamkitError(
    "job",
    "this version reads from - (standard input), file:GLOB, tail:GLOB, kafka://HOST:PORT/TOPIC, " +
      "http://HOST:PORT/PATH, tcp://HOST:PORT, syslog://HOST:PORT, syslog+udp://HOST:PORT and " +
      `{simulate: {…}}, found "${String(from)}"`,
  );
}

function parsed(kind: SourceKind, options: unknown, url: string): unknown {
  const found = kind.options.safeParse(options);
  if (found.success) return found.data;
  const problems = found.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new StreamkitError("job", `"${url}" has parameters that are not right: ${problems.join("; ")}`);
}
