/** Queries over a warehouse: its tables are views over their Parquet files. */

import { existsSync } from "node:fs";
import { readdir, rm, symlink } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { type Column, type Database, DuckdbError, openDatabase } from "../duckdb/database.ts";
import { id, literal, raw, type Sql, sql } from "../duckdb/sql.ts";
import { withoutStatement } from "../duckdb/statement-excerpt.ts";
import type { ByteOutput } from "../runtime/stdio.ts";
import { attachCheckpoint } from "./checkpoint-snapshot.ts";
import { nameTable } from "./local-views.ts";
import { refuseDeepFiles } from "./named-files.ts";
import { type AnswerFormat, type AnswerStyle, printAnswer } from "./print-answer.ts";
import { fetchTables, isMentioned } from "./remote-tables.ts";
import { questionOf, statementsIn } from "./statements.ts";
import { openStore } from "./stores.ts";

export interface QueryRequest extends AnswerStyle {
  /** A folder, or a URL of a store; undefined for none. */
  readonly warehouse: string | undefined;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly checkpoint?: string;
  /** Whether questions may name files; without that, the warehouse and the checkpoint are all there is. */
  readonly allowFiles: boolean;
  /** For text of people who are not to be trusted with this machine. */
  readonly limits?: QueryLimits;
  /** Makes further tables for a text, in time for it, and gives their names; `folder` is for its files. */
  readonly moreTables?: (database: Database, text: string, folder: string) => Promise<readonly string[]>;
}

interface QueryLimits {
  readonly threads: number;
  /** Sizes as DuckDB takes them, like "512MiB". */
  readonly memory: string;
  /** What may lie in temporary files. */
  readonly maxSpill: string;
}

/** A database with the tables of a warehouse, and of a checkpoint, that questions are put to. */
export interface Questions {
  /** Prints the answers of the statements of a text, one after the other. Throws code `usage` or `engine`. */
  ask(text: string, style?: Partial<AnswerStyle>): Promise<void>;
  /** Prints the first rows of the one question of a text. Returns the columns of its answer. */
  answerOne(
    text: string,
    style: { readonly format: AnswerFormat; readonly maxRows: number },
  ): Promise<readonly Column[]>;
  /** What names may stand in a question: tables as they are named in it, and their columns. */
  names(): Promise<readonly { readonly table: string; readonly column: string }[]>;
  /** The plain words of SQL, and of DuckDB's functions. */
  words(): Promise<readonly string[]>;
  /** Gives up the question under way: `ask` throws. */
  interrupt(): Promise<void>;
  /** Of the question under way, where that can be told. */
  percentDone(): number | undefined;
  close(): Promise<void>;
}

const INTERRUPT_MS = 50;

