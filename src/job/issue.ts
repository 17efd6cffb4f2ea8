/** What zod found wrong, in words for the person who wrote the file. */

import { z } from "zod";
import { nearestOf } from "../base/nearest.ts";
import type { JobSchema } from "./schema.ts";

interface DescribedIssue {
  readonly keyPath: readonly PropertyKey[];
  readonly message: string;
}

/**
 * Each issue once; a key that is missing because another one is misspelt is not told. `written` is the job as
 * the file has it, before variables are replaced: only that is quoted.
 */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  written: unknown,
  schema: JobSchema,
): readonly DescribedIssue[] {
  const meant = issues.flatMap((issue) => issuesOfBranch(issue, written));
  const misspelt = meant.filter(({ code }) => code === "unrecognized_keys");
  const isExplained = (issue: z.core.$ZodIssue): boolean =>
    (issue.code === "custom" && misspelt.some(({ path }) => path.join("\0") === issue.path.join("\0"))) ||
    ((issue.code === "invalid_type" || issue.code === "invalid_union") &&
      valueAt(written, issue.path) === undefined &&
      misspelt.some(({ path }) => path.join("\0") === issue.path.slice(0, -1).join("\0")));
  const described = meant
    .filter((issue) => !isExplained(issue))
    .flatMap((issue) => eachKey(issue))
    .map((issue) => describeIssue(issue, written, schema));
  return [...new Map(described.map((one) => [JSON.stringify([one.keyPath, one.message]), one])).values()];
}

/** Of a union all that is wrong with the branch that was meant: the one that knows the keys of the block. */
function issuesOfBranch(issue: z.core.$ZodIssue, written: unknown): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const isBlock = isOfBlock(issue, written);
  const branches = issue.errors.filter((branch) => !branch.some((inner) => isOfOtherType(inner, isBlock)));
  const knowing = branches.filter((branch) => !branch.some(isUnknownHere));
  const [only, another] = knowing.length > 0 ? knowing : branches;
  if (only === undefined || another !== undefined) return [issue];
  return only.flatMap((inner) => issuesOfBranch({ ...inner, path: [...issue.path, ...inner.path] }, written));
}

function isUnknownHere({ code, path }: z.core.$ZodIssue): boolean {
  return code === "unrecognized_keys" && path.length === 0;
}

/** All that is wrong anywhere in the branches of unions, with its whole path. */
export function issuesWithin(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const inner = issue.errors.flat().map((one) => ({ ...one, path: [...issue.path, ...one.path] }));
  return [issue, ...inner.flatMap(issuesWithin)];
}

/** One issue names all unknown keys of a block. */
function eachKey(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  return issue.code === "unrecognized_keys" ? issue.keys.map((key) => ({ ...issue, keys: [key] })) : [issue];
}

function describeIssue(issue: z.core.$ZodIssue, written: unknown, schema: JobSchema): DescribedIssue {
  const deepest = deepestIssue(issue, written);
  const keyPath = deepest.path;
  const found = valueAt(written, keyPath);
  switch (deepest.code) {
    case "unrecognized_keys": {
      const [key] = deepest.keys;
      const known = knownKeys(schema, keyPath);
      return { keyPath: [...keyPath, key ?? ""], message: unknownKey(key ?? "", known) };
    }
    case "invalid_type":
      return { keyPath, message: expectation(typeWords(deepest.expected), found) };
    case "invalid_value": {
      const expected = expectation(`one of ${deepest.values.join(", ")}`, found);
      return { keyPath, message: `${expected}${meantOf(found, deepest.values)}` };
    }
    case "invalid_key":
      return { keyPath, message: deepest.issues[0]?.message ?? deepest.message };
    case "invalid_union":
      return { keyPath, message: expectation(expectedTypes(deepest), found) };
    default:
      return { keyPath, message: `${deepest.message}, found ${quoted(found)}` };
  }
}

