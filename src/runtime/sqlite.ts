/** SQLite, the runtime's own: `bun:sqlite`, and `node:sqlite` in Deno and Node. Calls are synchronous. */

import type * as NodeSqlite from "node:sqlite";
import { messageOf, StreamkitError } from "../base/error.ts";

type SqliteValue = string | number | bigint | null;
type SqliteRow = Readonly<Record<string, SqliteValue>>;

export interface Sqlite {
  /** Statements without values. */
  run(statements: string): void;
  /** One statement: its rows. Integers are bigint. */
  rows(statement: string, values?: readonly SqliteValue[]): readonly SqliteRow[];
  close(): void;
}

/** What SQLite says, with its number: https://sqlite.org/rescode.html, without the extended part. */
export class SqliteError extends Error {
  readonly code: number;

  constructor(message: string, code: number, cause: unknown) {
    super(message, { cause });
    this.name = "SqliteError";
    this.code = code;
  }
}

/** What both libraries have, by their own names. */
interface Library {
  exec(statements: string): void;
  all(statement: string, values: readonly SqliteValue[]): unknown;
  close(): void;
}

/** Makes the file if `creates`. Throws a `SqliteError`, and code `io` where the runtime has no SQLite. */
export async function openSqlite(file: string, creates: boolean): Promise<Sqlite> {
  const library = await attempt(() => ("Bun" in globalThis ? inBun(file, creates) : inNode(file)));
  return {
    run: (statements) => guarded(() => library.exec(statements)),
    rows: (statement, values = []) => guarded(() => library.all(statement, values) as SqliteRow[]),
    close: () => library.close(),
  };
}

async function inBun(file: string, create: boolean): Promise<Library> {
  const { Database } = await import("bun:sqlite");
  const database = new Database(file, { create, readwrite: true, safeIntegers: true, strict: true });
  return {
    exec: (statements) => void database.run(statements),
    all(statement, values) {
      // Not `query`, which keeps each statement.
      const prepared = database.prepare(statement);
      try {
        return prepared.all(...values);
      } finally {
        prepared.finalize();
      }
    },
    close: () => database.close(),
  };
}

async function inNode(file: string): Promise<Library> {
  // By a name that the bundler does not look for.
  const name = "node:sqlite";
  const { DatabaseSync } = (await import(name).catch((cause: unknown) => {
    throw new StreamkitError("io", "SQLite needs Node 22.13 or newer, Bun or Deno", { cause });
  })) as typeof NodeSqlite;
  const database = new DatabaseSync(file);
  return {
    exec: (statements) => database.exec(statements),
    all(statement, values) {
      const prepared = database.prepare(statement);
      prepared.setReadBigInts(true);
      return prepared.all(...values);
    },
    close: () => database.close(),
  };
}

async function attempt<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw sqliteError(error);
  }
}

function guarded<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw sqliteError(error);
  }
}

function sqliteError(error: unknown): unknown {
  const { errno, errcode } = error as { errno?: unknown; errcode?: unknown };
  const code = typeof errcode === "number" ? errcode : errno;
  return typeof code === "number" ? new SqliteError(messageOf(error), code & 0xff, error) : error;
}
