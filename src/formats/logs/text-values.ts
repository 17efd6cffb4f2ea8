/** Texts as values of a type: a text fits its type exactly, or it does not fit. */

import { raw, type Sql, sql } from "../../duckdb/sql.ts";

const WHOLE = /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?)$/i;

/** What the texts of a type look like, where its cast takes more: it would round, or drop what is behind. */
function patternOf(type: string): string | undefined {
  if (WHOLE.test(type)) return String.raw`[+-]?\d+`;
  const scale = /^(?:DECIMAL|NUMERIC)\((?:\d+)(?:,\s*(\d+))?\)$/i.exec(type);
  if (scale !== null) return String.raw`[+-]?\d*(?:\.\d{0,${scale[1] ?? 0}}0*)?`;
  switch (type.toUpperCase()) {
    case "DATE":
      return String.raw`\d{4}-\d\d-\d\d`;
    case "BOOLEAN":
      return "(?i:true|false)";
    case "DOUBLE":
    case "FLOAT":
      return String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`;
    default:
      return undefined;
  }
}

function castOf(type: string, text: Sql): Sql {
  // A text with an offset is an instant.
  return /^TIMESTAMP(?:_[SM]S?)?$/i.test(type)
    ? sql`CAST(CAST(${text} AS TIMESTAMPTZ) AS ${raw(type)})`
    : sql`CAST(${text} AS ${raw(type)})`;
}

const isText = (type: string): boolean => /^(?:VARCHAR|TEXT|STRING)$/i.test(type);

/** Of nothing a text is the empty text, any other value is NULL. Fails where the text does not fit. */
export function textValue(name: string, type: string, text: Sql): Sql {
  if (isText(type)) return text;
  const pattern = patternOf(type);
  const cast = castOf(type, text);
  if (pattern === undefined) return sql`CASE WHEN ${text} <> '' THEN ${cast} END`;
  return sql`CASE WHEN regexp_full_match(${text}, ${pattern}) THEN ${cast}
    WHEN ${text} <> '' THEN CAST(error(${complaint(name, type)} || ${text} || '"') AS ${raw(type)}) END`;
}

/** SQL of the reason why there is no value; NULL where there is one. */
export function textProblem(name: string, type: string, text: Sql): Sql {
  if (isText(type)) return raw("NULL");
  const pattern = patternOf(type);
  const fits = pattern === undefined ? raw("true") : sql`regexp_full_match(${text}, ${pattern})`;
  return sql`CASE WHEN ${text} <> '' AND NOT (${fits} AND TRY(${castOf(type, text)}) IS NOT NULL)
    THEN ${complaint(name, type)} || ${text} || '"' END`;
}

function complaint(name: string, type: string): string {
  return `"${name}" is not ${/^[aeio]/i.test(type) ? "an" : "a"} ${type}: "`;
}
