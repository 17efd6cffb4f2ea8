/**
 * Writes the list of DuckDB's functions that the planner knows. After an upgrade of DuckDB a test names the
 * new ones: give those that are no plain functions of a row a class in sql/functions/classes.ts, then run
 * it.
 */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openDatabase } from "../duckdb/database.ts";
import { sql } from "../duckdb/sql.ts";

const LINE = 104;

/** The names of DuckDB's own functions by type, as one text each; without operators. */
export async function functionLists(): Promise<ReadonlyMap<string, string>> {
  const database = await openDatabase({ threads: 1 });
  try {
    const rows = await database.rows(sql`
      SELECT type, string_agg(name, ' ' ORDER BY name) AS names
      FROM (SELECT DISTINCT function_type AS type, lower(function_name) AS name FROM duckdb_functions()
        WHERE internal AND function_type <> 'pragma')
      WHERE regexp_full_match(name, '[a-z][a-z0-9_]*') AND NOT starts_with(name, 'icu_collate_')
      GROUP BY ALL ORDER BY ALL`);
    return new Map(rows.map((row) => [String(row["type"]), String(row["names"])]));
  } finally {
    database.close();
  }
}

function wrapped(names: string): string {
  const lines = [""];
  for (const name of names.split(" ")) {
    const line = `${lines.at(-1) ?? ""} ${name}`.trim();
    if (line.length > LINE) lines.push(name);
    else lines[lines.length - 1] = line;
  }
  return lines.map((line) => `    ${line}`).join("\n");
}

if (import.meta.main) {
  const lists = [...(await functionLists())].map(([type, names]) => `  ${type}: \`\n${wrapped(names)}\`,\n`);
  writeFileSync(
    fileURLToPath(new URL("../sql/functions/known.ts", import.meta.url)),
    `/** DuckDB's functions that the planner knows, by type. Written by src/build/functions.ts. */\n
export const KNOWN = {\n${lists.join("")}} as const;\n`,
  );
}
