/** S3's requests, signed, for a bucket of any server that speaks them. */

import { AwsV4Signer } from "aws4fetch";
import { answerText } from "../base/answer-text.ts";
import type { Clock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";
import { retrying } from "./retry.ts";

export interface S3Options {
  readonly bucket: string;
  /** `http://HOST:PORT`; AWS's own of the region if undefined. */
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  readonly clock: Clock;
}

interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "DELETE";
  /** The object's; "" for the bucket. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Blob | string;
}

/** The answer where its status is a success or among `allowed`; throws code `io` for others. */
export type S3 = (request: S3Request, allowed?: readonly number[]) => Promise<Response>;

export class S3Refusal extends StreamkitError {
  readonly status: number;

  constructor(status: number, message: string) {
    super("io", message, { component: "s3" });
    this.status = status;
  }
}

const TIMEOUT_MS = 600_000;
/** A conditional write met another one: S3 asks to try again. */
const CONFLICT = 409;
const TOO_MANY_REQUESTS = 429;

export function openS3(options: S3Options): S3 {
  const { bucket, endpoint, region, clock } = options;
  const base =
    endpoint === undefined
      ? `https://${bucket}.s3.${region}.amazonaws.com/`
      : `${endpoint.replace(/\/+$/, "")}/${bucket}/`;
  const persistently = retrying({
    clock,
    whom: `S3 (${endpoint ?? base})`,
    component: "s3",
    mayPass: (error) =>
      !(error instanceof S3Refusal) ||
      error.status >= 500 ||
      error.status === CONFLICT ||
      error.status === TOO_MANY_REQUESTS,
  });
  return (request, allowed = []) =>
    persistently(`${request.method} "${request.key}"`, async () => {
      const { method, key, query = {}, body = null } = request;
      const url = new URL(base + key.split("/").map(encoded).join("/"));
      url.search = Object.entries(query)
        .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
        .join("&");
      const signer = new AwsV4Signer({
        ...options,
        ...(options.sessionToken === undefined ? {} : { sessionToken: options.sessionToken }),
        service: "s3",
        method,
        url: url.href,
        headers: { ...request.headers },
      } as ConstructorParameters<typeof AwsV4Signer>[0]);
      const signed = await signer.sign();
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const answer = await fetch(signed.url, { method, headers: signed.headers, body, signal });
      if (answer.ok || allowed.includes(answer.status)) return answer;
      throw new S3Refusal(answer.status, refusalText(answer.status, key, await answerText(answer)));
    });
}

/** As signatures have it (RFC 3986), so that what is signed is what is sent, letter by letter. */
function encoded(name: string): string {
  return encodeURIComponent(name).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function refusalText(status: number, key: string, xml: string): string {
  const [code] = textsIn(xml, "Code");
  const [message] = textsIn(xml, "Message");
  const said = code === undefined ? String(status) : `${code}${message === undefined ? "" : `: ${message}`}`;
  return `S3 refused "${key}": ${said}`;
}

/** The texts of all elements of a name; S3's answers have neither attributes nor comments. */
export function textsIn(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`, "g"))].map(([, text = ""]) =>
    text.replaceAll(/&(amp|lt|gt|quot|apos|#\d+|#x[\da-fA-F]+);/g, (_, entity: string) =>
      characterOf(entity),
    ),
  );
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function characterOf(entity: string): string {
  const code = entity.startsWith("#x") ? Number.parseInt(entity.slice(2), 16) : Number(entity.slice(1));
  return ENTITIES[entity] ?? String.fromCodePoint(code);
}
