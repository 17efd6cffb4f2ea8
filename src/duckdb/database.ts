/**
 * One DuckDB database with one connection, and rows as plain values. Nothing else in the house opens DuckDB.
 */

import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { messageOf, StreamkitError } from "../base/error.ts";
import type { Sql } from "./sql.ts";

export type Scalar = string | number | bigint | boolean | null;
export type Row = Readonly<Record<string, Scalar>>;

export interface Column {
  readonly name: string;
  readonly type: string;
}

export interface DatabaseOptions {
  /** Threads that DuckDB works with; all cores if left out. */
  readonly threads?: number;
  /** Where it may spill to; a folder of its own below the system's temporary folder if left out. */
  readonly temporaryFolder?: string;
  readonly readOnlyPath?: string;
}

/**
 * Statements run one after the other, in the order of the calls. A failing statement throws code `engine`
 * with DuckDB's own message.
 */
export interface Database {
  /** Runs one or more statements and forgets their rows. */
  run(statements: Sql): Promise<void>;
  /**
   * The same for statements of which the last is a CREATE TABLE … AS or an INSERT: how many rows that wrote.
   */
  runCounting(statements: Sql): Promise<number>;
  /**
   * All rows of one query. BIGINT and HUGEINT come as bigint, everything that is no number or boolean as
   * text.
   */
  rows(query: Sql): Promise<Row[]>;
  /** The first row of a query that has one. */
  row(query: Sql): Promise<Row>;
  /** The first rows of a query, as values in the order of its columns, and how many rows it has in all. */
  firstRows(
    query: Sql,
    max: number,
  ): Promise<{ readonly rows: readonly (readonly Scalar[])[]; readonly total: number }>;
  /** How many statements a text holds. Throws code `engine` where it is not SQL. */
  statements(text: Sql): Promise<number>;
  /** Of the statement that runs, between 0 and 100; undefined where that can't be told. */
  percentDone(): number | undefined;
  /** The texts of a query's only column, a block at a time, in the query's order. */
  textBlocks(query: Sql): AsyncGenerator<readonly string[]>;
  /** A query's columns, a block of rows at a time, in the query's order: as DuckDB's own values. */
  columnBlocks(query: Sql): AsyncGenerator<readonly (readonly unknown[])[]>;
  /** The columns that a query would have. Throws code `engine` where it is not one statement. */
  describe(query: Sql): Promise<Column[]>;
  /** A second connection to the same database: same tables, temporary ones and variables of its own. */
  another(): Promise<Database>;
  /** The statement that runs fails. */
  interrupt(): void;
  close(): void;
}

const FLUSHED_MEMORY = "8MB";

/**
 * What DuckDB 1.5 makes of `row_number() … <= n`: where some rows have no value to order by, and that is a
 * TIMESTAMP_MS, say, it takes other rows than the first.
 */
export const MISTAKEN_OPTIMIZER = "top_n_window_elimination";

export async function openDatabase(options: DatabaseOptions = {}): Promise<Database> {
  const instance = await DuckDBInstance.create(options.readOnlyPath ?? ":memory:", {
    // What is not in DuckDB itself would come from the internet, and run here.
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    // What a batch of large values needed goes back to the system after it, not when 512 MB have gathered.
    allocator_flush_threshold: FLUSHED_MEMORY,
    allocator_bulk_deallocation_flush_threshold: FLUSHED_MEMORY,
    disabled_optimizers: MISTAKEN_OPTIMIZER,
    ...(options.threads === undefined ? {} : { threads: String(options.threads) }),
    ...(options.readOnlyPath === undefined ? {} : { access_mode: "READ_ONLY" }),
    ...(options.temporaryFolder === undefined ? {} : { temp_directory: options.temporaryFolder }),
  });
  return connect(instance, () => instance.closeSync());
}

async function connect(instance: DuckDBInstance, closeInstance: () => void): Promise<Database> {
  const connection = await instance.connect();
  const another = (): Promise<Database> => connect(instance, () => {});
  const database = fromConnection(connection, another, () => {
    connection.closeSync();
    closeInstance();
  });
  await database.run({ text: "SET TimeZone = 'UTC'" });
  return database;
}

