/**
 * From a job file's text to a checked job, or to one error that names the place, what was found and what
 * would be right.
 */

import { readFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { type Document, isScalar, LineCounter, parseDocument, type Scalar } from "yaml";
import type { z } from "zod";
import { JobError, messageOf, StreamkitError } from "../base/error.ts";
import { openFaults } from "../base/faults.ts";
import { substituteVariables, withFilledValues, withoutSecrets } from "./environment.ts";
import { nameOfFile } from "./fields.ts";
import { describeIssues } from "./issue.ts";
import { dataFileWords, missingFileHint } from "./missing-file.ts";
import type { JobConfig, JobSchema } from "./schema.ts";
import { offsetInSource } from "./text-place.ts";

/**
 * An error at a key path like `["queries", "ohlc", "sql"]`, with the file's line and column: those of the
 * key, or of a place in its value's text, where that is known.
 */
export type ErrorAt = (
  keyPath: readonly PropertyKey[],
  message: string,
  cause?: unknown,
  place?: TextPlace,
) => JobError;

/** `offset` counts characters of the value's text. */
interface TextPlace {
  readonly text: string;
  readonly offset: number | undefined;
}

export interface LoadedJob {
  readonly config: JobConfig;
  /** Whether the job says its name itself: it is called after its file where it does not. */
  readonly isNamed: boolean;
  /** The folder that the job's paths are relative to. */
  readonly folder: string;
  readonly errorAt: ErrorAt;
  /** A text for a person, with `${NAME}` where the value of a variable stands. */
  readonly withoutSecrets: (text: string) => string;
}

export interface LoadOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `--set KEY=VALUE`: dotted key paths and YAML values that replace what the file says. */
  readonly overrides: readonly string[];
  /** What a person calls a key of a job that stands in no file: a flag. */
  readonly flagOf?: (keyPath: readonly PropertyKey[]) => string;
}

/** Reads a job from a `.yaml`, `.yml`, `.json` or `.ts` file. Throws code `job` or `usage`. */
export async function loadJobFile(file: string, schema: JobSchema, options: LoadOptions): Promise<LoadedJob> {
  if (/\.[cm]?[jt]s$/.test(file)) return loadModule(file, schema, options);
  const data = dataFileWords(file);
  if (data !== undefined) throw new StreamkitError("job", data);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const message = isMissing
      ? `There is no job file "${file}" (looked in ${process.cwd()})${missingFileHint(file)}`
      : `The job file "${file}" can't be read: ${messageOf(error)}`;
    throw new StreamkitError("job", message, { cause: error });
  }
  return loadJobText(text, file, schema, options);
}

/** The same from text. `file` is for messages and for the folder that paths are relative to. */
export function loadJobText(text: string, file: string, schema: JobSchema, options: LoadOptions): LoadedJob {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [syntaxError] = document.errors;
  if (syntaxError !== undefined) {
    const { line, col } = lines.linePos(syntaxError.pos[0]);
    const message = `${syntaxError.message}${yamlHint(text.split("\n")[line - 1] ?? "")}`;
    throw new JobError(message, { file, line, column: col, keyPath: "" });
  }
  applyOverrides(document, options.overrides);
  const used = new Map<string, string>();
  const errorAt: ErrorAt = (keyPath, words, cause, place) => {
    const node = place === undefined ? undefined : document.getIn(keyPath, true);
    const hint = isScalar(node) && typeof node.comment === "string" ? COMMENT_HINT : "";
    const message = withoutSecrets(`${words}${hint}`, used);
    if (options.flagOf !== undefined)
      return new JobError(
        `${message}${lineAndColumn(place)}`,
        { keyPath: options.flagOf(keyPath) },
        { cause },
      );
    const inText = isScalar(node) ? offsetInNode(text, node, place) : undefined;
    const { line, col } = lines.linePos(inText ?? offsetOf(document, keyPath) ?? 0);
    return new JobError(message, { file, line, column: col, keyPath: dotted(keyPath) }, { cause });
  };
  const written = document.toJS() as unknown;
  const substituted = substituteVariables(written, { env: options.env, errorAt, used });
  return {
    ...named(checked(schema, substituted, written, errorAt), file),
    folder: path.dirname(path.resolve(file)),
    errorAt,
    withoutSecrets: (text) => withoutSecrets(text, used),
  };
}

