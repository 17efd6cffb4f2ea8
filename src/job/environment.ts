/**
 * `${NAME}` and `${NAME:-default}` in a job's texts. Values are never printed: messages quote what the file
 * says.
 */

import type { JobError } from "../base/error.ts";

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
