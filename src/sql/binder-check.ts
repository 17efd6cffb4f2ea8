/** Whether the SQL that a query will run fits together: asked when it is planned, not when rows have come. */

import { type Column, type Database, DuckdbError } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import { refusal } from "./refusals.ts";

/** A relation of the plan, with the columns that it will have. */
export interface Expected {
  readonly relation: string;
  readonly columns: readonly Column[];
}

/** Throws code `job` where DuckDB does not take a text over the relations. */
export async function checkBinding(
  database: Database,
  relations: readonly Expected[],
  texts: readonly Sql[],
): Promise<void> {
  for (const { relation, columns } of relations) {
    const nulls = columns.map(({ name, type }) => sql`NULL::${raw(type)} AS ${id(name)}`);
    await database.run(sql`CREATE OR REPLACE TEMP VIEW ${id(relation)} AS SELECT ${join(nulls)}`);
  }
  for (const text of texts) {
    try {
      await database.describe(text);
    } catch (error) {
      if (!(error instanceof DuckdbError)) throw error;
      const [reason = ""] = error.message.replace(/^\w+ Error: /, "").split("\n");
      throw refusal(`it can't be taken apart (${reason})`, "write it in two queries, the one over the other");
    }
  }
}
