/**
 * The dashboard fed through a pipe: NDJSON lines as `process` prints them,
 * `{"query":"ohlc","batch":12,"row":{…}}`, with `"op":"upsert"|"delete"` in update and complete mode. A line
 * that is a bare row, as `process --sql` prints them, counts as one of the query "rows".
 *
 * Lines name no key. A query whose lines have an `op` is keyed by the columns of its first row that are
 * neither numbers nor null (symbol, window_start, path …): measures are numbers, what they are measured of
 * is not.
 */

import type { Clock } from "../base/clock.ts";
import { depthOfText, MAX_DEPTH } from "../base/depth.ts";
import { digitsOf, readExactJson } from "../base/exact-json.ts";
import type { Json, QueryOutput, RowChange } from "../engine/batch-progress.ts";
import type { OutputMode } from "../job/schema.ts";
import type { Hub } from "./hub.ts";
import { lineSplitter } from "./line-splitter.ts";
import type { Column } from "./protocol.ts";
import { STATE_BOUNDS } from "./state.ts";

/** Rows of a batch wait this long at most for the rest of it. */
const MAX_WAIT_MS = 50;
const MAX_ROWS_PER_PUBLISH = 5_000;
const MAX_BYTES_PER_PUBLISH = 2 ** 20;
/** Further ones are left out; a few more than the picture has, which says so. */
const MAX_COLUMNS = STATE_BOUNDS.maxColumns + 1;
const MAX_LINE_CHARS = 2 ** 20;
const MAX_QUERIES = 64;
const BARE_ROWS = "rows";

export interface LineFeed {
  push(bytes: Uint8Array): void;
  /** The input ended: publishes what waits and says so on the page. */
  end(): void;
  readonly rows: number;
  readonly brokenLines: number;
}

export interface RowLine {
  readonly query: string;
  /** Undefined for bare rows. */
  readonly batch: number | undefined;
  /** Undefined in append mode. */
  readonly op: RowChange["op"] | undefined;
  readonly row: Readonly<Record<string, Json>>;
}

interface QueryShape {
  mode: OutputMode;
  key: readonly string[];
  readonly columns: Column[];
  readonly names: Set<string>;
}

interface PendingBatch {
  readonly batch: number;
  readonly startedAtMs: number;
  readonly changes: Map<string, RowChange[]>;
  readonly timer: ReturnType<typeof setTimeout>;
  rows: number;
  bytes: number;
}

export function openLineFeed(hub: Hub, clock: Clock): LineFeed {
  const splitter = lineSplitter(MAX_LINE_CHARS);
  const shapes = new Map<string, QueryShape>();
  let pending: PendingBatch | undefined;
  let lastBatch = 0;
  let rows = 0;
  let unreadableLines = 0;
  const brokenLines = () => unreadableLines + splitter.oversizedLines;

  function flush(): void {
    const done = pending;
    pending = undefined;
    if (done === undefined) return;
    clearTimeout(done.timer);
    hub.publish({
      job: "",
      report: {
        batch: done.batch,
        startedAtMs: done.startedAtMs,
        schedulingDelayMs: 0,
        processingMs: 0,
        inputRows: done.rows,
        inputBytes: done.bytes,
        lateRows: 0,
        deadLetters: 0,
        watermarkMs: null,
        maxEventTimeMs: null,
        outputRows: Object.fromEntries(
          Array.from(done.changes, ([query, changes]) => [query, changes.length]),
        ),
      },
      outputs: Array.from(done.changes, ([query, changes]) => outputOf(query, changes)),
    });
    hub.setFeed({ brokenLines: brokenLines() });
  }

  function outputOf(query: string, changes: RowChange[]): QueryOutput {
    const { mode, key, columns } = shapes.get(query) as QueryShape;
    return { query, mode, key, columns: [...columns], changes, omittedRows: 0 };
  }

  function take(text: string): void {
    if (text === "" || text === "\r") return;
    const line = parseRowLine(text);
    if (line === undefined || !learnShape(shapes, line)) {
      unreadableLines += 1;
      return;
    }
    const batch = line.batch ?? lastBatch + 1;
    const isOther = pending !== undefined && line.batch !== undefined && pending.batch !== batch;
    const isMuch =
      (pending?.rows ?? 0) >= MAX_ROWS_PER_PUBLISH || (pending?.bytes ?? 0) >= MAX_BYTES_PER_PUBLISH;
    if (isOther || isMuch) flush();
    pending ??= {
      batch,
      startedAtMs: clock.nowMs(),
      changes: new Map(),
      timer: setTimeout(flush, MAX_WAIT_MS),
      rows: 0,
      bytes: 0,
    };
    lastBatch = pending.batch;
    const changes = pending.changes.get(line.query);
    const change: RowChange = { op: line.op ?? "upsert", row: line.row };
    if (changes === undefined) pending.changes.set(line.query, [change]);
    else changes.push(change);
    pending.rows += 1;
    pending.bytes += text.length + 1;
    rows += 1;
  }

  return {
    push(bytes) {
      for (const text of splitter.push(bytes)) take(text);
      if (pending === undefined) hub.setFeed({ brokenLines: brokenLines() });
    },
    end() {
      take(splitter.end() ?? "");
      flush();
      hub.setFeed({ ended: true, brokenLines: brokenLines() });
    },
    get rows() {
      return rows;
    },
    get brokenLines() {
      return brokenLines();
    },
  };
}

/** Undefined where the line is no row. */
export function parseRowLine(text: string): RowLine | undefined {
  let parsed: unknown;
  if (depthOfText(text) > MAX_DEPTH) return undefined;
  try {
    parsed = readExactJson(text);
  } catch {
    return undefined;
  }
  if (!isRecord(parsed)) return undefined;
  const { query, batch, op, row } = parsed;
  if (typeof query !== "string" || !isRecord(row)) {
    return { query: BARE_ROWS, batch: undefined, op: undefined, row: parsed };
  }
  if (typeof batch !== "number" || !Number.isSafeInteger(batch)) return undefined;
  if (op !== undefined && op !== "upsert" && op !== "delete") return undefined;
  return { query, batch, op, row };
}

function isRecord(value: unknown): value is Readonly<Record<string, Json>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Widens the query's columns by what the row has more. False where there are too many queries already. */
function learnShape(shapes: Map<string, QueryShape>, line: RowLine): boolean {
  let shape = shapes.get(line.query);
  if (shape === undefined) {
    if (shapes.size >= MAX_QUERIES) return false;
    shape = { mode: "append", key: [], columns: [], names: new Set() };
    shapes.set(line.query, shape);
  }
  for (const name in line.row) {
    if (shape.names.has(name)) continue;
    if (shape.names.size >= MAX_COLUMNS) break;
    shape.names.add(name);
    shape.columns.push({ name, type: typeOf(line.row[name] ?? null) });
  }
  if (line.op !== undefined && shape.mode === "append") {
    shape.mode = "update";
    shape.key = Object.keys(line.row).filter((name) => digitsOf(line.row[name] ?? 0) === undefined);
  }
  return true;
}

function typeOf(value: Json): string {
  if (digitsOf(value) !== undefined) return "DOUBLE";
  switch (typeof value) {
    case "boolean":
      return "BOOLEAN";
    case "string":
      return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value) ? "TIMESTAMP" : "VARCHAR";
    default:
      return "JSON";
  }
}
