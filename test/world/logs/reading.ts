/** Lines of a log, read as a batch reads them. */

import { afterAll, beforeAll } from "bun:test";
import { type Database, openDatabase } from "../../../src/duckdb/database.ts";
import { readBytes, type Way } from "../../formats/reading.ts";

type Row = Readonly<Record<string, unknown>>;

export interface LogRead {
  readonly rows: readonly Row[];
  /** `offset: reason` of each dead letter; offsets are those in the log. */
  readonly dead: readonly string[];
}

/** To be called at a file's top. */
export function logReader(): (way: Way, lines: readonly string[]) => Promise<LogRead> {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase({ threads: 2 });
  });
  afterAll(() => database.close());
  return async (way, lines) => {
    const { rows, deadLetters } = await readBytes(database, way, Buffer.from(`${lines.join("\n")}\n`));
    return {
      rows: rows.map((row) => JSON.parse(row) as Row),
      dead: deadLetters.map(({ offset, reason }) => `${offset - 1000}: ${reason}`),
    };
  };
}

/** Those columns alone. */
export function only(rows: readonly Row[], ...names: readonly string[]): unknown[][] {
  return rows.map((row) => names.map((name) => row[name]));
}
