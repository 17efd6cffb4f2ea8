/** What is said where the files to read are not there. */

import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { isDynamicPattern } from "tinyglobby";
import { StreamkitError } from "../base/error.ts";
import { nearestOf } from "../base/nearest.ts";

/** What else people may have meant by a word. */
const MEANT: Readonly<Record<string, string>> = {
  stdin: "standard input is -",
  "/dev/stdin": "standard input is -",
  kafka: "a topic is kafka://HOST:PORT/TOPIC",
  tail: "files that grow are tail:GLOB",
  http: "POSTs are received at http://HOST:PORT/PATH",
  tcp: "lines are received at tcp://HOST:PORT",
};

export function noFileError(pattern: string, baseFolder: string): StreamkitError {
  const said = `There is no file "${pattern}" (looked in ${baseFolder})`;
  const meant = MEANT[pattern.toLowerCase()];
  if (meant !== undefined) return new StreamkitError("input", `${said}: ${meant}`);
  const near = nearestOf(path.basename(pattern), namesIn(path.resolve(baseFolder, path.dirname(pattern))));
  if (near === undefined) return new StreamkitError("input", said);
  return new StreamkitError("input", `${said}: did you mean "${path.join(path.dirname(pattern), near)}"?`);
}

/**
 * Where what is there is all, nothing there is a mistake, unless it was read before and is gone since. Throws
 * code `input`; `found` is what the patterns match.
 */
export function refuseMissing(
  patterns: readonly string[],
  baseFolder: string,
  found: readonly string[],
): void {
  const base = path.resolve(baseFolder);
  for (const pattern of patterns)
    if (!isDynamicPattern(pattern) && !existsSync(path.resolve(base, pattern)))
      throw noFileError(pattern, base);
  const named = patterns.map((pattern) => `"${pattern}"`).join(", ");
  if (found.length === 0)
    throw new StreamkitError(
      "input",
      `No file matches ${named} (looked in ${base}): there is nothing to read`,
    );
}

export function noMatchError(pattern: string, baseFolder: string): StreamkitError {
  return new StreamkitError(
    "input",
    `No file matches "${pattern}" (looked in ${baseFolder}): there is nothing to read; ` +
      "--allow-empty takes that for an input without a line",
  );
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
