/** What one query over a file of all the lines gives: the answer that a job over Kafka must give too. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { multiset, output, rowsOf } from "../support/running.ts";

/** The rows as a multiset. `sql` reads the stream `input`; `schema` is as `--schema` takes it. */
export async function batchAnswer(
  folder: string,
  { lines, schema, sql }: { readonly lines: string; readonly schema: string; readonly sql: string },
): Promise<string[]> {
  writeFileSync(join(folder, "all.ndjson"), lines);
  const flags = ["--in", "file:all.ndjson", "--once", "--schema", schema, "--sql", sql];
  return multiset(rowsOf(await output(["process", ...flags], { cwd: folder })));
}
