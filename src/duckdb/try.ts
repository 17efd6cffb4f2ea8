/**
 * DuckDB 1.5 computes what two expressions have in common once, and before both: also what stands inside of
 * TRY, which then fails outside of it. Queries with TRY run without that optimization.
 */

import { type Database, MISTAKEN_OPTIMIZER, type Row } from "./database.ts";
import { raw, type Sql, sql } from "./sql.ts";

/** For all connections of the database. */
export const MIND_TRY = raw(`SET disabled_optimizers = 'common_subexpressions,${MISTAKEN_OPTIMIZER}'`);

/** The rows of a query with TRY. */
export async function rowsWithTry(database: Database, query: Sql): Promise<Row[]> {
  const { before } = await database.row(sql`SELECT current_setting('disabled_optimizers') AS before`);
  await database.run(MIND_TRY);
  try {
    return await database.rows(query);
  } finally {
    await database.run(sql`SET disabled_optimizers = ${String(before)}`);
  }
}
