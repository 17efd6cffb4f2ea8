/** Misfits in words: `"price" is not a BIGINT: "1.5"`. */

import { id, type Sql, sql } from "../../duckdb/sql.ts";
import { INTEGER_TYPES } from "./strict.ts";

/** Longer values are cut: their line is in the dead letter. */
const MAX_VALUE_LETTERS = 200;

/** VARCHAR: what a column as `misfitIn` gives it is in words; NULL where that is NULL. */
export function misfitReason(column: string): Sql {
  const path = sql`${id(column)}.path`;
  const type = sql`${id(column)}.type`;
  const text = sql`coalesce(${id(column)}.text, '')`;
  const shown = sql`CASE WHEN length(${text}) > ${MAX_VALUE_LETTERS}
    THEN left(${text}, ${MAX_VALUE_LETTERS}) || '…' ELSE ${text} END`;
  const article = sql`CASE WHEN regexp_matches(${type}, '^[AEIO]') THEN 'an' ELSE 'a' END`;
  return sql`CASE WHEN ${id(column)} IS NOT NULL THEN '"' || ${path} || '" is not '
    || ${article} || ' ' || ${type} || ': "' || ${shown} || '"'
    || coalesce(' (' || ${whyNot(type, text)} || ')', '') END`;
}

const DIGITS = String.raw`^\s*[+-]?\d+\s*$`;
const NUMBER = String.raw`(?i)^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$`;
const DAY_AND_TIME = String.raw`(?i)^\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d`;
const FINE_FRACTION = String.raw`:\d\d[.,]\d{7,}`;

/** What is wrong with a value that looks right at first sight; NULL where that is plain to see. */
function whyNot(type: Sql, text: Sql): Sql {
  const isDigits = sql`regexp_matches(${text}, ${DIGITS})`;
  const isNumber = sql`regexp_matches(${text}, ${NUMBER})`;
  return sql`CASE
    WHEN regexp_matches(${type}, ${INTEGER_TYPES}) THEN CASE WHEN ${isDigits} THEN 'out of its range'
      WHEN ${isNumber} THEN 'it is no integer, or out of range' END
    WHEN starts_with(${type}, 'DECIMAL') THEN
      CASE WHEN ${isNumber} THEN 'digits would be lost, or it is out of range' END
    WHEN ${type} IN ('DOUBLE', 'FLOAT') THEN CASE WHEN ${isDigits} THEN 'its last digits would be lost'
      WHEN ${isNumber} THEN 'out of its range' END
    WHEN ${type} = 'DATE' THEN CASE WHEN regexp_matches(${text}, ${DAY_AND_TIME}) THEN 'it has a time' END
    WHEN starts_with(${type}, 'TIMESTAMP') AND regexp_matches(${text}, ${FINE_FRACTION}) THEN
      CASE WHEN ${type} = 'TIMESTAMP_NS' THEN 'it has more than nanoseconds'
        ELSE 'TIMESTAMP_NS keeps nanoseconds' END END`;
}
