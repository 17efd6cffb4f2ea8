/** How to reach PostgreSQL: what a job says, and what the client is given. No message has the password. */

import { readFileSync } from "node:fs";
import path from "node:path";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { z } from "zod";
import { messageOf, StreamkitError } from "../../base/error.ts";

const tlsOptions = z.strictObject({
  ca: z.string().optional().describe("file of the trusted certificates, PEM; the system's if left out"),
  certificate: z.string().optional().describe("file of our own certificate, PEM"),
  key: z.string().optional().describe("file of our own private key, PEM"),
  verify: z.boolean().default(true).describe("false: takes any certificate, for tests only"),
});

/** The part of the options that says where and as whom. */
export const connectionFields = {
  url: z
    .string()
    .refine(
      (url) => parsed(url) !== undefined,
      "postgres://HOST:PORT/DATABASE is expected, with the user as USER@",
    )
    .describe("`postgres://USER@HOST:PORT/DATABASE`, with a password only as `${NAME}`"),
  password: z
    .string()
    .optional()
    .describe("take it from ${NAME}; if left out, that of the URL, else $PGPASSWORD"),
  password_file: z.string().optional().describe("a file whose first line is the password"),
  tls: z
    .union([z.boolean(), tlsOptions])
    .optional()
    .describe("true, or a mapping: `ca`, `certificate`, `key`, `verify`; the server's name is verified"),
};

const connectionOptions = z.strictObject(connectionFields);
export type ConnectionOptions = z.infer<typeof connectionOptions>;

export interface Reached {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  readonly tls: TlsOptions | undefined;
}

const DEFAULT_PORT = 5432;

/** Undefined where the text is no URL of PostgreSQL. */
function parsed(url: string): URL | undefined {
  if (!/^postgres(?:ql)?:\/\//.test(url)) return undefined;
  try {
    const found = new URL(url);
    return found.pathname.length > 1 && placeOf(found).host !== "" ? found : undefined;
  } catch {
    return undefined;
  }
}

function placeOf(url: URL): { readonly host: string; readonly port: number; readonly database: string } {
  return {
    // A folder is that of a Unix socket.
    host: url.searchParams.get("host") ?? url.hostname.replaceAll(/^\[|\]$/g, ""),
    port: url.port === "" ? DEFAULT_PORT : Number(url.port),
    database: decodeURIComponent(url.pathname.slice(1)),
  };
}

/** `HOST:PORT/DATABASE`: names the place, without user and password. */
export function nameOf(url: string): string {
  const found = parsed(url);
  if (found === undefined) return "";
  const { host, port, database } = placeOf(found);
  return `${host}:${port}/${database}`;
}

/** What `postgres://…?table=NAME` says; undefined where the URL is none of PostgreSQL's. */
export function parsePostgresUrl(url: string): Readonly<Record<string, unknown>> | undefined {
  if (!/^postgres(?:ql)?:/.test(url)) return undefined;
  const found = parsed(url);
  const table = found?.searchParams.get("table");
  if (found === undefined || table === null || table === undefined)
    throw new StreamkitError("job", "postgres://HOST:PORT/DATABASE?table= with the table's name is expected");
  const create = found.searchParams.get("create");
  for (const own of ["table", "create"]) found.searchParams.delete(own);
  return { url: found.href, table, ...(create === null ? {} : { create: create === "true" }) };
}

/** Throws code `io` for a file that can't be read. */
export function reachOf(
  options: ConnectionOptions,
  {
    baseFolder,
    env,
  }: { readonly baseFolder: string; readonly env: Readonly<Record<string, string | undefined>> },
): Reached {
  const url = parsed(options.url);
  if (url === undefined) throw new StreamkitError("bug", "A URL that was not checked");
  const inUrl = url.password === "" ? undefined : decodeURIComponent(url.password);
  const fromFile =
    options.password_file === undefined
      ? undefined
      : read(path.resolve(baseFolder, options.password_file)).split(/\r?\n/)[0];
  return {
    ...placeOf(url),
    user: decodeURIComponent(url.username) || (env["PGUSER"] ?? env["USER"] ?? "postgres"),
    password: options.password ?? fromFile ?? inUrl ?? env["PGPASSWORD"],
    tls: tlsOf(options.tls ?? tlsOfMode(url.searchParams.get("sslmode")), url.hostname, baseFolder),
  };
}

/** The certificate is verified in each mode that encrypts. */
function tlsOfMode(mode: string | null): boolean {
  return mode !== null && mode !== "disable";
}

function tlsOf(tls: ConnectionOptions["tls"], host: string, baseFolder: string): TlsOptions | undefined {
  if (tls === undefined || tls === false) return undefined;
  const given = tls === true ? { verify: true } : tls;
  const file = (name: string | undefined) =>
    name === undefined ? undefined : read(path.resolve(baseFolder, name));
  const [ca, cert, key] = tls === true ? [] : [file(tls.ca), file(tls.certificate), file(tls.key)];
  return {
    host,
    rejectUnauthorized: given.verify,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new StreamkitError("io", `The file "${file}" can't be read: ${messageOf(error)}`, {
      component: "postgres",
      cause: error,
    });
  }
}