/** Answers go to what `output` gives, when they do. */
export async function openQuestions(request: QueryRequest, output: () => ByteOutput): Promise<Questions> {
  const { limits } = request;
  const folder = await temporaryFolder("query");
  const database = await openDatabase(
    limits && { threads: limits.threads, temporaryFolder: path.join(folder, "spill") },
  );
  const close = async (): Promise<void> => {
    database.close();
    await rm(folder, { recursive: true, force: true });
  };
  /** The names of the checkpoint's tables. */
  const kept: string[] = [];
  try {
    // How far a question is, is told; DuckDB's own bar would be drawn into the answer.
    await database.run(raw("SET enable_progress_bar = true; SET enable_progress_bar_print = false"));
    if (request.checkpoint !== undefined) {
      const place = { working: folder, clock: request.clock };
      const names = await attachCheckpoint(database, request.checkpoint, place);
      kept.push(...names.map((name) => `checkpoint.${name}`));
    }
    if (limits !== undefined)
      await database.run(sql`SET memory_limit = ${limits.memory};
        SET max_temp_directory_size = ${limits.maxSpill}`);
    if (!request.allowFiles) await shutOut(database, request, folder);
  } catch (error) {
    await close();
    throw error;
  }

  let hasSent = false;
  const to = () => {
    const stdout = output();
    const send: ByteOutput["send"] = (bytes) => {
      hasSent = true;
      return stdout.send(bytes);
    };
    return { stdout: { ...stdout, send }, folder };
  };
  let underWay: { isGivenUp: boolean; isOver: boolean } | undefined;
  const tablesFor = async (text: string): Promise<readonly string[]> => {
    const tables = [...(await openTables(database, text, request, folder)), ...kept];
    return [...tables, ...((await request.moreTables?.(database, text, folder)) ?? [])];
  };
  const answer = async (statement: string, style: AnswerStyle): Promise<void> => {
    const query = await queryOf(statement, style);
    if (query !== undefined) await printAnswer(database, query, style, to());
  };
  /** Undefined where it is answered already. */
  const queryOf = async (statement: string, style: AnswerStyle): Promise<Sql | undefined> => {
    const question = questionOf(statement);
    // It looks at the files by itself, which is nothing for those who may not.
    if (limits === undefined) await refuseDeepFiles(statement);
    const tables = await tablesFor(statement);
    if (question.kind === "tables") return TABLE_NAMES;
    // What is no statement by itself would close the parentheses that it is put into.
    await refuseWrong(() => database.statements(raw(question.text)), { ...request, tables });
    if (question.kind === "explain") {
      const plan = await planOf(database, question.text, { ...request, tables });
      if (style.format === "table" && style.out === undefined) {
        await to().stdout.send(plan.map(({ text }) => `${text.trimEnd()}\n`).join(""));
        return undefined;
      }
      const rows = plan.map(({ name, text }) => sql`(${literal(name)}, ${literal(text)})`);
      return sql`FROM (VALUES ${rows}) AS plan(explain_key, explain_value)`;
    }
    // In parentheses also SHOW, DESCRIBE and SUMMARIZE are queries; the line feed ends a comment.
    const query = sql`SELECT * FROM (${raw(question.text)}\n)`;
    await refuseWrong(() => database.describe(query), { ...request, tables });
    return query;
  };
  const during = async <T>(work: (asked: { readonly isGivenUp: boolean }) => Promise<T>): Promise<T> => {
    const asked = { isGivenUp: false, isOver: false };
    underWay = asked;
    try {
      return await work(asked);
    } finally {
      asked.isOver = true;
      underWay = undefined;
    }
  };

  return {
    async ask(text, style) {
      const { whole, rest } = statementsIn(text);
      const statements = rest === "" ? whole : [...whole, rest];
      if (statements.length === 0) throw new StreamkitError("usage", "An SQL query is expected");
      const wanted = { ...request, ...style };
      refuseSeveral(statements.length, wanted);
      await during(async (asked) => {
        for (const statement of statements) {
          hasSent = false;
          for (let tries = 1; ; tries += 1) {
            try {
              await answer(statement, wanted);
              break;
            } catch (error) {
              if (hasSent || asked.isGivenUp || tries === MAX_TRIES || !hasVanished(error)) throw error;
            }
          }
          if (asked.isGivenUp) throw new StreamkitError("stopped", "Interrupted");
        }
      });
    },
    async answerOne(text, { format, maxRows }) {
      const { whole, rest } = statementsIn(text);
      const [statement, ...more] = rest === "" ? whole : [...whole, rest];
      if (statement === undefined || more.length > 0)
        throw new StreamkitError(
          "usage",
          `One SQL query is expected, found ${more.length && more.length + 1}`,
        );
      return during(async () => {
        const query = (await queryOf(statement, { format })) ?? TABLE_NAMES;
        const first = sql`SELECT * FROM (${query}) LIMIT ${raw(String(maxRows))}`;
        const columns = await database.describe(first);
        await printAnswer(database, first, { format }, to());
        return columns;
      });
    },
    async names() {
      await tablesFor("");
      const rows = await database.rows(NAMES);
      return rows.map((row) => ({ table: String(row["table"]), column: String(row["column"]) }));
    },
    async words() {
      const rows = await database.rows(sql`SELECT upper(keyword_name) AS word FROM duckdb_keywords()
        UNION SELECT function_name || '(' FROM duckdb_functions()
          WHERE function_name SIMILAR TO '[a-z][a-z0-9_]+'
        ORDER BY word`);
      return rows.map((row) => String(row["word"]));
    },
    async interrupt() {
      const given = underWay;
      if (given === undefined) return;
      given.isGivenUp = true;
      // One statement of several runs now, and an interrupt between two of them is lost.
      while (!given.isOver) {
        database.interrupt();
        await request.clock.sleep(INTERRUPT_MS);
      }
    },
    percentDone: () => database.percentDone(),
    close,
  };
}

const MAX_TRIES = 5;

/**
 * Whether a file was removed between its listing and its reading: by a retention, or long after a
 * compaction.
 */
function hasVanished(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const isGone = /IO Error: (?:Cannot open file|No files found)[\s\S]*(?:No such file|No files found)/;
  return isGone.test(error.message) || hasVanished(error.cause);
}

/** From now on DuckDB opens nothing but the warehouse, our own folder and the answer's file. */
async function shutOut(
  database: Database,
  { warehouse, clock, env, out }: QueryRequest,
  folder: string,
): Promise<void> {
  const localFolder =
    warehouse === undefined ? undefined : openStore(warehouse, { baseFolder: ".", clock, env }).localFolder;
  const folders = [folder, ...(localFolder === undefined ? [] : [localFolder])];
  await database.run(sql`SET allowed_directories = [${folders.map((name) => sql`${name}`)}];
    SET allowed_paths = [${out === undefined ? raw("") : sql`${out}`}];
    SET enable_external_access = false; SET lock_configuration = true`);
}

/** As a question names them: without the database that they all are in. */
const OWN_TABLES = sql`(SELECT schema_name, view_name AS name, database_name FROM duckdb_views()
    WHERE NOT internal
  UNION ALL SELECT schema_name, table_name, database_name FROM duckdb_tables() WHERE NOT internal)`;
