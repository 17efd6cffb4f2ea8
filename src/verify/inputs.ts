/** Files in the place of what a job's sources read. */

import path from "node:path";
import { StreamkitError } from "../base/error.ts";
import type { LoadedJob } from "../job/load.ts";
import type { SourceConfig } from "../job/schema.ts";
import { resolveSource } from "../sources/list.ts";

/**
 * The job with the sources that `inputs` name reading these files. An input is `SOURCE=FILES`, or just
 * `FILES` where one source alone reads no files by itself; files are paths or globs, relative to `folder`.
 * Throws code `usage`.
 */
export function withInputs(job: LoadedJob, inputs: readonly string[], folder: string): LoadedJob {
  const { sources } = job.config;
  const wanting = Object.keys(sources).filter((name) => !readsFiles(sources[name]));
  const given = new Map<string, string>();
  for (const input of inputs) {
    const [source, files] = parse(input, Object.keys(sources), wanting);
    if (given.has(source))
      throw new StreamkitError(
        "usage",
        `--input names source "${source}" twice: one glob takes several files`,
      );
    given.set(source, path.resolve(folder, files));
  }
  const missing = wanting.find((name) => !given.has(name));
  if (missing !== undefined)
    throw new StreamkitError(
      "usage",
      `Source "${missing}" reads ${endpointOf(sources[missing])}, which can't be read twice: ` +
        `say which files hold its records, with --input ${wanting.length > 1 ? `${missing}=` : ""}FILES`,
    );
  const replaced = Object.entries(sources).map(([name, source]): [string, SourceConfig] => {
    const files = given.get(name);
    return [name, files === undefined ? source : { ...source, from: { files: { path: files } } }];
  });
  return { ...job, config: { ...job.config, sources: Object.fromEntries(replaced) } };
}

function parse(
  input: string,
  names: readonly string[],
  wanting: readonly string[],
): readonly [source: string, files: string] {
  const equals = input.indexOf("=");
  const named = input.slice(0, Math.max(0, equals));
  if (names.includes(named)) return [named, input.slice(equals + 1)];
  const [only, ...others] = names.length === 1 ? names : wanting;
  if (only !== undefined && others.length === 0) return [only, input];
  throw new StreamkitError(
    "usage",
    `--input takes SOURCE=FILES where there are several sources: found "${input}", ` +
      `and the sources are ${names.join(", ")}`,
  );
}

function readsFiles(source: SourceConfig | undefined): boolean {
  return resolveSource(source?.from).kind.name === "files";
}

function endpointOf(source: SourceConfig | undefined): string {
  const { name, summary } = resolveSource(source?.from).kind;
  return name === "stdin" ? "the standard input" : summary;
}
