/** Any `log_format`: what the server writes by it comes back value by value. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Database, openDatabase } from "../../../src/duckdb/database.ts";
import { readBytes } from "../../formats/reading.ts";
import { apache, nginx, renderedLogs } from "./rendering.ts";

const RUNS = Number(process.env["STREAMKIT_RUNS"] ?? 1);

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 2 });
});
afterAll(() => database.close());

describe("what a server writes by its own format comes back", () => {
  for (const [name, server] of Object.entries({ nginx, apache }))
    test(
      name,
      () =>
        fc.assert(
          fc.asyncProperty(renderedLogs(server), async ({ logFormat, lines, rows }) => {
            const way = { format: name, logFormat };
            const read = await readBytes(database, way, Buffer.from(`${lines.join("\n")}\n`));
            expect(read.deadLetters).toEqual([]);
            const found = read.rows.map((row) => JSON.parse(row) as Record<string, unknown>);
            // Beside them stand only what is written together with them, like `%p` behind `%v:`.
            expect(found).toMatchObject(rows);
          }),
          { numRuns: 60 * RUNS },
        ),
      120_000,
    );
});
