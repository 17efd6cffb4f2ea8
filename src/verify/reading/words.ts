/** What the second reading found, in words for a person. */

import { counted } from "../../base/units.ts";
import type { ReadingDifference, ReadingFacts } from "./compare.ts";

const UNDECIDED_KINDS = "objects and lists in VARCHAR";
const MAX_WRITTEN_LETTERS = 200;

/** The line of a source, and what differs below it. */
export function readingText(facts: ReadingFacts): readonly string[] {
  const { format, reason, values, columns, differing, differences } = facts;
  if (reason !== undefined) return [`reading: not compared: ${reason}`];
  const all = `${counted(values, "value")} of ${counted(columns, "column")}`;
  const equal = values === 1 ? "equals" : "equal";
  if (differing === 0)
    return [`reading: ${all} ${equal} an independent reading (${format})${limitsText(facts)}`];
  const lines = `${counted(differing, "line")} ${differing === 1 ? "differs" : "differ"}`;
  return [
    `reading: ${lines} from an independent reading (${format}) of ${all}${limitsText(facts)}`,
    ...differences.flatMap(differenceText).map((line) => `  ${line}`),
    ...(differing > differences.length ? ["  …"] : []),
  ];
}

function limitsText({ notCompared, undecided, lines, linesCompared }: ReadingFacts): string {
  const left = notCompared.map(({ name, type }) => `${name} (${type})`);
  if (undecided > 0) left.push(`${counted(undecided, "value")} (${UNDECIDED_KINDS})`);
  const limits = left.length === 0 ? "" : `; not compared: ${left.join(", ")}`;
  if (linesCompared === lines) return limits;
  const [some, all] = [linesCompared, lines].map((count) => count.toLocaleString("en-US"));
  return `${limits}; a sample: ${some} of ${all} lines`;
}

function differenceText({ origin, offset, column, ...found }: ReadingDifference): readonly string[] {
  const ofColumn = column === undefined ? "" : `, "${column.name}" (${column.type})`;
  const place = `${origin}, byte ${offset}${ofColumn}`;
  const { written, independent, engine } = found;
  const shown = written.length > MAX_WRITTEN_LETTERS ? `${written.slice(0, MAX_WRITTEN_LETTERS)}…` : written;
  return [`${place}: the line says ${shown}`, `  independent reading: ${independent}; engine: ${engine}`];
}
