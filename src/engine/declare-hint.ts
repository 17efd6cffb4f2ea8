/**
 * Where the columns' types were found in the input, a value that does not fit may well be right: its dead
 * letter says how to declare the column, and once a source the whole schema is told to copy.
 */

import { logger } from "../base/log.ts";
import type { Column } from "../duckdb/database.ts";
import type { DeadLetter } from "../formats/read-segment.ts";

/** Adds to the reasons of letters about a value. `columns` are those of a record, as they were found. */
export function declareHint(
  source: string,
  columns: readonly Column[],
): (letters: readonly DeadLetter[]) => readonly DeadLetter[] {
  const byName = new Map(columns.map((column) => [column.name, column]));
  let isTold = false;
  return (letters) =>
    letters.map((letter) => {
      const { reason } = letter;
      const named = /^"((?:[^"]|"")+)"/.exec(reason);
      const column = byName.get(named?.[1] ?? "");
      const said = reason.slice((named?.index ?? 0) + (named?.[0].length ?? 0));
      // Without a digit it is a broken value, like n/a, and no other type would be right for the column.
      if (column === undefined || IS_TIME.test(reason) || !/\d/.test(said)) return letter;
      const type = widerType(column.type, reason);
      if (!isTold) tell(source, columns, { name: column.name, type });
      isTold = true;
      const hint = `declare ${nameText(column.name)} ${type} with schema: or --schema`;
      return { ...letter, reason: `${reason}; its type was found from the first lines: ${hint}` };
    });
}

/** An event time of another unit is no matter of the column's type. */
const IS_TIME = /" is no time in /;

function widerType(type: string, reason: string): string {
  const isFraction = /(?:^|[^\w.])-?\d*\.\d+"?(?:$|[^\w.])/.test(reason);
  if (type.endsWith("INT") && isFraction) return "DOUBLE";
  return type === "DATE" && /\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(reason) ? "TIMESTAMP" : "VARCHAR";
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
