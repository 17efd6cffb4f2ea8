/** One line: what the manual makes of it, and what the engine has made. */

import type { Column, Row } from "../../duckdb/database.ts";
import type { IndependentFormat } from "./formats.ts";
import type { Cell } from "./json-line.ts";
import { UNDECIDED } from "./numbers.ts";
import { engineText, shownValue, valueReader } from "./value.ts";

export interface Context {
  readonly independent: IndependentFormat;
  /** In the order of the record. */
  readonly columns: readonly Column[];
  readonly delimiter: string;
  readonly zone: string | undefined;
}

/** Where the readings differ. */
export interface Finding {
  /** Undefined where it is about the line. */
  readonly column: Column | undefined;
  /** What the line says. */
  readonly written: string;
  readonly independent: string;
  readonly engine: string;
}

interface Compared {
  readonly values: number;
  readonly undecided: number;
  readonly finding: Finding | undefined;
}

const DOES_NOT_FIT = "a dead letter";

/**
 * `row` is the engine's: `c0`, `c1`, … by the places of the columns; or else it has put the line aside, and
 * `deadFor` says why. `line` is undefined where it can be no record, whatever stands in it.
 */
export function compareLine(
  line: string | undefined,
  row: Row | undefined,
  deadFor: string | undefined,
  { independent, columns, delimiter, zone }: Context,
): Compared {
  const cells = line === undefined ? undefined : independent.cells(line, columns, delimiter);
  const written = line ?? "bytes that are no text";
  const ofLine = (expected: string, engine: string): Finding => ({
    column: undefined,
    written,
    independent: expected,
    engine,
  });
  if (cells === undefined)
    return {
      values: 0,
      undecided: 0,
      finding: row === undefined ? undefined : ofLine(DOES_NOT_FIT, "a row"),
    };
  let [values, undecided] = [0, 0];
  let surelyFits = true;
  for (const [index, column] of columns.entries()) {
    const cell = cells[index];
    const expected = cell === undefined ? UNDECIDED : expectedOf(cell, column, zone);
    if (expected === undefined || expected === UNDECIDED) surelyFits = false;
    if (cell === undefined || expected === UNDECIDED) {
      if (valueReader(column.type) !== undefined) undecided += 1;
      continue;
    }
    if (row !== undefined) values += 1;
    const engine = engineOf(row?.[`c${index}`] ?? null, column);
    const isSame =
      row === undefined
        ? expected === undefined || deadFor?.startsWith(`"${column.name}" is not `) !== true
        : engine === expected;
    if (isSame) continue;
    const finding = {
      column,
      written: writtenIn(cell),
      independent: shown(expected, column),
      engine: row === undefined ? `${DOES_NOT_FIT} (${deadFor})` : shown(engine, column),
    };
    return { values, undecided, finding };
  }
  // A value that is not compared may be what did not fit.
  const finding =
    row === undefined && surelyFits ? ofLine("a row", `${DOES_NOT_FIT} (${deadFor})`) : undefined;
  return { values, undecided, finding };
}

/** Null for NULL, undefined where it does not fit. */
function expectedOf(
  cell: Cell,
  { type }: Column,
  zone: string | undefined,
): string | null | typeof UNDECIDED | undefined {
  const read = valueReader(type);
  if (read === undefined) return UNDECIDED;
  if (cell.kind === "null") return null;
  if (cell.kind === "text") return read(cell.text, zone);
  return type === "VARCHAR" ? UNDECIDED : undefined;
}

function engineOf(value: Row[string] | null, { type }: Column): string | null {
  return value === null || value === undefined ? null : engineText(String(value), type);
}

function shown(value: string | null | undefined, { type }: Column): string {
  if (value === undefined) return DOES_NOT_FIT;
  return value === null ? "NULL" : shownValue(value, type);
}

function writtenIn(cell: Cell): string {
  if (cell.kind === "text") return `"${cell.text}"`;
  return cell.kind === "null" ? "nothing" : "an object or list";
}
