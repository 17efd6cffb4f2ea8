/** A real PostgreSQL server, Debian's, on 127.0.0.1 with its own port and folder, that tests may break. */

import { appendFileSync, chownSync, copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { type Breakable, breakable } from "./breakable.ts";
import { command } from "./cache.ts";
import { freePorts } from "./ports.ts";
import { startProgram } from "./program.ts";
import { serverFolder } from "./server-folder.ts";
import { makeTlsFiles } from "./tls.ts";

export interface PostgresService extends AsyncDisposable, Breakable {
  readonly host: string;
  readonly port: number;
  /** `postgres://streamkit@127.0.0.1:PORT/test`; the password is in `PASSWORD`. */
  readonly url: string;
  /** Of the authority that has signed the server's certificate. */
  readonly caFile: string;
  readonly folder: string;
  /** One or more statements by the server's own user; the rows of the last. */
  query(statements: string): Promise<Record<string, unknown>[]>;
}

export const PASSWORD = "s3cret-Pa55/word@x";
const USER = "streamkit";
/** Debian's package makes it. */
const SYSTEM_USER = "postgres";
const MAX_STARTS = 100;
const START_RETRY_MS = 100;

export async function startPostgres(): Promise<PostgresService> {
  const programs = programFolder();
  const [port = 0] = await freePorts(1);
  const folder = serverFolder();
  const { uid, gid } = idsOf(SYSTEM_USER);
  const data = join(folder.path, "data");
  const tls = await makeTlsFiles(folder.path, USER);
  mkdirSync(data, { mode: 0o700 });
  for (const path of [folder.path, data]) chownSync(path, uid, gid);
  const asUser = ["--reuid", SYSTEM_USER, "--regid", SYSTEM_USER, "--clear-groups"];
  const initdb = [join(programs, "initdb"), "-D", data, "-U", SYSTEM_USER, "-A", "trust", "-E", "UTF8"];
  await command("setpriv", [...asUser, ...initdb, "--locale", "C.UTF-8", "--no-sync"], {
    debianPackage: "util-linux",
    cwd: folder.path,
  });
  for (const name of ["server.key", "server.pem"]) {
    copyFileSync(join(folder.path, name), join(data, name));
    chownSync(join(data, name), uid, gid);
  }
  appendFileSync(join(data, "postgresql.conf"), configText(port, folder.path));
  await Bun.write(join(data, "pg_hba.conf"), HBA);
  await command("chmod", ["600", join(data, "server.key"), join(data, "pg_hba.conf")], {
    debianPackage: "coreutils",
  });
  chownSync(join(data, "pg_hba.conf"), uid, gid);

  const query = (statements: string, database = "test") => queryAs(port, statements, database);
  const isReady = (): Promise<boolean> =>
    query("SELECT 1", "postgres").then(
      () => true,
      () => false,
    );
  const server = breakable({
    name: "PostgreSQL server",
    logFile: (start) => join(folder.path, `postgres-${start}.log`),
    launch: (logFile) =>
      startProgram({
        program: [join(programs, "postgres"), "-D", data],
        user: SYSTEM_USER,
        cwd: folder.path,
        logFile,
        stopSignal: "SIGINT",
        isReady,
      }),
    ready: (program) => program.says("PostgreSQL"),
  });
  /** Of a server that was killed some process may live a moment longer, which keeps the next one out. */
  const startServer = async (): Promise<void> => {
    for (let attempt = 1; ; attempt += 1)
      try {
        return await server.start();
      } catch (error) {
        if (!String(error).includes("is still in use") || attempt === MAX_STARTS) throw error;
        await Bun.sleep(START_RETRY_MS);
      }
  };
  const service: PostgresService = {
    ...server,
    start: startServer,
    get pid() {
      return server.pid;
    },
    host: "127.0.0.1",
    port,
    url: `postgres://${USER}@127.0.0.1:${port}/test`,
    caFile: tls.caFile,
    folder: folder.path,
    query: (statements) => query(statements),
    async [Symbol.asyncDispose]() {
      await server.kill();
      folder[Symbol.dispose]();
    },
  };
  try {
    await startServer();
    await query(`CREATE ROLE ${USER} LOGIN PASSWORD '${PASSWORD}'`, "postgres");
    await query(`CREATE DATABASE test OWNER ${USER}`, "postgres");
  } catch (cause) {
    await service[Symbol.asyncDispose]();
    throw cause;
  }
  return service;
}

const HBA = `host all ${SYSTEM_USER} 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
`;

/** What is acknowledged is on disk, as in production: the crash tests are about that. */
function configText(port: number, socketFolder: string): string {
  return `
listen_addresses = '127.0.0.1'
port = ${port}
unix_socket_directories = '${socketFolder}'
shared_buffers = 32MB
max_connections = 40
ssl = on
ssl_cert_file = 'server.pem'
ssl_key_file = 'server.key'
`;
}

function programFolder(): string {
  const root = "/usr/lib/postgresql";
  const versions = (() => {
    try {
      return readdirSync(root).toSorted((a, b) => Number(b) - Number(a));
    } catch {
      return [];
    }
  })();
  if (versions[0] === undefined)
    throw new Error("PostgreSQL is missing: install it with apt-get install postgresql");
  return join(root, versions[0], "bin");
}

function idsOf(user: string): { readonly uid: number; readonly gid: number } {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${user}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  if (uid === undefined) throw new Error(`There is no user ${user}: apt-get install postgresql makes it`);
  return { uid: Number(uid), gid: Number(gid) };
}

async function queryAs(port: number, statements: string, database: string) {
  const client = new pg.Client({ host: "127.0.0.1", port, user: SYSTEM_USER, database });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const results = await client.query<Record<string, unknown>>(statements);
    const all = Array.isArray(results) ? (results as (typeof results)[]) : [results];
    return all.at(-1)?.rows ?? [];
  } finally {
    await client.end();
  }
}

let shared: Promise<PostgresService> | undefined;

/** One server for all tests of this process, gone with it: tables need names of their own. */
export function sharedPostgres(): Promise<PostgresService> {
  shared ??= startPostgres();
  return shared;
}
