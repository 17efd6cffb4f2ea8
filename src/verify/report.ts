/** What was found, in words for a person. */

import { counted, durationText } from "../base/units.ts";
import type { ExampleFailure, ExampleResult } from "./examples.ts";
import { readingText } from "./reading/words.ts";
import type { Difference } from "./rows.ts";
import type { CutFacts, InputFacts, QueryVerdict, Verification } from "./verify.ts";

/** What the two sides of a comparison are called: `3 rows in the stream`, `only in the stream`. */
export interface Sides {
  readonly found: string;
  readonly expected: string;
}

const FOUND_AND_EXPECTED: Sides = { found: "found", expected: "expected" };
const STREAM_AND_BATCH: Sides = { found: "in the stream", expected: "in the batch" };

const MAX_SHOWN_ROWS = 5;

/** Lines without indentation. */
export function differenceText(difference: Difference, sides: Sides = STREAM_AND_BATCH): readonly string[] {
  const { foundRows, expectedRows, onlyFound, onlyExpected } = difference;
  return [
    `${counted(foundRows, "row")} ${sides.found}, ${expectedRows.toLocaleString("en-US")} ${sides.expected}`,
    ...rowsText(`only ${sides.found}:`, onlyFound),
    ...rowsText(`only ${sides.expected}:`, onlyExpected),
  ];
}

function rowsText(title: string, rows: readonly string[]): readonly string[] {
  if (rows.length === 0) return [];
  const more = rows.length - MAX_SHOWN_ROWS;
  const shown = rows.slice(0, MAX_SHOWN_ROWS).map((row) => `  ${row}`);
  return [title, ...shown, ...(more > 0 ? [`  … and ${more.toLocaleString("en-US")} more`] : [])];
}

/** A line a source, a line a query with what differs below it, and the verdict. */
export function verificationText({ inputs, queries, cuts, differingCut }: Verification): string {
  const lines = [
    ...inputs.flatMap(inputLines),
    ...queries.flatMap(queryLines),
    differingCut === undefined
      ? equalText(cuts, inputs.some(isReadOtherwise))
      : `Not equal: found by ${cutText(differingCut)}`,
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function equalText(cuts: number, isOtherwise: boolean): string {
  const equal = `stream = batch in ${counted(cuts, "random cut")} of the input`;
  return isOtherwise ? `Not equal: ${equal}, but both read lines otherwise than they say` : `OK: ${equal}`;
}

/** Whether an independent reading of the input differs from the engine's. */
export function isReadOtherwise({ reading }: InputFacts): boolean {
  return reading.differing > 0;
}

function inputLines({ source, rows, deadLetters, ...facts }: InputFacts): readonly string[] {
  const dead = deadLetters === 0 ? "" : `, ${counted(deadLetters, "dead letter")}`;
  const line = `source ${source}: ${counted(rows, "row")}${dead}`;
  const reading = readingText(facts.reading).map((text) => `  ${text}`);
  const ahead =
    facts.farAhead === 0 ? [] : [`  ${counted(facts.farAhead, "row")} beyond max_ahead, left out of both`];
  if (facts.watermarkMs <= facts.ownWatermarkMs) return [line, ...reading, ...ahead];
  return [
    line,
    ...reading,
    ...ahead,
    `  up to ${exactText(facts.watermarkMs)} out of order: watermark raised from ` +
      `${durationText(facts.ownWatermarkMs)} to that, so that no row is late`,
    `  with ${durationText(facts.ownWatermarkMs)}, up to ${counted(facts.lateRows, "row")} would have come ` +
      "late in these cuts of a live run (none with --once)",
  ];
}

/** Such as `watermark:` takes: `6392.4s`. */
function exactText(valueMs: number): string {
  return valueMs > 1000 && valueMs % 1000 !== 0 ? `${valueMs / 1000}s` : durationText(valueMs);
}

function queryLines({ query, rows, difference, fault, hint, putAside }: QueryVerdict): readonly string[] {
  const lines = fault === undefined ? [] : [fault];
  if (difference !== undefined) lines.push(...differenceText(difference));
  const aside = putAside === 0 ? "" : `; ${counted(putAside, "dead letter")} of it left out of both`;
  if (lines.length === 0) return [`query ${query}: ${counted(rows, "row")}, equal${aside}`];
  if (hint !== undefined) lines.push(hint);
  return [`query ${query}: differs${aside}`, ...lines.map((line) => `  ${line}`)];
}

function cutText({ seed, batches, restartAfter }: CutFacts): string {
  return `seed ${seed}: ${counted(batches, "batch", "batches")}, restarted after batch ${restartAfter}`;
}

/** A line an example, with what differs below it. */
export function exampleText({ name, failures }: ExampleResult): string {
  const lines = [`${failures.length === 0 ? "ok  " : "FAIL"}  ${name}`, ...failures.flatMap(failureLines)];
  return lines.map((line) => `${line}\n`).join("");
}

function failureLines({ ways, output, difference, lateRows }: ExampleFailure): readonly string[] {
  const late =
    lateRows === 0
      ? []
      : [`${counted(lateRows, "row")} came late, behind the watermark: batches: says how the input is cut`];
  const lines = [...differenceText(difference, FOUND_AND_EXPECTED), ...late];
  return [`      ${output}, with ${ways.join(" and ")}:`, ...lines.map((line) => `        ${line}`)];
}
