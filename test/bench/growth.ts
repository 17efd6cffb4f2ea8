/**
 * Many small batches whose windows close, on a checkpoint on disk: what its files and the memory have grown
 * to. They must follow the open state, not the number of batches. Run by hand with the number of batches;
 * test/crash runs a small one.
 */

import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { openJournal } from "../../src/server/journal.ts";
import { openStreaming } from "../equation/streaming.ts";

export interface Size {
  readonly batch: number;
  readonly databaseBytes: number;
  readonly walBytes: number;
  readonly journalBytes: number;
  readonly memoryBytes: number;
}

const ROWS = 10;
const SYMBOLS = 5;
/** Ten rows a second of event time: a window of ten seconds closes every ten batches. */
const STEP_MS = 100;
const START_MS = Date.UTC(2026, 0, 5);

const QUERIES = {
  closed: {
    sql: `SELECT symbol, window_start, count(*) AS n, max(price) AS high
      FROM tumble(ticks, ts, INTERVAL 10 SECOND) GROUP BY ALL`,
  },
  medians: {
    sql: `SELECT symbol, window_start, median(price) AS middle
      FROM tumble(ticks, ts, INTERVAL 10 SECOND) GROUP BY ALL`,
  },
  live: {
    sql: "SELECT symbol, count(*) AS n, max(price) AS high FROM ticks GROUP BY ALL",
    mode: "update" as const,
  },
};

/** Runs so many batches and tells the sizes after every `every` of them. */
export async function* growth(batches: number, every: number): AsyncGenerator<Size> {
  const ends: number[] = [];
  const parts: string[] = [];
  let bytes = 0;
  for (let batch = 0; batch < batches; batch += 1) {
    const lines = Array.from({ length: ROWS }, (_, row) => lineOf(batch * ROWS + row)).join("");
    parts.push(lines);
    ends.push((bytes += lines.length));
  }
  const job = {
    schema: { ts: "TIMESTAMP", symbol: "VARCHAR", price: "DOUBLE" },
    watermark: "2s",
    tables: {},
    queries: QUERIES,
  };
  const streaming = await openStreaming(job, parts.join(""), { isDurable: true });
  parts.length = 0;
  const state = path.join(streaming.folder, "state");
  const journal = openJournal(state);
  try {
    for (const [index, end] of ends.entries()) {
      journal.append(await streaming.batch(end, false));
      const batch = index + 1;
      if (batch % every === 0) yield { batch, ...sizes(state), memoryBytes: process.memoryUsage.rss() };
    }
  } finally {
    journal.close();
    await streaming.close();
  }
}

function lineOf(number: number): string {
  const ts = new Date(START_MS + number * STEP_MS).toISOString();
  return `${JSON.stringify({ ts, symbol: `S${number % SYMBOLS}`, price: 100 + (number % 977) / 10 })}\n`;
}

function sizes(state: string): Omit<Size, "batch" | "memoryBytes"> {
  const sizeOf = (pattern: RegExp): number =>
    readdirSync(state)
      .filter((name) => pattern.test(name))
      .reduce(
        (sum, name) => sum + (statSync(path.join(state, name), { throwIfNoEntry: false })?.size ?? 0),
        0,
      );
  return {
    databaseBytes: sizeOf(/\.duckdb$/),
    walBytes: sizeOf(/\.wal$/),
    journalBytes: sizeOf(/^live\..*ndjson$|^live\.ndjson$/),
  };
}

if (import.meta.main) {
  const batches = Number(process.argv[2] ?? 100_000);
  const kib = (value: number): string => (value / 1024).toFixed(0).padStart(8);
  process.stdout.write("   batch  database       wal   journal    memory  (KiB)   ms a batch\n");
  let started = performance.now();
  const every = Math.ceil(batches / 40);
  for await (const size of growth(batches, every)) {
    const { batch, databaseBytes, walBytes, journalBytes, memoryBytes } = size;
    const figures = [databaseBytes, walBytes, journalBytes, memoryBytes].map(kib).join("  ");
    const batchMs = ((performance.now() - started) / every).toFixed(1);
    process.stdout.write(`${String(batch).padStart(8)}  ${figures}           ${batchMs}\n`);
    started = performance.now();
  }
}
