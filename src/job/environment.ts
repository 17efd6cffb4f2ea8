/**
 * `${NAME}` and `${NAME:-default}` in a job's texts. Values are never printed: messages quote what the file
 * says.
 */

import { parse } from "yaml";
import type { z } from "zod";
import type { JobError } from "../base/error.ts";
import { issuesWithin } from "./issue.ts";

type ErrorAt = (keyPath: readonly PropertyKey[], message: string) => JobError;

interface Environment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly errorAt: ErrorAt;
  /** Given the variables that were used, by their values. */
  readonly used: Map<string, string>;
}

/** Shorter values are no secrets, and stand in too many words by chance. */
const MIN_SECRET_CHARACTERS = 4;

/** The message with `${NAME}` where the value of a used variable stood. */
export function withoutSecrets(message: string, used: ReadonlyMap<string, string>): string {
  const longestFirst = [...used].toSorted(([a], [b]) => b.length - a.length);
  return longestFirst.reduce(
    (text, [value, name]) =>
      value.length < MIN_SECRET_CHARACTERS ? text : text.replaceAll(value, `\${${name}}`),
    message,
  );
}

/** The value with every variable replaced. Throws at the key whose variable is not set. */
export function substituteVariables(
  value: unknown,
  environment: Environment,
  keyPath: readonly PropertyKey[] = [],
): unknown {
  const { env, errorAt, used } = environment;
  // Its `${name}` is a variable of the server that writes the log.
  if (keyPath.at(-1) === "log_format") return value;
  if (typeof value === "string") {
    return value.replace(/\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g, (_whole, name: string, fallback?: string) => {
      const found = env[name] ?? fallback;
      if (found === undefined)
        throw errorAt(
          keyPath,
          `the environment variable ${name} is not set; set it, or write \${${name}:-default}`,
        );
      if (env[name] !== undefined) used.set(found, name);
      return found;
    });
  }
  if (Array.isArray(value))
    return value.map((item, index) => substituteVariables(item, environment, [...keyPath, index]));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      substituteVariables(item, environment, [...keyPath, key]),
    ]),
  );
}

/** The whole of a text is one variable. */
const ONE_VARIABLE = /^\$\{[A-Za-z_]\w*(?::-[^}]*)?\}$/;

/**
 * A variable gives text: where the schema refuses that, and all of the text is a variable, it is the number
 * or the `true` or `false` that it says. `issues` are what the schema says of `value`.
 */
export function withFilledValues(
  value: unknown,
  written: unknown,
  issues: readonly z.core.$ZodIssue[],
): unknown {
  const paths = issues.flatMap(issuesWithin).map(({ path }) => path);
  return paths.reduce<unknown>((filled, path) => filledAt(filled, written, path), value);
}

function filledAt(value: unknown, written: unknown, path: readonly PropertyKey[]): unknown {
  const [key, ...rest] = path;
  if (key === undefined) {
    if (typeof value !== "string" || typeof written !== "string" || !ONE_VARIABLE.test(written)) return value;
    const parsed: unknown = parse(value);
    return typeof parsed === "number" || typeof parsed === "boolean" ? parsed : value;
  }
  // A key that is missing stays so: its issue is about that.
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return value;
  const inner = filledAt(partOf(value, key), partOf(written, key), rest);
  if (Array.isArray(value)) return value.map((item: unknown, index) => (index === key ? inner : item));
  return { ...value, [key]: inner };
}

function partOf(value: unknown, key: PropertyKey): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<PropertyKey, unknown>>)[key]
    : undefined;
}
