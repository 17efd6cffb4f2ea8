/**
 * SQL that somebody sends: over the warehouse's files and the rows that the server keeps, in a DuckDB of its
 * own for each text. That reads nothing else of this machine or of the network, changes nothing, and has
 * bounds for its time, memory, threads and answer, so that a job hardly notices it.
 */

import type { Clock } from "../../base/clock.ts";
import { StreamkitError } from "../../base/error.ts";
import type { AnswerFormat } from "../../warehouse/print-answer.ts";
import { openQuestions, type Questions } from "../../warehouse/query.ts";
import type { LiveQueries } from "../changes/live-queries.ts";
import { makeLiveTables } from "./live-tables.ts";

export interface SqlRequest {
  readonly sql: string;
  readonly format: Exclude<AnswerFormat, "table">;
  readonly maxRows: number;
}

/** `columns` are those of JSON, whose bytes are the array of rows. */
interface SqlAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly bytes: Uint8Array;
}

interface SqlBounds {
  readonly maxRunning: number;
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
  readonly memory: string;
  readonly maxSpill: string;
}

const SQL_BOUNDS: SqlBounds = {
  maxRunning: 2,
  timeoutMs: 30_000,
  maxAnswerBytes: 64 * 2 ** 20,
  memory: "512MiB",
  maxSpill: "1GiB",
};

export interface SqlSandbox {
  /** Ends the query when `gone` aborts. Throws a retryable error where others run. */
  ask(request: SqlRequest, gone: AbortSignal): Promise<SqlAnswer>;
  /** The tables that may be asked, with their columns. */
  tables(): Promise<readonly { readonly name: string; readonly columns: readonly string[] }[]>;
}

export interface SandboxOptions {
  readonly live: LiveQueries;
  readonly clock: Clock;
  /** A folder; undefined where the job writes none here. */
  readonly warehouse: string | undefined;
  readonly bounds?: Partial<SqlBounds>;
}

export function openSqlSandbox({ live, clock, warehouse, ...options }: SandboxOptions): SqlSandbox {
  const bounds = { ...SQL_BOUNDS, ...options.bounds };
  let running = 0;

  async function during<T>(work: (questions: Questions, sent: Uint8Array[]) => Promise<T>): Promise<T> {
    if (running >= bounds.maxRunning)
      throw new StreamkitError("io", "Other queries run: try again when they have ended", {
        retryable: true,
      });
    running += 1;
    try {
      const sent: Uint8Array[] = [];
      const questions = await openQuestions(
        {
          warehouse,
          clock,
          // What a warehouse elsewhere needs to be reached is none of a query's business.
          env: {},
          allowFiles: false,
          format: "ndjson",
          limits: { threads: 1, memory: bounds.memory, maxSpill: bounds.maxSpill },
          moreTables: (database, text, folder) => makeLiveTables(database, text, { live, folder }),
        },
        () => collectedIn(sent, bounds.maxAnswerBytes),
      );
      try {
        return await work(questions, sent);
      } finally {
        await questions.close();
      }
    } finally {
      running -= 1;
    }
  }

  async function inTime<T>(questions: Questions, gone: AbortSignal, work: () => Promise<T>): Promise<T> {
    const late = new AbortController();
    const over = new AbortController();
    const interrupt = (): void => void questions.interrupt();
    const watch = (async () => {
      await clock.sleep(bounds.timeoutMs, AbortSignal.any([over.signal, gone]));
      if (over.signal.aborted) return;
      late.abort();
      interrupt();
    })();
    try {
      const result = await work();
      if (late.signal.aborted) throw new StreamkitError("usage", "Interrupted");
      return result;
    } catch (error) {
      if (gone.aborted) throw new StreamkitError("usage", "The query was cancelled", { cause: error });
      if (!late.signal.aborted) throw error;
      const seconds = bounds.timeoutMs / 1000;
      throw new StreamkitError("usage", `The query took longer than ${seconds} s`, { cause: error });
    } finally {
      over.abort();
      await watch;
    }
  }

  return {
    ask: ({ sql, format, maxRows }, gone) =>
      during(async (questions, sent) => {
        const columns = await inTime(questions, gone, () => questions.answerOne(sql, { format, maxRows }));
        return { columns, bytes: Buffer.concat(sent) };
      }),
    tables: () =>
      during(async (questions) => {
        const columns = new Map<string, string[]>();
        for (const { table, column } of await questions.names())
          columns.set(table, [...(columns.get(table) ?? []), column]);
        return Array.from(columns, ([name, of]) => ({ name, columns: of }));
      }),
  };
}

function collectedIn(sent: Uint8Array[], maxBytes: number) {
  let bytes = 0;
  const write = (part: Uint8Array | string): void => {
    const taken = typeof part === "string" ? Buffer.from(part) : part;
    bytes += taken.byteLength;
    if (bytes > maxBytes)
      throw new StreamkitError(
        "usage",
        `The answer has more than ${maxBytes} bytes: ask for fewer rows or columns`,
      );
    sent.push(taken);
  };
  return { isTerminal: false, write, send: async (part: Uint8Array | string) => write(part) };
}
