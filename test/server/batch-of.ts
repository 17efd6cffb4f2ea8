/** A batch with one query's rows, for tests. */

import type { BatchProgress, Json } from "../../src/engine/batch-progress.ts";
import { batchReport } from "../support/batch-report.ts";

export interface QueryRows {
  readonly query: string;
  /** Update mode with a key, append mode without. */
  readonly key: readonly string[];
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, Json>>[];
  readonly startedAtMs?: number;
}

/** A row whose `isDeleted` is true is a deletion; columns that it lacks are null. */
export function batchOf(batch: number, { query, key, columns, rows, startedAtMs }: QueryRows): BatchProgress {
  return {
    job: "test",
    report: batchReport({
      batch,
      startedAtMs: startedAtMs ?? batch,
      processingMs: 2,
      inputRows: rows.length,
      inputBytes: 10 * rows.length,
      outputRows: { [query]: rows.length },
    }),
    outputs: [
      {
        query,
        mode: key.length === 0 ? "append" : "update",
        key,
        columns: columns.map((name) => ({ name, type: name === "text" ? "VARCHAR" : "BIGINT" })),
        changes: rows.map(({ isDeleted, ...row }) => ({ op: isDeleted === true ? "delete" : "upsert", row })),
        omittedRows: 0,
      },
    ],
  };
}
