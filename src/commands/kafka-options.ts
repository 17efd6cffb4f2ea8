/** `--kafka-options FILE`: how a command's `kafka://…` is reached, with secrets from the environment. */

import { readFileSync } from "node:fs";
import path from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { JobError, messageOf, StreamkitError } from "../base/error.ts";
import { substituteVariables, withoutSecrets } from "../job/environment.ts";
import { type ConnectionOptions, connectionFields } from "../kafka/options.ts";

const { tls, sasl, config } = connectionFields;
const form = z.strictObject({ tls, sasl, config });

export interface KafkaOptions {
  readonly connection: Omit<ConnectionOptions, "brokers">;
  /** Files of certificates are named from here. */
  readonly baseFolder: string;
}

export const KAFKA_OPTIONS_HELP = `
The file of --kafka-options is YAML with tls, sasl and config as in job files; \${NAME} is taken from the
environment, and certificates are named from the file's folder:
    tls: { ca: ca.pem }
    sasl: { mechanism: SCRAM-SHA-512, username: alice, password: "\${KAFKA_PASSWORD}" }
    config: { compression.type: zstd }`;

/** No file: neither encryption nor login. Throws code `job`, or `usage` where there is no such file. */
export function readKafkaOptions(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): KafkaOptions {
  if (file === undefined) return { connection: { config: {} }, baseFolder: "." };
  const lines = new LineCounter();
  const document = parseDocument(textOf(file), { lineCounter: lines, prettyErrors: false });
  const [syntaxError] = document.errors;
  if (syntaxError !== undefined) {
    const { line, col: column } = lines.linePos(syntaxError.pos[0]);
    throw new JobError(syntaxError.message, { file, line, column, keyPath: "" });
  }
  const used = new Map<string, string>();
  const errorAt = (keyPath: readonly PropertyKey[], message: string): JobError =>
    new JobError(withoutSecrets(message, used), { file, keyPath: keyPath.map(String).join(".") });
  const written = (document.toJS() ?? {}) as unknown;
  const checked = form.safeParse(substituteVariables(written, { env, errorAt, used }));
  if (checked.success) return { connection: checked.data, baseFolder: path.dirname(path.resolve(file)) };
  const [issue] = checked.error.issues;
  throw errorAt(issue?.path ?? [], issue?.message ?? "it is not understood");
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new StreamkitError("usage", `--kafka-options: "${file}" can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
