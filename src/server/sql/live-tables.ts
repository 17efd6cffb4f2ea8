/** The rows that the server keeps of a job's queries, as tables `live.NAME` of a database. */

import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { Database } from "../../duckdb/database.ts";
import { insertInto } from "../../duckdb/insert.ts";
import { id, join, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { isMentioned } from "../../warehouse/remote-tables.ts";
import type { ChangeLog } from "../changes/change-log.ts";
import type { LiveQueries } from "../changes/live-queries.ts";
import { plainText } from "../protocol.ts";

const SCHEMA = "live";
/** Values of these are whole; others are shown to a length, and are text here. */
const NUMBER = /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|DOUBLE|FLOAT|DECIMAL\(\d+,\d+\))$/;
const SCALAR = /^(?:BOOLEAN|DATE|TIME|UUID|TIMESTAMP(?:_S|_MS|_NS| WITH TIME ZONE)?)$/;
/** They name tables by texts that are put together. */
const NAMES_BY_TEXT = /\bquery(?:_table)?\s*\(/i;

/** Makes the tables as they are now, with rows where the text names them. Returns their names. */
export async function makeLiveTables(
  database: Database,
  text: string,
  { live, folder }: { readonly live: LiveQueries; readonly folder: string },
): Promise<readonly string[]> {
  await database.run(sql`CREATE SCHEMA IF NOT EXISTS ${id(SCHEMA)}`);
  const names: string[] = [];
  for (const [name, log] of live.logs) {
    if (log.columns.length === 0) continue;
    const isWanted = isNamed(text, name) || NAMES_BY_TEXT.test(text);
    await makeTable(database, log, isWanted, path.join(folder, `live-${names.length}.ndjson`));
    names.push(`${SCHEMA}.${name}`);
  }
  return names;
}

/** Names of more than a word are in quotes. */
function isNamed(text: string, name: string): boolean {
  return isMentioned(text, name) || text.toLowerCase().includes(name.toLowerCase());
}

async function makeTable(database: Database, log: ChangeLog, isWanted: boolean, file: string): Promise<void> {
  const columns = log.columns.map(({ name, type }) => ({ name: id(name), type: columnType(type) }));
  const table = id(SCHEMA, log.query);
  const types = columns.map(({ name, type }) => sql`${name} ${raw(type)}`);
  // A warehouse may have a database of this name.
  await database.run(sql`DROP VIEW IF EXISTS ${table}`);
  await database.run(sql`CREATE TABLE ${table} (${join(types)})`);
  if (!isWanted) return;
  const rows = log.rows((changes) => changes, Number.MAX_SAFE_INTEGER);
  // As texts by number: JSON's numbers would lose digits, and names may differ by case alone elsewhere.
  const lines = rows.map(({ values }) =>
    JSON.stringify(Object.fromEntries(columns.map((_, index) => [`c${index}`, textOf(values[index])]))),
  );
  await writeFile(file, lines.join("\n"));
  const texts = columns.map((_, index) => sql`${id(`c${index}`)}: 'VARCHAR'`);
  const values = columns.map(
    ({ name, type }, index): Sql => sql`${id(`c${index}`)}::${raw(type)} AS ${name}`,
  );
  if (rows.length > 0)
    await database.run(
      insertInto(
        table,
        sql`SELECT ${join(values)}
          FROM read_json(${file}, format = 'newline_delimited', columns = {${join(texts)}})`,
      ),
    );
}

function textOf(value: Parameters<typeof plainText>[0]): string | null {
  return value === null || value === undefined ? null : plainText(value);
}

function columnType(type: string): string {
  return NUMBER.test(type) || SCALAR.test(type) ? type : "VARCHAR";
}
