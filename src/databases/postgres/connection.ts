/**
 * One connection to PostgreSQL, and one alone: no pool, and none that connects again by itself, which would
 * go on in the middle of a transaction that is gone. What fails once is of no more use.
 */

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import pg from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { messageOf, StreamkitError } from "../../base/error.ts";
import type { Sql } from "../../duckdb/sql.ts";
import type { Reached } from "./options.ts";

export type Answer = readonly Readonly<Record<string, string | null>>[];

export interface Connection {
  /** One or more statements; the rows of the last one that has any. Values are text. */
  run(statements: Sql): Promise<Answer>;
  /** The tag of the only statement: `COMMIT`, or `ROLLBACK` in its place. */
  tagOf(statement: Sql): Promise<string>;
  copy(statement: Sql, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  close(isClean: boolean): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** The server is to answer a statement before; a batch's rows may take their time. */
const STATEMENT_TIMEOUT_MS = 1_800_000;
const CLOSE_TIMEOUT_MS = 2000;

/** Throws code `io`: retryable where the server may come back. */
export async function connect(reached: Reached, name: string): Promise<Connection> {
  const { tls, ...place } = reached;
  const client = new pg.Client({
    ...place,
    ssl: tls ?? false,
    application_name: "streamkit",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    // As text: no digit is lost on the way through JavaScript.
    types: { getTypeParser: () => (text: string) => text },
  });
  let failure: Error | undefined;
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const isGone = (error: Error): void => {
    failure ??= error;
    fail(error);
  };
  client.on("error", isGone);
  client.on("end", () => isGone(new Error("the connection was closed")));
  const attempt = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      if (failure !== undefined) throw failure;
      return await Promise.race([action(), failed]);
    } catch (error) {
      throw postgresError(error, name);
    }
  };
  try {
    await attempt(() => client.connect());
  } catch (error) {
    cutOff(client);
    throw error;
  }
  return {
    run: (statements) =>
      attempt(async () => {
        const results = await client.query<Record<string, string | null>>(statements.text);
        const all = (Array.isArray(results) ? results : [results]) as pg.QueryResult[];
        return (all.findLast(({ fields }) => fields.length > 0)?.rows ?? []) as Answer;
      }),
    tagOf: (statement) => attempt(async () => (await client.query(statement.text)).command),
    copy: (statement, bytes) =>
      attempt(() => pipeline(Readable.from(bytes), client.query(copyFrom(statement.text)))),
    async close(isClean) {
      if (!isClean || failure !== undefined) return cutOff(client);
      const late = setTimeout(() => cutOff(client), CLOSE_TIMEOUT_MS);
      await client.end().catch(() => undefined);
      clearTimeout(late);
    },
  };
}

interface WithSocket {
  readonly connection: { readonly stream: { destroy(): void } };
}

function cutOff(client: pg.Client): void {
  (client as unknown as WithSocket).connection.stream.destroy();
}

/** What the server says of rows: it would say so each time. */
export class PostgresError extends StreamkitError {
  /** The SQLSTATE; undefined where it was not the server that spoke. */
  readonly state: string | undefined;

  constructor(message: string, state: string | undefined, cause: unknown) {
    super("io", message, { component: "postgres", retryable: isPassing(state, cause), cause });
    this.name = "PostgresError";
    this.state = state;
  }

  /** Data, a constraint, a trigger, a view's check. */
  get isAboutRows(): boolean {
    return this.state !== undefined && /^(?:22|23|27|44|P0)/.test(this.state);
  }
}

function postgresError(error: unknown, name: string): StreamkitError {
  if (error instanceof StreamkitError) return error;
  const { code, detail, severity } = error as { code?: string; detail?: string; severity?: string };
  const state = severity === undefined ? undefined : code;
  const message = messageOf(error) || (code ?? "no answer");
  const words = state === undefined ? message : `${message} (SQLSTATE ${state})`;
  return new PostgresError(
    `PostgreSQL at ${name}: ${words}${detail === undefined ? "" : `. ${detail}`}`,
    state,
    error,
  );
}

/**
 * Connection lost, too many connections, disk full, deadlock, serialization, read-only after a fail-over,
 * starting up or shutting down, locks, cancelled: all of that may be over soon.
 */
function isPassing(state: string | undefined, cause: unknown): boolean {
  if (state !== undefined) return /^(?:08|53|57|58|40|25006|55P03|55006)/.test(state);
  const { code } = cause as { code?: string };
  // What TLS says of a certificate, and a name that nobody knows, stay so.
  return code === undefined
    ? !/SSL|password|SASL|certificate/i.test(messageOf(cause))
    : !/^(?:ENOTFOUND|CERT_|DEPTH_|UNABLE_|SELF_|ERR_TLS|ERR_SSL|ENOENT|EACCES)/.test(code);
}
