/** Misfits in words: `"price" is not a BIGINT: "1.5"`. */

import type { Row } from "../../duckdb/database.ts";
import { raw } from "../../duckdb/sql.ts";
import { misfitStart } from "./columns.ts";
import { isInteger } from "./strict.ts";

/** Of a column `misfit`, as `misfitIn` gives it, what `reasonOfRow` wants. */
export const MISFIT_COLUMNS = raw("misfit.path AS path, misfit.type AS type, misfit.text AS text");

/** A value that does not fit, its place and the type that it meets. */
interface Misfit {
  readonly path: string;
  readonly type: string;
  readonly text: string;
}

/** Longer values are cut: their line is in the dead letter. */
const MAX_VALUE_LETTERS = 200;

/** Of a row with `fault`, or with the columns of a misfit. */
export function reasonOfRow(row: Row): string {
  const fault = row["fault"] ?? null;
  if (fault !== null) return String(fault);
  return misfitReason({ path: String(row["path"]), type: String(row["type"]), text: String(row["text"]) });
}

function misfitReason({ path, type, text }: Misfit): string {
  const shown = text.length > MAX_VALUE_LETTERS ? `${text.slice(0, MAX_VALUE_LETTERS)}…` : text;
  const why = whyNot(type, text);
  return `${misfitStart(path, type)}: "${shown}"${why === undefined ? "" : ` (${why})`}`;
}

const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i;

/** What is wrong with a value that looks right at first sight. */
function whyNot(type: string, text: string): string | undefined {
  const isNumber = NUMBER.test(text);
  if (isInteger(type) && /^\s*[+-]?\d+\s*$/.test(text)) return "out of its range";
  if (isInteger(type) && isNumber) return "it is no integer, or out of range";
  if (type.startsWith("DECIMAL") && isNumber) return "digits would be lost, or it is out of range";
  if ((type === "DOUBLE" || type === "FLOAT") && isNumber)
    return /^\s*[+-]?\d+\s*$/.test(text) ? "its last digits would be lost" : "out of its range";
  if (type === "DATE" && /^\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d/i.test(text)) return "it has a time";
  if (type.startsWith("TIMESTAMP") && /:\d\d[.,]\d{7,}/.test(text))
    return type === "TIMESTAMP_NS" ? "it has more than nanoseconds" : "TIMESTAMP_NS keeps nanoseconds";
  return undefined;
}
