/**
 * The schema registry's answers, by way of Confluent's client. Only its deep modules are loaded, and only
 * when a job needs them: the package's index brings along the key services of three clouds.
 *
 * What fails here throws code `io` in plain words. The client's own errors hold the request with its
 * credentials: none is passed on as a cause.
 */

import { readFile } from "node:fs/promises";
import { Agent } from "node:https";
import type { DescFile } from "@bufbuild/protobuf";
import type {
  SchemaInfo,
  SchemaRegistryClient,
} from "@confluentinc/schemaregistry/dist/schemaregistry-client.js";
import { messageOf, StreamkitError } from "../../base/error.ts";
import type { SchemaKey } from "./framing.ts";
import { compileProtoTexts, isProtoText } from "./proto-text.ts";

export interface RegistryOptions {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** Sent as a bearer token. */
  readonly token?: string;
  /** Certificates of the authorities to trust, as PEM. */
  readonly caFile?: string;
}

export type { SchemaInfo };

/** Answers that do not change are asked for once. Undefined: the registry does not know it. */
export interface RegistryClient {
  schema(topic: string, key: SchemaKey): Promise<SchemaInfo | undefined>;
  latest(topic: string): Promise<SchemaInfo | undefined>;
  /** The texts of all schemas that this one refers to, each after those that it refers to itself. */
  references(schema: SchemaInfo): Promise<string[]>;
  protobufFile(schema: SchemaInfo): Promise<DescFile>;
}

interface Reference {
  /** What the schemas that refer to it call it. */
  readonly name: string;
  readonly info: SchemaInfo;
}

/** The registry does not say what the file of a schema is called. */
const OWN_FILE = "streamkit/record.proto";

const REQUEST_TIMEOUT_MS = 4000;
const RETRIES = 1;
const RETRY_DELAY_MS = 200;
/** A registry that sends its answer a byte at a time is given up as well. */
const TOTAL_TIMEOUT_MS = 9500;
/** Schemas refer to each other in no circle, but a registry might say so. */
const MAX_REFERENCES = 1000;

export async function openRegistryClient(
  format: "avro" | "protobuf",
  options: RegistryOptions,
): Promise<RegistryClient> {
  const { SchemaRegistryClient } = await import("@confluentinc/schemaregistry/dist/schemaregistry-client.js");
  const { url, username, password } = addressOf(options);
  const { token, caFile } = options;
  const client = new SchemaRegistryClient({
    baseURLs: [url],
    maxRetries: RETRIES,
    retriesWaitMs: RETRY_DELAY_MS,
    retriesMaxWaitMs: RETRY_DELAY_MS,
    createAxiosDefaults: {
      timeout: REQUEST_TIMEOUT_MS,
      ...(caFile === undefined ? {} : { httpsAgent: new Agent({ ca: await readCertificates(caFile) }) }),
      ...(token === undefined ? {} : { headers: { common: { Authorization: `Bearer ${token}` } } }),
    },
    ...(username === undefined || token !== undefined
      ? {}
      : {
          basicAuthCredentials: {
            credentialsSource: "USER_INFO" as const,
            userInfo: `${username}:${password ?? ""}`,
          },
        }),
  });
  return fromClient(client, url, format);
}

function fromClient(client: SchemaRegistryClient, url: string, format: "avro" | "protobuf"): RegistryClient {
  // Protobuf's schemas come as compiled descriptors.
  const form = format === "protobuf" ? "serialized" : undefined;
  const ask = <T>(question: () => Promise<T>): Promise<T | undefined> => answerOf(url, question);
  const version = async (subject: string, number: number): Promise<SchemaInfo> => {
    const found = await ask(() => client.getSchemaMetadata(subject, number, true, form));
    if (found !== undefined) return found;
    throw new StreamkitError("input", `It refers to version ${number} of "${subject}", which does not exist`);
  };
  /** Every schema that `schema` refers to, after those that it refers to itself, by subject and version. */
  const collect = async (schema: SchemaInfo, found: Map<string, Reference>): Promise<void> => {
    for (const { name, subject, version: number } of schema.references ?? []) {
      const key = `${subject}:${number}`;
      if (found.has(key)) continue;
      const info = await version(subject, number);
      if (found.size >= MAX_REFERENCES)
        throw new StreamkitError("input", `It refers to more than ${MAX_REFERENCES} schemas`);
      await collect(info, found);
      found.set(key, { name, info });
    }
  };
  return {
    schema: (topic, key) =>
      typeof key === "number"
        ? ask(() => client.getBySubjectAndId(`${topic}-value`, key, form))
        : // Registries that have no GUIDs do not have the address either.
          answerOf(url, () => client.getByGuid(key, form), "any 404 is unknown"),
    latest: (topic) => ask(() => client.getLatestSchemaMetadata(`${topic}-value`, form)),
    async references(schema) {
      const found = new Map<string, Reference>();
      await collect(schema, found);
      return [...found.values()].map(({ info }) => info.schema);
    },
    async protobufFile(schema) {
      const { ProtobufDeserializer } = await import("@confluentinc/schemaregistry/dist/serde/protobuf.js");
      const { SerdeType } = await import("@confluentinc/schemaregistry/dist/serde/serde.js");
      const found = new Map<string, Reference>();
      await collect(schema, found);
      const compiled = await compiledFiles(schema, found);
      const source = {
        // The library would forget to ask for descriptors where a reference has references of its own.
        getSchemaMetadata(subject: string, number: number): Promise<SchemaInfo> {
          const { name, info } = found.get(`${subject}:${number}`) as Reference;
          return Promise.resolve({ ...info, schema: compiled.get(name) ?? info.schema });
        },
      } as unknown as SchemaRegistryClient;
      // One deserializer a schema: it takes schemas of the same text for the same, whatever they refer to.
      return new ProtobufDeserializer(client, SerdeType.VALUE, {}).toFileDesc(source, {
        ...schema,
        schema: compiled.get(OWN_FILE) ?? schema.schema,
      });
    },
  };
}