const FULL_NAME = sql`concat_ws('.', nullif(database_name, 'memory'), nullif(schema_name, 'main'), name)`;
const TABLE_NAMES = sql`SELECT ${FULL_NAME} AS name FROM ${OWN_TABLES} ORDER BY name`;
const NAMES = sql`SELECT ${FULL_NAME} AS "table", column_name AS "column"
  FROM (SELECT database_name, schema_name, table_name AS name, column_name, column_index FROM duckdb_columns()
    WHERE NOT internal) ORDER BY "table", column_index`;

/** Several answers are one text only where their parts can be told apart. */
function refuseSeveral(count: number, { format, out }: AnswerStyle): void {
  if (count === 1 || (out === undefined && (format === "table" || format === "ndjson"))) return;
  const way = out === undefined ? `--format ${format}` : "--out";
  throw new StreamkitError("usage", `${way} takes one query, found ${count}: ask them one after the other`);
}

async function planOf(
  database: Database,
  text: string,
  place: Place,
): Promise<readonly { readonly name: string; readonly text: string }[]> {
  const rows = await refuseWrong(() => database.rows(raw(text)), place);
  return rows.map((row) => ({ name: String(row["explain_key"]), text: String(row["explain_value"]) }));
}

/** The names of the tables there are, of which those that the query needs can be read. */
async function openTables(
  database: Database,
  text: string,
  { warehouse, clock, env }: QueryRequest,
  folder: string,
): Promise<readonly string[]> {
  if (warehouse === undefined) return [];
  const store = openStore(warehouse, { baseFolder: ".", clock, env });
  if (store.localFolder !== undefined)
    return nameTables(database, text, await plainFolder(store.localFolder, folder));
  const { names } = await fetchTables(database, store, text.replace(/[;\s]+$/, ""), folder);
  const fetched = await nameTables(database, text, folder);
  // The others are only listed: the query does not name them.
  for (const name of names.filter((table) => !fetched.includes(table))) {
    const parts = name.split(".");
    const [schema, ...rest] = parts;
    if (rest.length > 0) await database.run(sql`CREATE SCHEMA IF NOT EXISTS ${id(schema ?? "")}`);
    await database.run(sql`CREATE OR REPLACE VIEW ${id(...parts)} AS SELECT NULL AS not_fetched`);
  }
  return names;
}

/** In a path, `NAME=VALUE` would be a partition to DuckDB, and a bracket a pattern: it gets another name. */
async function plainFolder(warehouse: string, folder: string): Promise<string> {
  if (!/[=*?[\]\\]/.test(warehouse)) return warehouse;
  const link = path.join(folder, "warehouse");
  if (!existsSync(link)) await symlink(warehouse, link);
  return link;
}

type Place = Pick<QueryRequest, "warehouse" | "limits"> & { readonly tables: readonly string[] };

/** Throws code `usage` where DuckDB does not take the query. */
async function refuseWrong<T>(taken: () => Promise<T>, { warehouse, limits, tables }: Place): Promise<T> {
  try {
    return await taken();
  } catch (error) {
    if (!(error instanceof DuckdbError)) throw error;
    const missing = /Table with name (\S+) does not exist/.exec(error.message)?.[1];
    const found = tables.length === 0 ? "no table is there" : `found ${tables.join(", ")}`;
    const reason = withoutStatement(error.message);
    const isShutOut = reason.startsWith("Permission Error: Cannot access");
    const wayOut = isShutOut && limits === undefined ? "; a query may name files with --allow-files" : "";
    const message =
      missing === undefined
        ? `${reason}${wayOut}`
        : `There is no table "${missing}"${limits === undefined ? ` in "${warehouse}"` : ""}: ${found}`;
    throw new StreamkitError("usage", message, { cause: error });
  }
}

/** A view for each table; `NAME.db` folders are schemas. Returns the names. */
async function nameTables(database: Database, text: string, warehouse: string): Promise<string[]> {
  if (!existsSync(warehouse)) return [];
  const named: string[] = [];
  const folders = await foldersIn(warehouse);
  /** A table that can't be read is in the way of those queries only that name it. */
  const isNamed = async (name: string, place: Sql, folder: string): Promise<void> => {
    try {
      if (await nameTable(database, { text, name, place, folder })) named.push(name);
    } catch (error) {
      const message = withoutStatement(messageOf(error));
      if (isMentioned(text, name))
        throw new StreamkitError("io", `The table ${name} can't be read: ${message}`, { cause: error });
    }
  };
  for (const folder of folders) {
    const schema = /^(.+)\.db$/.exec(folder)?.[1];
    if (schema === undefined) {
      await isNamed(folder, id(folder), path.join(warehouse, folder));
      continue;
    }
    await database.run(sql`CREATE SCHEMA IF NOT EXISTS ${id(schema)}`);
    for (const table of await foldersIn(path.join(warehouse, folder)))
      await isNamed(`${schema}.${table}`, id(schema, table), path.join(warehouse, folder, table));
  }
  return named;
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !/^[._]/.test(entry.name))
    .map(({ name }) => name)
    .toSorted();
}
