/** Values of a live table in as few cells as tell them: times without their day, figures without noise. */

import type { Column } from "../duckdb/database.ts";
import type { TableColumn } from "../terminal/table.ts";
import { shownText } from "../terminal/text.ts";

export interface ShownColumns {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly string[])[];
  /** The day of all times, where they are shown without it. */
  readonly date: string | undefined;
}

type Cells = readonly (string | null)[];

/** `maxDecimals`: of figures that are 1 and more. */
export function shownColumns(
  columns: readonly Column[],
  rows: readonly Cells[],
  maxDecimals: number,
): ShownColumns {
  const kept = columns
    .map((column, index) => ({ ...column, index }))
    .filter(({ name }) => !isIdle(name, columns, rows));
  const times = kept.filter(({ type }) => type.startsWith("TIMESTAMP")).map(({ index }) => index);
  const parts = new Map(times.map((index) => [index, rows.map((row) => timeParts(row[index] ?? null))]));
  const days = new Set([...parts.values()].flat().flatMap((part) => (part === undefined ? [] : [part.date])));
  // Of windows of a day the day is what tells.
  const isOfDays = (part: TimeParts | undefined): boolean => part === undefined || part.time === "00:00:00";
  const hasDayWindows = [...parts.values()].some((each) => each.every(isOfDays));
  const date = days.size === 1 && !hasDayWindows ? [...days][0] : undefined;
  const texts = kept.map(({ type, index }) => {
    const values = rows.map((row) => row[index] ?? null);
    const ofTimes = parts.get(index);
    if (ofTimes !== undefined) return timeTexts(values, ofTimes, date !== undefined);
    return /^(?:DOUBLE|FLOAT)$/.test(type) ? figureTexts(values, maxDecimals) : values.map(cellText);
  });
  const hasEnd = kept.some(({ name }) => name === "window_end");
  const title = (name: string): string => (name === "window_start" && !hasEnd ? "window" : shownText(name));
  return {
    columns: kept.map(({ name, type }) => ({ name: title(name), isFigure: isFigure(type) })),
    rows: rows.map((_, row) => texts.map((column) => column[row] ?? "")),
    date,
  };
}

export function isFigure(type: string): boolean {
  return /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|DOUBLE|FLOAT|DECIMAL\(.*\))$/.test(type);
}

/** Nothing is no text: a text that could be taken for it is quoted. */
export function cellText(value: string | null): string {
  if (value === null) return "NULL";
  return value === "NULL" ? '"NULL"' : shownText(value);
}

/** All windows are of one size: their ends tell nothing that their starts don't. */
function isIdle(name: string, columns: readonly Column[], rows: readonly Cells[]): boolean {
  if (name !== "window_end") return false;
  const [start, end] = ["window_start", "window_end"].map((each) =>
    columns.findIndex((c) => c.name === each),
  );
  if (start === undefined || end === undefined || start === -1) return false;
  const at = (row: Cells, index: number): number =>
    Date.parse(`${row[index]?.replace(" ", "T").replace("+00", "")}Z`);
  return new Set(rows.map((row) => at(row, end) - at(row, start))).size === 1;
}

interface TimeParts {
  readonly date: string;
  /** `14:30:00`, with milliseconds where there is a fraction. */
  readonly time: string;
}

function timeParts(value: string | null): TimeParts | undefined {
  const match = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d{1,3})?\d*(?:\+00)?$/.exec(value ?? "");
  if (match === null) return undefined;
  return { date: match[1] ?? "", time: `${match[2]}${match[3] ?? ""}` };
}

function timeTexts(values: Cells, parts: readonly (TimeParts | undefined)[], leavesDate: boolean): string[] {
  const known = parts.filter((part) => part !== undefined);
  const isOfDays = known.every(({ time }) => time === "00:00:00");
  const isOfMinutes = known.every(({ time }) => time.endsWith(":00"));
  return values.map((value, index) => {
    const part = parts[index];
    if (part === undefined) return cellText(value);
    if (isOfDays) return part.date;
    const time = isOfMinutes ? part.time.slice(0, -3) : part.time;
    return leavesDate ? time : `${part.date} ${time}`;
  });
}

const MAX_DECIMALS = 6;

/** With as many decimals as a column's largest figures are read with; all with the same. */
function figureTexts(values: Cells, maxDecimals: number): string[] {
  const numbers = values.map((value) => (value === null || !/^-?\d/.test(value) ? undefined : Number(value)));
  const decimals = Math.max(
    0,
    ...numbers.map((number) => (number === undefined ? 0 : decimalsOf(number, maxDecimals))),
  );
  return numbers.map((number, index) =>
    number === undefined ||
    Math.abs(number) >= 1e15 ||
    (number !== 0 && Math.abs(number) < 10 ** -MAX_DECIMALS)
      ? cellText(values[index] ?? null)
      : number.toFixed(decimals),
  );
}

function decimalsOf(number: number, maxDecimals: number): number {
  const size = Math.abs(number);
  const most = size >= 100 ? Math.min(2, maxDecimals) : size >= 1 ? maxDecimals : MAX_DECIMALS;
  const [, fraction = ""] = number.toFixed(most).replace(/0+$/, "").split(".");
  return fraction.length;
}
