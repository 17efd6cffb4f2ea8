/** Rows as lines of a table that is no wider than it may be. */

import { cutTo, padEnd, padStart, widthOf } from "./text.ts";

export interface TableColumn {
  readonly name: string;
  /** Figures stand on the right, and are left out rather than cut. */
  readonly isFigure: boolean;
}

export interface LaidOut {
  readonly header: string;
  readonly rule: string;
  readonly rows: readonly string[];
  /** How many of the columns there was no room for. */
  readonly hiddenColumns: number;
}

/** Between columns: one cell where that lets more of them fit. */
const GAPS = ["  ", " "] as const;
/** A text column is not made narrower than that to make room for others. */
const LEAST_CELLS = 8;

/**
 * Lays out cells that hold no control characters. Texts are cut, the widest first; where that is not enough,
 * the last columns are left out, and a column `…` stands for them.
 */
export function layOut(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  limits: { readonly maxCells: number; readonly maxColumnCells: number },
): LaidOut {
  const natural = columns.map(({ name }, index) =>
    rows.reduce((widest, row) => Math.max(widest, widthOf(row[index] ?? "")), widthOf(name)),
  );
  const wanted = natural.map((width, index) =>
    columns[index]?.isFigure === true ? width : Math.min(width, limits.maxColumnCells),
  );
  const counts = GAPS.map((each) => keptColumns(columns, wanted, limits.maxCells, each.length));
  const kept = Math.max(...counts);
  const gap = GAPS[counts.indexOf(kept)] ?? GAPS[0];
  const isCut = kept < columns.length;
  const widths = narrowed(
    columns.slice(0, kept),
    wanted.slice(0, kept),
    limits.maxCells - (isCut ? gap.length + 1 : 0),
    gap.length,
  );
  const line = (cells: readonly string[], mark: string): string => {
    const padded = widths.map((width, index) => {
      const text = cutTo(cells[index] ?? "", width);
      return columns[index]?.isFigure === true ? padStart(text, width) : padEnd(text, width);
    });
    return (isCut ? [...padded, mark] : padded).join(gap).trimEnd();
  };
  const rule = widths.map((width) => "─".repeat(width));
  return {
    header: line(
      columns.map(({ name }) => name),
      "…",
    ),
    rule: (isCut ? [...rule, "─"] : rule).join(gap),
    rows: rows.map((row) => line(row, "…")),
    hiddenColumns: columns.length - kept,
  };
}

/** The columns from the left that fit when texts are as narrow as they may be; one at least. */
function keptColumns(
  columns: readonly TableColumn[],
  widths: readonly number[],
  maxCells: number,
  gapCells: number,
): number {
  const least = widths.map((width, index) =>
    columns[index]?.isFigure === true ? width : Math.min(width, LEAST_CELLS),
  );
  const widthOfFirst = (count: number): number =>
    least.slice(0, count).reduce((sum, width) => sum + width, 0) +
    gapCells * Math.max(0, count - 1) +
    (count < columns.length ? gapCells + 1 : 0);
  let kept = columns.length;
  while (kept > 1 && widthOfFirst(kept) > maxCells) kept -= 1;
  return kept;
}

/** The widest texts give up cells until all fit. */
function narrowed(
  columns: readonly TableColumn[],
  widths: readonly number[],
  maxCells: number,
  gapCells: number,
): number[] {
  const result = [...widths];
  const gaps = gapCells * Math.max(0, columns.length - 1);
  let excess = result.reduce((sum, width) => sum + width, 0) + gaps - maxCells;
  while (excess > 0) {
    const texts = result.flatMap((width, index) =>
      columns[index]?.isFigure === true && columns.length > 1 ? [] : [{ width, index }],
    );
    const widest = texts.reduce((most, each) => (each.width > most.width ? each : most), {
      width: 1,
      index: -1,
    });
    if (widest.index === -1) break;
    const others = texts.filter(({ index }) => index !== widest.index).map(({ width }) => width);
    // Down to the next widest; of those that are equal, each gives a cell in turn.
    const taken = Math.min(excess, Math.max(1, widest.width - Math.max(1, ...others)));
    result[widest.index] = widest.width - taken;
    excess -= taken;
  }
  return result;
}