async function loadModule(file: string, schema: JobSchema, options: LoadOptions): Promise<LoadedJob> {
  const errorAt: ErrorAt = (keyPath, message, cause, place) =>
    new JobError(`${message}${lineAndColumn(place)}`, { file, keyPath: dotted(keyPath) }, { cause });
  let exported: unknown;
  try {
    exported = ((await import(pathToFileURL(path.resolve(file)).href)) as { default?: unknown }).default;
  } catch (error) {
    throw new StreamkitError("job", `The job file "${file}" can't be loaded: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (exported === undefined)
    throw errorAt([], "the module has no default export: `export default { … }` is expected");
  if (options.overrides.length > 0)
    throw new StreamkitError("usage", "--set works with YAML and JSON job files only");
  return {
    ...named(checked(schema, exported, exported, errorAt), file),
    folder: path.dirname(path.resolve(file)),
    errorAt,
    withoutSecrets: (text) => text,
  };
}

function checked(
  schema: JobSchema,
  value: unknown,
  written: unknown,
  errorAt: LoadedJob["errorAt"],
): z.output<JobSchema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const filled = withFilledValues(value, written, result.error.issues);
  const again = schema.safeParse(filled);
  if (again.success) return again.data;
  const faults = openFaults();
  for (const { keyPath, message } of describeIssues(again.error.issues, written, schema))
    faults.add(errorAt(keyPath, message));
  faults.throwIfAny();
  throw new StreamkitError("bug", "A failed validation without an issue");
}

function named(config: z.output<JobSchema>, file: string): Pick<LoadedJob, "config" | "isNamed"> {
  return { config: { ...config, name: config.name ?? nameOfFile(file) }, isNamed: config.name !== undefined };
}

const COLON_HINT =
  '; to YAML ": " in a text is a key and its value: ' +
  'write the text in lines of its own below "|", or in quotes';
const COMMENT_HINT =
  '; to YAML the text ends before " #", which begins a comment: write it in lines of its own below "|"';

/** What a person may not know of YAML where a line is none. */
function yamlHint(line: string): string {
  const isPlainText = /^\s*(?:- )?[\w"'.-]+:\s+(?![|>"'{[&*!])[^#]*?(?::\s|:$)/.test(line);
  return isPlainText ? COLON_HINT : "";
}

/** For texts that stand in no file, and are longer than a line. */
function lineAndColumn(place: TextPlace | undefined): string {
  if (place?.offset === undefined || !place.text.trim().includes("\n")) return "";
  const before = place.text.slice(0, place.offset).split("\n");
  return ` (line ${before.length}, column ${(before.at(-1) ?? "").length + 1})`;
}

function offsetInNode(source: string, node: Scalar, place: TextPlace | undefined): number | undefined {
  const [from, to] = node.range ?? [];
  if (place?.offset === undefined || from === undefined || to === undefined) return undefined;
  return offsetInSource(source, { from, to }, place.text, place.offset);
}

function applyOverrides(document: Document, overrides: readonly string[]): void {
  for (const override of overrides) {
    const equals = override.indexOf("=");
    if (equals < 1) throw new StreamkitError("usage", `--set takes KEY=VALUE: found "${override}"`);
    const text = override.slice(equals + 1);
    const value = parseDocument(text);
    if (value.errors.length > 0)
      throw new StreamkitError("usage", `--set's value is no YAML: found "${override}"`);
    // A lone "-" is the standard input or output, not a list of nothing.
    const node = text === "-" ? document.createNode(text) : value.contents;
    try {
      document.setIn(override.slice(0, equals).split("."), node);
    } catch (error) {
      const reason = "the job has no such place";
      throw new StreamkitError("usage", `--set can't reach "${override.slice(0, equals)}": ${reason}`, {
        cause: error,
      });
    }
  }
}

/** Where a key stands; for one that is missing, where its parent stands. */
function offsetOf(document: Document, keyPath: readonly PropertyKey[]): number | undefined {
  for (let depth = keyPath.length; depth > 0; depth -= 1) {
    const parent = document.getIn(keyPath.slice(0, depth - 1), true) as
      | { items?: readonly unknown[] }
      | undefined;
    const key = keyPath[depth - 1];
    const found = parent?.items?.find(
      (item, index) => keyOf(item) === String(key) || (index === key && !isPair(item)),
    );
    const range = isPair(found)
      ? found.key?.range
      : (found as { range?: readonly number[] } | undefined)?.range;
    if (range?.[0] !== undefined) return range[0];
  }
  return (document.contents as { range?: readonly number[] } | null)?.range?.[0];
}

interface Pair {
  readonly key?: { readonly value?: unknown; readonly range?: readonly number[] };
}

function isPair(item: unknown): item is Pair {
  return typeof item === "object" && item !== null && "key" in item;
}

function keyOf(item: unknown): string | undefined {
  return isPair(item) ? String(item.key?.value) : undefined;
}

function dotted(keyPath: readonly PropertyKey[]): string {
  return keyPath.map(String).join(".");
}