function fromConnection(
  connection: DuckDBConnection,
  another: () => Promise<Database>,
  close: () => void,
): Database {
  const database: Database = {
    async run(statements) {
      await attempt(statements, () => connection.run(statements.text));
    },
    async runCounting(statements) {
      const reader = await attempt(statements, () => connection.runAndReadAll(statements.text));
      return Number(reader.getRows()[0]?.[0] ?? 0);
    },
    async rows(query) {
      const reader = await attempt(query, () => connection.runAndReadAll(query.text));
      return reader.getRowObjects().map(plainRow);
    },
    async row(query) {
      const [first] = await database.rows(query);
      if (first === undefined) throw new StreamkitError("bug", `A row was expected from: ${query.text}`);
      return first;
    },
    async firstRows(query, max) {
      const result = await attempt(query, () => connection.stream(query.text));
      const rows: Scalar[][] = [];
      for (let total = 0; ; ) {
        const chunk = await attempt(query, () => result.fetchChunk());
        if (chunk === null || chunk.rowCount === 0) return { rows, total };
        total += chunk.rowCount;
        for (const row of rows.length < max ? chunk.getRows() : [])
          if (rows.length < max) rows.push(row.map(plainValue));
      }
    },
    async statements(text) {
      const extracted = async (): Promise<number> => {
        try {
          return (await connection.extractStatements(text.text)).count;
        } catch (error) {
          throw new Error(messageOf(error).replace(/^Failed to extract statements: /, ""), { cause: error });
        }
      };
      return attempt(text, extracted);
    },
    percentDone() {
      const { percentage } = connection.progress;
      return percentage < 0 ? undefined : percentage;
    },
    async *textBlocks(query) {
      for await (const [texts] of database.columnBlocks(query)) yield texts as readonly string[];
    },
    async *columnBlocks(query) {
      const result = await attempt(query, () => connection.stream(query.text));
      for (;;) {
        const chunk = await attempt(query, () => result.fetchChunk());
        if (chunk === null || chunk.rowCount === 0) return;
        yield Array.from({ length: chunk.columnCount }, (_, index) => chunk.getColumnValues(index));
      }
    },
    async describe(query) {
      // What a person wrote may end this statement and begin others, which would be run.
      const count = await database.statements(query);
      if (count !== 1) throw new DuckdbError(notOneStatement(count, query), query, undefined);
      const rows = await database.rows({ text: `DESCRIBE ${query.text}` });
      return rows.map((row) => ({ name: String(row["column_name"]), type: String(row["column_type"]) }));
    },
    another,
    interrupt: () => connection.interrupt(),
    close,
  };
  return database;
}

/** DuckDB makes a statement of its own for a PIVOT whose values it is to find. */
function notOneStatement(count: number, { text }: Sql): string {
  if (/\bPIVOT(?:_WIDER)?\b/i.test(text) && !/;\s*\S/.test(text))
    return "A PIVOT needs its values here, as columns are known before rows are: ON column IN ('a', 'b')";
  return `One statement is expected, found ${count}`;
}

async function attempt<T>(statement: Sql, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new DuckdbError(withoutExtensions(messageOf(error)), statement, error);
  }
}

/** DuckDB's advice is to install what is missing, and nothing is installed here. */
function withoutExtensions(message: string): string {
  const advice = message.indexOf("\n\nPlease try installing and loading");
  return advice < 0 ? message : `${message.slice(0, advice)}: streamkit installs no extensions of DuckDB`;
}

/** What DuckDB said, and to which statement. */
export class DuckdbError extends StreamkitError {
  readonly statement: string;

  constructor(message: string, statement: Sql, cause: unknown) {
    super("engine", message, { component: "duckdb", cause });
    this.name = "DuckdbError";
    this.statement = statement.text;
  }
}

function plainRow(row: Record<string, unknown>): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plainValue(value)]));
}

/** Times, decimals, lists and the like have a `toString` of DuckDB's own making. */
interface DuckdbValue {
  toString(): string;
}

function plainValue(value: unknown): Scalar {
  switch (typeof value) {
    case "string":
    case "number":
    case "bigint":
    case "boolean":
      return value;
    default:
      return value === null || value === undefined ? null : (value as DuckdbValue).toString();
  }
}
