/**
 * Static tables as batches saw them, in the checkpoint. A query that takes back what it gave out before must
 * ask the rows of a table that were there then; and a batch that is repeated after a crash sees the same rows
 * as at first, though the table's file may be another one by now.
 */

import { logger } from "../base/log.ts";
import { type Database, DuckdbError } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { CHECKPOINT, FORMER_TABLE_PREFIX, formerTable } from "../sql/stream.ts";
import type { Checkpoint } from "./checkpoint.ts";

export interface FormerTables {
  /**
   * Before the first batch. Where that repeats one, the tables get the rows that it saw; returns the names of
   * those whose rows are then not their file's. Tables that the job no longer has are dropped.
   */
  settle(checkpoint: Pick<Checkpoint, "pendingPlan">): Promise<readonly string[]>;
  /** Notes that a table may have other rows: kept before the batch that sees them is planned. */
  note(name: string): Promise<void>;
  /** The tables that have other rows than the last batch saw. */
  changed(): ReadonlySet<string>;
  /** Statements for the commit of a batch: its tables are the former ones from then on. */
  commit(): readonly Sql[];
  /** When that commit is durable. */
  committed(): void;
}

const NEXT = "$next";

function nextTable(name: string): Sql {
  return id(CHECKPOINT, `${FORMER_TABLE_PREFIX}${name}${NEXT}`);
}

export function openFormerTables(database: Database, names: readonly string[]): FormerTables {
  const changed = new Set<string>();
  const note = async (name: string): Promise<void> => {
    const isSame = await haveSameRows(database, id(name), formerTable(name));
    if (isSame) changed.delete(name);
    else changed.add(name);
    await database.run(
      isSame
        ? sql`DROP TABLE IF EXISTS ${nextTable(name)}`
        : sql`CREATE OR REPLACE TABLE ${nextTable(name)} AS FROM ${id(name)}`,
    );
  };
  return {
    note,
    changed: () => changed,
    commit: () =>
      [...changed].flatMap((name) => [
        sql`CREATE OR REPLACE TABLE ${formerTable(name)} AS FROM ${nextTable(name)}`,
        sql`DROP TABLE ${nextTable(name)}`,
      ]),
    committed: () => changed.clear(),
    async settle({ pendingPlan }) {
      const kept = new Set(await keptTables(database));
      const own = new Set(
        names.flatMap((name) => [`${FORMER_TABLE_PREFIX}${name}`, `${FORMER_TABLE_PREFIX}${name}${NEXT}`]),
      );
      for (const table of kept)
        if (!own.has(table)) await database.run(sql`DROP TABLE ${id(CHECKPOINT, table)}`);
      const others: string[] = [];
      for (const name of names) {
        if (!kept.has(`${FORMER_TABLE_PREFIX}${name}`)) {
          // What was seen before is not known: by an older version, or by nobody.
          await database.run(sql`CREATE TABLE ${formerTable(name)} AS FROM ${id(name)}`);
        } else if (pendingPlan === undefined) await note(name);
        else {
          const hasNext = kept.has(`${FORMER_TABLE_PREFIX}${name}${NEXT}`);
          if (hasNext) changed.add(name);
          if (await putBack(database, name, hasNext ? nextTable(name) : formerTable(name))) others.push(name);
        }
      }
      return others;
    },
  };
}

/**
 * The rows that the batch saw, as the columns that the job was planned with; true where there are others now.
 */
async function putBack(database: Database, name: string, seen: Sql): Promise<boolean> {
  if (await haveSameRows(database, id(name), seen)) return false;
  const columns = await database.describe(sql`FROM ${id(name)}`);
  const values = columns.map((column) => sql`${id(column.name)}::${raw(column.type)} AS ${id(column.name)}`);
  try {
    await database.run(sql`CREATE OR REPLACE TABLE ${id(name)} AS SELECT ${values} FROM ${seen}`);
  } catch (error) {
    if (!(error instanceof DuckdbError)) throw error;
    logger("tables").warn(
      `Table ${name} has other columns than the batch saw that is run again: it sees those of now`,
    );
    return false;
  }
  return true;
}

/** By their number and the sum of their hashes: whatever their order. */
async function haveSameRows(database: Database, a: Sql, b: Sql): Promise<boolean> {
  const shapes = await Promise.all([a, b].map((table) => database.describe(sql`FROM ${table}`)));
  const [ofA, ofB] = shapes.map((columns) => columns.map(({ name, type }) => `${name} ${type}`).join(", "));
  if (ofA !== ofB) return false;
  const digest = (table: Sql): Sql =>
    sql`(SELECT {'rows': count(*), 'hashes': sum(hash(t)::HUGEINT)} FROM ${table} AS t)`;
  const row = await database.row(sql`SELECT ${digest(a)} IS NOT DISTINCT FROM ${digest(b)} AS is_same`);
  return row["is_same"] === true;
}

async function keptTables(database: Database): Promise<readonly string[]> {
  const found = await database.rows(sql`SELECT table_name AS name FROM duckdb_tables()
    WHERE database_name = ${CHECKPOINT} AND starts_with(table_name, ${FORMER_TABLE_PREFIX})`);
  return found.map(({ name }) => String(name));
}
