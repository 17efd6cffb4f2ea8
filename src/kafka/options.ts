/**
 * How to reach Kafka: the options that the source, the sink and the commands' `--out` share, and what
 * librdkafka calls them.
 */

import { readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { messageOf, StreamkitError } from "../base/error.ts";

const tlsOptions = z.strictObject({
  ca: z.string().optional().describe("file of the trusted certificates, PEM; the system's if left out"),
  certificate: z.string().optional().describe("file of our own certificate, PEM"),
  key: z.string().optional().describe("file of our own private key, PEM"),
  key_password: z
    .string()
    .optional()
    .describe("what the private key is encrypted with: take it from ${NAME}"),
  verify: z.boolean().default(true).describe("false: takes any certificate, for tests only"),
});

const saslOptions = z.strictObject({
  mechanism: z
    .enum(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"])
    .describe("PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"),
  username: z.string().optional().describe("PLAIN and SCRAM"),
  password: z.string().optional().describe("PLAIN and SCRAM: take it from ${NAME}"),
  token_endpoint: z.string().optional().describe("OAUTHBEARER: URL that gives tokens for client credentials"),
  client_id: z.string().optional().describe("OAUTHBEARER"),
  client_secret: z.string().optional().describe("OAUTHBEARER: take it from ${NAME}"),
  scope: z.string().optional().describe("OAUTHBEARER"),
});

/** A broker has none: what looks like one is a secret, and messages name brokers. */
function hasUser(brokers: string): boolean {
  return brokers.includes("@");
}

const NO_USER =
  "a broker has no user and password, they stand in `sasl`, of a command in the file of --kafka-options";

/** The part of a source's or sink's options that says where and as whom. */
export const connectionFields = {
  brokers: z
    .string()
    .refine((brokers) => !hasUser(brokers), `HOST:PORT is expected: ${NO_USER}`)
    .describe("`HOST:PORT`, several with commas"),
  tls: z
    .union([z.boolean(), tlsOptions])
    .optional()
    .describe("true, or a mapping: `ca`, `certificate`, `key`, `key_password`, `verify`"),
  sasl: saslOptions
    .optional()
    .describe(
      "`mechanism` (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER), `username` and `password`, " +
        "or `token_endpoint`, `client_id`, `client_secret`, `scope`",
    ),
  config: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .describe("further settings of librdkafka by their own names"),
};

const connectionOptions = z.strictObject(connectionFields);
export type ConnectionOptions = z.infer<typeof connectionOptions>;
export type SaslOptions = z.infer<typeof saslOptions>;

/** Settings of librdkafka, by its own names. */
export type Settings = Readonly<Record<string, string | number | boolean>>;

/** Throws code `job` for a setting that is missing, and `io` for a file that can't be read. */
export function connectionSettings(options: ConnectionOptions, baseFolder: string): Settings {
  const { brokers, tls, sasl } = options;
  const isEncrypted = tls !== undefined && tls !== false;
  const protocol = `${sasl === undefined ? "" : "sasl_"}${isEncrypted ? "ssl" : "plaintext"}`;
  return {
    "bootstrap.servers": brokers,
    "security.protocol": protocol,
    // A broker that is away comes back soon: not the default of 10 s at most.
    "reconnect.backoff.max.ms": 2000,
    ...(typeof tls === "object" ? tlsSettings(tls, baseFolder) : {}),
    ...(sasl === undefined ? {} : saslSettings(sasl)),
    ...options.config,
  };
}

function tlsSettings(tls: z.infer<typeof tlsOptions>, baseFolder: string): Settings {
  const settings: Record<string, string | number | boolean> = {
    "enable.ssl.certificate.verification": tls.verify,
  };
  const files = { "ssl.ca.pem": tls.ca, "ssl.certificate.pem": tls.certificate, "ssl.key.pem": tls.key };
  for (const [name, file] of Object.entries(files))
    if (file !== undefined) settings[name] = textOf(path.resolve(baseFolder, file));
  if (tls.key_password !== undefined) settings["ssl.key.password"] = tls.key_password;
  return settings;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new StreamkitError("io", `The file "${file}" of Kafka's tls can't be read: ${messageOf(error)}`, {
      component: "kafka",
      cause: error,
    });
  }
}

function saslSettings(sasl: SaslOptions): Settings {
  const needed =
    sasl.mechanism === "OAUTHBEARER"
      ? (["token_endpoint", "client_id", "client_secret"] as const)
      : (["username", "password"] as const);
  const missing = needed.find((name) => sasl[name] === undefined);
  if (missing !== undefined)
    throw new StreamkitError("job", `sasl: ${sasl.mechanism} needs ${missing}`, { component: "kafka" });
  if (sasl.mechanism === "OAUTHBEARER") return { "sasl.mechanisms": sasl.mechanism };
  return {
    "sasl.mechanisms": sasl.mechanism,
    "sasl.username": sasl.username ?? "",
    "sasl.password": sasl.password ?? "",
  };
}

export interface KafkaUrl {
  readonly brokers: string;
  readonly topic: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const URL_FORM = /^kafka:\/\/([^/?#]+)\/([^/?#]+)(?:\?([^#]*))?$/;

/**
 * `kafka://HOST:PORT[,HOST:PORT]/TOPIC[?NAME=VALUE]`; undefined where the URL is none of Kafka's. Throws code
 * `job` where it is a broken one.
 */
export function parseKafkaUrl(url: string): KafkaUrl | undefined {
  if (!url.startsWith("kafka:")) return undefined;
  const match = URL_FORM.exec(url);
  if (match?.[1] === undefined || match[2] === undefined)
    throw new StreamkitError("job", `kafka://HOST:PORT/TOPIC is expected, found "${url}"`);
  if (hasUser(match[1])) throw new StreamkitError("job", `kafka://HOST:PORT/TOPIC is expected: ${NO_USER}`);
  return {
    brokers: match[1],
    topic: decodeURIComponent(match[2]),
    parameters: Object.fromEntries(new URLSearchParams(match[3] ?? "")),
  };
}
