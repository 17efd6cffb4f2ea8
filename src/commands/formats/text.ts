/** What `streamkit formats` prints. */

import type { Format } from "../../formats/format.ts";
import { formats } from "../../formats/list.ts";
import { shownText } from "../../terminal/text.ts";
import type { Guess } from "./guess.ts";
import type { Sample } from "./sample.ts";

/** Every format with its columns. */
export function listOfFormats(): string {
  const width = Math.max(...formats.map(({ name }) => name.length));
  const entries = formats.map((format) => {
    const indent = " ".repeat(width + 2);
    const columns = wrapped(columnsOf(format), 100 - indent.length);
    const lines = columns.map((line) => `${indent}${line}\n`);
    return `${format.name.padEnd(width)}  ${format.summary}\n${lines.join("")}`;
  });
  return `${entries.join("")}\nstreamkit formats FILE says which one a file has.\n`;
}

function columnsOf(format: Format): string {
  if (format.isDecodedBySource === true) return "columns: those of the registry's schema";
  if (format.columnsInInput === true) return "columns: by schema, or found from the first lines";
  if (format.takesLogFormat === true) return "columns: by log_format";
  if (format.name === "regex") return "columns: the pattern's named groups";
  const shape = { columns: [], header: undefined, delimiter: ",", pattern: undefined };
  return `columns: ${format
    .columns(shape)
    .map(({ name }) => name)
    .join(", ")}`;
}

/** Lines of so many characters, broken at spaces. */
function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Fewer fitting lines are chance. */
const LEAST_SHARE = 0.5;

export function guessText(file: string, sample: Sample, guesses: readonly Guess[]): string {
  const [best] = guesses;
  const shown = shownText(file);
  const looked = `${sample.isPart ? "the first " : ""}${count(sample.lines, "line")}`;
  if (best === undefined || best.fitting / best.records < LEAST_SHARE)
    return `${shown}: no format fits ${looked}.\n${tableOf(guesses)}\n${OTHERWISE}`;
  const rows = best.rows.map((row) => `  ${row}\n`).join("");
  return `${shown}: ${nameOf(best)} fits ${shareOf(best)} of ${looked}.
${tableOf(guesses)}
${best.rows.length === 1 ? "The first row:" : `The first ${best.rows.length} rows:`}
${rows}${best.misfit === undefined ? "" : `\nThe first line that does not fit: ${best.misfit}\n`}
${usage(file, best)}`;
}

const OTHERWISE = `What else there is:
  --format nginx --log-format '…'    the log_format as it stands in nginx's configuration
  --format apache --log-format '…'   the LogFormat as it stands in Apache's
  --format regex --pattern '…'       a pattern with named groups (?<name>…)
  --format lines                     each line as it is, in a column "line"
`;

function tableOf(guesses: readonly Guess[]): string {
  if (guesses.length === 0) return "";
  const names = guesses.map(nameOf);
  const width = Math.max(...names.map((name) => name.length));
  const lines = guesses.map((guess, index) => `  ${(names[index] ?? "").padEnd(width)}  ${shareOf(guess)}\n`);
  return `\nLines that fit:\n${lines.join("")}`;
}

function nameOf({ format, delimiter }: Guess): string {
  return delimiter === undefined ? format : `${format} with ${JSON.stringify(delimiter)}`;
}

/** Never 100 % where a line does not fit. */
function shareOf({ fitting, records }: Guess): string {
  const percent = Math.floor((fitting / records) * 1000) / 10;
  return `${percent} % (${fitting} of ${records})`;
}

function count(number: number, what: string): string {
  return number === 1 ? `1 ${what}` : `${number.toLocaleString("en")} ${what}s`;
}

function usage(file: string, { format, delimiter }: Guess): string {
  const set = delimiter === undefined ? "" : ` --set 'sources.input.delimiter=${JSON.stringify(delimiter)}'`;
  const input = file === "-" ? "" : ` --in ${quotedForShell(`file:${file}`)}`;
  const from = JSON.stringify(file === "-" ? "-" : `file:${file}`);
  const more = delimiter === undefined ? "" : `, delimiter: ${JSON.stringify(delimiter)}`;
  const sql = "SELECT count(*) AS lines FROM input";
  return `To use it:
  streamkit process${input} --format ${format}${set} --once --sql "${sql}"
In a job file:
  sources:
    log: { from: ${from}, format: ${format}${more} }
`;
}

function quotedForShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
