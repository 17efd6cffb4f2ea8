/** `${NAME}` and `${NAME:-default}` in a job's texts. Values are never printed: messages quote what the file says. */

import type { JobError } from "../base/error.ts";

type ErrorAt = (keyPath: readonly PropertyKey[], message: string) => JobError;

/** The value with every variable replaced. Throws at the key whose variable is not set. */
export function substituteVariables(
  value: unknown,
  env: Readonly<Record<string, string | undefined>>,
  errorAt: ErrorAt,
  keyPath: readonly PropertyKey[] = [],
): unknown {
  if (typeof value === "string") {
    return value.replace(/\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g, (_whole, name: string, fallback?: string) => {
      const found = env[name] ?? fallback;
      if (found === undefined)
        throw errorAt(
          keyPath,
          `the environment variable ${name} is not set; set it, or write \${${name}:-default}`,
        );
      return found;
    });
  }
  if (Array.isArray(value))
    return value.map((item, index) => substituteVariables(item, env, errorAt, [...keyPath, index]));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      substituteVariables(item, env, errorAt, [...keyPath, key]),
    ]),
  );
}
