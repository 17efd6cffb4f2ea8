/** What a person wrote is described only where it is one statement. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { messageOf } from "../../src/base/error.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 1 });
});
afterAll(() => database.close());

const said = (text: string): Promise<string> => database.describe({ text }).then(() => "columns", messageOf);
const VALUES = "(VALUES (1, 'a', 2)) t(x, y, z)";

test.each([
  ["SELECT 1", "columns"],
  ["SELECT 1; SELECT 2", "One statement is expected, found 2"],
  [`SELECT * FROM (PIVOT ${VALUES} ON y IN ('a') USING sum(z))`, "columns"],
  [`PIVOT ${VALUES} ON y USING sum(z)`, "A PIVOT needs its values here"],
  [`SELECT * FROM (PIVOT ${VALUES} ON y USING sum(z))`, "A PIVOT needs its values here"],
  [`PIVOT ${VALUES} ON y USING sum(z); SELECT 2`, "One statement is expected, found 3"],
])("%s", async (text, expected) => {
  expect(await said(text)).toStartWith(expected);
});