/** Descriptors by the files' names, where the registry has answered with texts. */
async function compiledFiles(
  schema: SchemaInfo,
  references: ReadonlyMap<string, Reference>,
): Promise<ReadonlyMap<string, string>> {
  const files = new Map([...references.values()].map(({ name, info }) => [name, info.schema]));
  files.set(OWN_FILE, schema.schema);
  return [...files.values()].some(isProtoText) ? compileProtoTexts(files) : new Map();
}

/** The address without the credentials that may stand in it, for the client and for messages. */
function addressOf(options: RegistryOptions): Pick<RegistryOptions, "url" | "username" | "password"> {
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new StreamkitError("job", "The schema registry's url must start with http:// or https://");
  const username = options.username ?? (url.username === "" ? undefined : decodeURIComponent(url.username));
  const password = options.password ?? (url.password === "" ? undefined : decodeURIComponent(url.password));
  url.username = "";
  url.password = "";
  return {
    url: url.href.replace(/\/$/, ""),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

async function readCertificates(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new StreamkitError("io", `The schema registry's caFile can't be read: ${messageOf(error)}`);
  }
}

async function answerOf<T>(
  url: string,
  question: () => Promise<T>,
  missing?: "any 404 is unknown",
): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StreamkitError("io", "late")), TOTAL_TIMEOUT_MS);
  });
  try {
    return await Promise.race([question(), late]);
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined) throw unreachable(url, error);
    // 404 alone is an address without a registry; with a code, it knows no such subject, version or schema.
    if (status.http === 404 && (status.code >= 40400 || missing !== undefined)) return undefined;
    throw refused(url, status.http);
  } finally {
    clearTimeout(timer);
  }
}

function statusOf(error: unknown): { readonly http: number; readonly code: number } | undefined {
  if (!(error instanceof Error) || !("status" in error) || !("errorCode" in error)) return undefined;
  const { status, errorCode } = error;
  return typeof status === "number" && typeof errorCode === "number"
    ? { http: status, code: errorCode }
    : undefined;
}

function refused(url: string, status: number): StreamkitError {
  const isRetryable = status === 408 || status === 429 || status >= 500;
  const reason =
    status === 401 || status === 403
      ? `refuses the credentials (HTTP ${status})`
      : status === 404
        ? "has no such address (HTTP 404): is its url right?"
        : `answers with HTTP ${status}`;
  return new StreamkitError("io", `The schema registry ${url} ${reason}`, {
    component: "schema registry",
    retryable: isRetryable,
  });
}

/** Words for the codes that Bun, Deno and Node give. */
const FAILURES: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/ECONNREFUSED|ConnectionRefused/i, "connection refused"],
  [/ENOTFOUND|EAI_AGAIN/i, "its host is not known"],
  [/ECONNABORTED|ETIMEDOUT|late/i, "no answer in time"],
  [/ECONNRESET|EPIPE|ERR_STREAM_PREMATURE_CLOSE/i, "it closed the connection"],
  [/WRONG.VERSION.NUMBER|InvalidContentType/i, "it does not speak TLS: is it http:// and not https://?"],
  [/EHOSTUNREACH|ENETUNREACH/i, "no route to its host"],
  [
    /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)|UnknownIssuer/i,
    "its certificate is not trusted: caFile names the authority's",
  ],
];

function unreachable(url: string, error: unknown): StreamkitError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const text = `${code} ${messageOf(error)}`;
  const words = FAILURES.find(([pattern]) => pattern.test(text))?.[1] ?? messageOf(error);
  return new StreamkitError("io", `The schema registry ${url} can't be reached: ${words}`, {
    component: "schema registry",
    retryable: true,
  });
}
