/** A schema registry in this process's memory: the part of Confluent's REST API that a decoder asks. */

import { randomUUID } from "node:crypto";

export interface StandIn {
  readonly url: string;
  /** Requests so far, as `GET /subjects/…`. */
  readonly requests: readonly string[];
  /** The credentials that came with the last request. */
  readonly authorization: () => string | null;
  /** From now on every answer is this status. */
  answerOnly(status: number): void;
  stop(): Promise<void>;
}

interface Version {
  readonly subject: string;
  readonly version: number;
  readonly id: number;
  readonly guid: string;
  readonly schema: string;
}

export function startStandIn(): StandIn {
  const versions: Version[] = [];
  const requests: string[] = [];
  let authorization: string | null = null;
  let only: number | undefined;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname } = new URL(request.url);
      requests.push(`${request.method} ${pathname}`);
      authorization = request.headers.get("authorization");
      if (only !== undefined) return new Response("<html>", { status: only });
      const parts = pathname.slice(1).split("/").map(decodeURIComponent);
      const body = request.method === "POST" ? ((await request.json()) as { schema: string }) : undefined;
      return answer(versions, parts, body);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    requests,
    authorization: () => authorization,
    answerOnly(status) {
      only = status;
    },
    stop: () => server.stop(true),
  };
}

function answer(
  versions: Version[],
  parts: readonly string[],
  body: { schema: string } | undefined,
): Response {
  const [kind, name = "", third, fourth] = parts;
  const ofSubject = versions.filter(({ subject }) => subject === name);
  if (kind === "schemas")
    return found(
      versions.find(({ id, guid }) => (name === "ids" ? String(id) === third : guid === third)),
      40403,
    );
  if (body !== undefined && third === "versions") return Response.json(register(versions, name, body));
  if (body !== undefined)
    return found(
      ofSubject.find(({ schema }) => schema === body.schema),
      40403,
    );
  if (fourth === "latest") return found(ofSubject.at(-1), 40401);
  return found(
    ofSubject.find(({ version }) => String(version) === fourth),
    40402,
  );
}

function register(versions: Version[], subject: string, body: { schema: string }): Version {
  const known = versions.find((one) => one.subject === subject && one.schema === body.schema);
  if (known !== undefined) return known;
  const version = versions.filter((one) => one.subject === subject).length + 1;
  const added = { ...body, subject, version, id: versions.length + 1, guid: randomUUID() };
  versions.push(added);
  return added;
}

function found(version: Version | undefined, code: number): Response {
  if (version !== undefined) return Response.json(version);
  return Response.json({ error_code: code, message: "not found" }, { status: 404 });
}
