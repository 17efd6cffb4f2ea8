/**
 * Where the columns' types were found in the input, a value that does not fit may well be right: its dead
 * letter says how to declare the column, and once a source the whole schema is told to copy.
 */

import { logger } from "../base/log.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { join, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { DeadLetters } from "../formats/dead-letters.ts";

/** Adds to the reasons of letters about a value. `columns` are those of a record, as they were found. */
export function declareHint(
  source: string,
  columns: readonly Column[],
): (database: Database, letters: DeadLetters) => Promise<DeadLetters> {
  let isTold = false;
  return async (database, letters) => {
    if (letters.count === 0 || columns.length === 0) return letters;
    const hinted = withHints(letters.rows, columns);
    if (!isTold) {
      const [first] = await database.rows(
        sql`SELECT named, wider FROM (${hinted}) WHERE wider IS NOT NULL LIMIT 1`,
      );
      if (first !== undefined) {
        tell(source, columns, { name: String(first["named"]), type: String(first["wider"]) });
        isTold = true;
      }
    }
    const said = sql`reason || '; its type was found from the first lines: declare ' || ${nameOf(columns)} ||
      ' ' || wider || ' with schema: or --schema'`;
    return {
      ...letters,
      rows: sql`SELECT * EXCLUDE (named, wider) REPLACE (coalesce(${said}, reason) AS reason)
        FROM (${hinted})`,
    };
  };
}

const FIRST_NAME = '^"((?:[^"]|"")+)"';
/** An event time of another unit is no matter of the column's type. */
const IS_TIME = '" is no time in ';
const FRACTION = String.raw`(?:^|[^\w.])-?\d*\.\d+"?(?:$|[^\w.])`;
const DAY_AND_TIME = String.raw`\d{4}-\d\d-\d\d[T ]\d\d:\d\d`;

/**
 * The letters with `named`, the column that a reason is about, and `wider`, the type that would take its
 * value; NULL where no type would: without a digit it is a broken value, like n/a.
 */
function withHints(letters: Sql, columns: readonly Column[]): Sql {
  const types = columns.map(({ name, type }) => sql`WHEN ${name} THEN ${type}`);
  const behind = sql`substr(reason, position('"' || named || '"' IN reason) + length(named) + 2)`;
  return sql`SELECT * EXCLUDE (type), CASE
      WHEN type IS NULL OR contains(reason, ${IS_TIME}) OR NOT regexp_matches(${behind}, '[0-9]') THEN NULL
      WHEN ends_with(type, 'INT') AND regexp_matches(reason, ${FRACTION}) THEN 'DOUBLE'
      WHEN type = 'DATE' AND regexp_matches(reason, ${DAY_AND_TIME}) THEN 'TIMESTAMP'
      ELSE 'VARCHAR' END AS wider
    FROM (SELECT *, CASE named ${join(types, " ")} END AS type
      FROM (SELECT *, regexp_extract(reason, ${FIRST_NAME}, 1) AS named FROM (${letters})))`;
}

/** VARCHAR: the column's name as a schema writes it. */
function nameOf(columns: readonly Column[]): Sql {
  const quoted = columns
    .filter(({ name }) => nameText(name) !== name)
    .map(({ name }) => sql`WHEN ${name} THEN ${nameText(name)}`);
  return quoted.length === 0 ? raw("named") : sql`CASE named ${join(quoted, " ")} ELSE named END`;
}

function tell(source: string, columns: readonly Column[], wider: Column): void {
  const schema = columns.map(
    ({ name, type }) => `${nameText(name)} ${name === wider.name ? wider.type : type}`,
  );
  logger("engine").warn(
    `${source}: the type of "${wider.name}" was found from the first lines, and a later value does not ` +
      `fit it: declare the columns with schema:, or --schema "${schema.join(", ").replaceAll('"', '\\"')}"`,
  );
}

function nameText(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
