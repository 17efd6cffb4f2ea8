/**
 * WebHDFS: HDFS over HTTP. A name node answers, or sends on to a data node for bytes. Of several name nodes
 * one is active; the others say that they stand by. What fails for a moment (a name node that starts, a data
 * node that has just died) is tried again for a while.
 */

import { answerText } from "../base/answer-text.ts";
import type { Clock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";
import { retrying } from "./retry.ts";

export interface WebHdfsOptions {
  /** `http` or `https`. */
  readonly protocol: string;
  /** `HOST:PORT` of each name node. */
  readonly nameNodes: readonly string[];
  readonly user: string;
  /** A delegation token, in place of the user. */
  readonly token: string | undefined;
  readonly clock: Clock;
}

type Method = "GET" | "PUT" | "DELETE";
type Parameters = Readonly<Record<string, string>>;

export interface WebHdfs {
  /** An operation that the name node answers. Undefined where the path isn't there. */
  ask(method: Method, path: string, op: string, parameters?: Parameters): Promise<unknown>;
  /** Writes a file in place of what has its name. */
  create(path: string, body: Blob | string): Promise<void>;
  /** A file's bytes, or `length` of them from `offset` on; undefined where it isn't there. */
  open(
    path: string,
    part?: { readonly offset: number; readonly length: number },
  ): Promise<Response | undefined>;
}

/** What HDFS says of a request that it refuses. */
export class HdfsRefusal extends StreamkitError {
  /** Java's name of it, like `FileAlreadyExistsException`. */
  readonly exception: string;

  constructor(exception: string, message: string) {
    super("io", message, { component: "hdfs" });
    this.exception = exception;
  }
}

const ANSWER_TIMEOUT_MS = 60_000;
const TRANSFER_TIMEOUT_MS = 600_000;
const PASSING = new Set([
  "StandbyException",
  "RetriableException",
  "SafeModeException",
  "NotReplicatedYetException",
]);
const NO_DATA_NODE =
  /Failed to find datanode|could only be (?:replicated|written) to 0|All datanodes .* are bad/;

export function openWebHdfs({ protocol, nameNodes, user, token, clock }: WebHdfsOptions): WebHdfs {
  let active = 0;
  const who: Parameters = token === undefined ? { "user.name": user } : { delegation: token };

  const toNameNode = (
    method: Method,
    path: string,
    op: string,
    parameters: Parameters,
  ): Promise<Response> => {
    const url = new URL(`${protocol}://${nameNodes[active] ?? ""}/webhdfs/v1/${encoded(path)}`);
    for (const [name, value] of Object.entries({ op, ...parameters, ...who }))
      url.searchParams.set(name, value);
    return fetch(url, { method, redirect: "manual", signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  };

  const persistently = retrying({
    clock,
    whom: `HDFS (${nameNodes.join(", ")})`,
    component: "hdfs",
    mayPass: (error) => !(error instanceof HdfsRefusal) || mayPass(error),
    servers: nameNodes.length,
    turn: () => {
      active = (active + 1) % nameNodes.length;
    },
  });

  /** Where the name node sends us for a file's bytes. */
  const placeOf = async (
    method: Method,
    path: string,
    op: string,
    parameters: Parameters,
  ): Promise<string> => {
    const answer = await toNameNode(method, path, op, parameters);
    const location = answer.headers.get("location");
    if (answer.status !== 307 || location === null) {
      await refuse(answer, path);
      throw new StreamkitError("io", `${op} of "${path}" was answered by ${answer.status}, and no data node`);
    }
    await answer.arrayBuffer();
    return samePath(location, path);
  };

  return {
    ask: (method, path, op, parameters = {}) =>
      persistently(`${op} "${path}"`, async () => {
        const answer = await toNameNode(method, path, op, parameters);
        if (answer.status === 404) return absent(answer, path);
        await refuse(answer, path);
        const text = await answer.text();
        return text === "" ? true : (JSON.parse(text) as unknown);
      }),
    create: (path, body) =>
      persistently(`write "${path}"`, async () => {
        const location = await placeOf("PUT", path, "CREATE", { overwrite: "true" });
        const answer = await fetch(location, {
          method: "PUT",
          body,
          headers: { "content-type": "application/octet-stream" },
          signal: AbortSignal.timeout(TRANSFER_TIMEOUT_MS),
        });
        await refuse(answer, path);
        await answer.arrayBuffer();
      }),
    open: (path, part) =>
      persistently(`read "${path}"`, async () => {
        const within: Parameters =
          part === undefined ? {} : { offset: String(part.offset), length: String(part.length) };
        try {
          const location = await placeOf("GET", path, "OPEN", within);
          const answer = await fetch(location, { signal: AbortSignal.timeout(TRANSFER_TIMEOUT_MS) });
          await refuse(answer, path);
          return answer;
        } catch (error) {
          if (error instanceof HdfsRefusal && error.exception === "FileNotFoundException") return undefined;
          throw error;
        }
      }),
  };
}

function encoded(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/**
 * The data node's place with the path as it was asked for: the name node normalises the letters of what it
 * sends on (`e` with U+0301 behind it becomes `é`), and that would be another file.
 */
function samePath(location: string, path: string): string {
  const url = new URL(location);
  const prefix = /^\/webhdfs\/v1\//.exec(url.pathname)?.[0];
  if (prefix !== undefined) url.pathname = `${prefix}${encoded(path)}`;
  return url.href;
}

function mayPass({ exception, message }: HdfsRefusal): boolean {
  return PASSING.has(exception) || NO_DATA_NODE.test(message);
}

async function absent(answer: Response, path: string): Promise<undefined> {
  const refusal = await refusalOf(answer, path);
  if (refusal.exception !== "FileNotFoundException") throw refusal;
  return undefined;
}

/** Throws what the answer says where it is no success. */
async function refuse(answer: Response, path: string): Promise<void> {
  if (!answer.ok) throw await refusalOf(answer, path);
}

async function refusalOf(answer: Response, path: string): Promise<HdfsRefusal> {
  const text = await answerText(answer);
  if (answer.status === 401)
    return new HdfsRefusal(
      "AuthenticationException",
      "HDFS wants a login (401): give a delegation token in WEBHDFS_DELEGATION_TOKEN",
    );
  const found = remoteException(text);
  if (found === undefined)
    return new HdfsRefusal("", `HDFS answered ${answer.status} to "${path}": ${text.slice(0, 200)}`);
  // A stack trace follows the first line.
  const message = `HDFS refused "${path}": ${found.exception}: ${found.message.split("\n")[0] ?? ""}`;
  return new HdfsRefusal(found.exception, message);
}

function remoteException(text: string): { readonly exception: string; readonly message: string } | undefined {
  try {
    return (JSON.parse(text) as { RemoteException?: { exception: string; message: string } }).RemoteException;
  } catch {
    return undefined;
  }
}