function meantOf(found: unknown, values: readonly unknown[]): string {
  const meant = typeof found === "string" ? nearestOf(found, values.map(String)) : undefined;
  return meant === undefined ? "" : `: did you mean ${meant}?`;
}

function expectation(expected: string, found: unknown): string {
  if (found === undefined) return `it is missing; ${expected} is expected`;
  return `${expected} is expected, found ${quoted(found)}`;
}

/** What zod calls a type, in words of a YAML file. */
function typeWords(type: string): string {
  switch (type) {
    case "string":
      return "text";
    case "object":
    case "record":
      return "a block of keys and values";
    case "array":
      return "a list";
    case "boolean":
      return "true or false";
    default:
      return `a ${type}`;
  }
}

/** A misspelt key is told before the key that is missing because of it. */
function firstIssue(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue | undefined {
  return issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0];
}

/** Of a union's failed branches, the one that got furthest is the one that was meant. */
function deepestIssue(issue: z.core.$ZodIssue, written: unknown): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const isBlock = isOfBlock(issue, written);
  const candidates = issue.errors
    .filter((branch) => !branch.some((inner) => isOfOtherType(inner, isBlock)))
    .flatMap((branch) => firstIssue(branch) ?? [])
    .map((inner) => deepestIssue({ ...inner, path: [...issue.path, ...inner.path] }, written));
  return candidates.toSorted((a, b) => b.path.length - a.path.length)[0] ?? issue;
}

function isOfBlock({ path }: z.core.$ZodIssue, written: unknown): boolean {
  return typeof valueAt(written, path) === "object";
}

/** One of a few words was not meant where a block stands. */
function isOfOtherType({ code, path }: z.core.$ZodIssue, isBlock: boolean): boolean {
  return path.length === 0 && (code === "invalid_type" || (code === "invalid_value" && isBlock));
}

function expectedTypes(issue: z.core.$ZodIssueInvalidUnion): string {
  const types = issue.errors.flatMap((branch) =>
    branch.flatMap((inner) =>
      inner.code === "invalid_type" && inner.path.length === 0 ? [typeWords(inner.expected)] : [],
    ),
  );
  return [...new Set(types)].join(" or ") || "another value";
}

function unknownKey(key: string, known: readonly string[]): string {
  const closest = nearestOf(key, known);
  const hint = closest === undefined ? "" : `; did you mean "${closest}"?`;
  return `unknown key "${key}"${hint}${known.length > 0 ? ` (known: ${known.join(", ")})` : ""}`;
}

/** The keys that an object at this path may have, read from the schema itself. */
function knownKeys(schema: z.core.$ZodType, keyPath: readonly PropertyKey[]): string[] {
  const json = z.toJSONSchema(schema as z.ZodType, { io: "input", unrepresentable: "any" }) as JsonSchema;
  let candidates: JsonSchema[] = [json];
  for (const key of keyPath) {
    candidates = candidates.flatMap(alternatives).flatMap((candidate) => {
      const child = candidate.properties?.[String(key)] ?? candidate.items ?? candidate.additionalProperties;
      return typeof child === "object" ? [child] : [];
    });
  }
  return [
    ...new Set(candidates.flatMap(alternatives).flatMap(({ properties }) => Object.keys(properties ?? {}))),
  ];
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
}

function alternatives(schema: JsonSchema): JsonSchema[] {
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(alternatives);
}

function valueAt(value: unknown, keyPath: readonly PropertyKey[]): unknown {
  return keyPath.reduce<unknown>(
    (inner, key) =>
      inner === null || typeof inner !== "object" ? undefined : (inner as Record<PropertyKey, unknown>)[key],
    value,
  );
}

const MAX_QUOTED_CHARACTERS = 80;

function quoted(value: unknown): string {
  const text = JSON.stringify(value ?? undefined) ?? "nothing";
  return text.length > MAX_QUOTED_CHARACTERS ? `${text.slice(0, MAX_QUOTED_CHARACTERS)}…` : text;
}
