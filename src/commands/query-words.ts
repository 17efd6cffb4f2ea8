/** What Tab completes in the shell of `streamkit query`. */

export interface Vocabulary {
  readonly names: readonly { readonly table: string; readonly column: string }[];
  /** Keywords in capitals, functions with an open parenthesis. */
  readonly words: readonly string[];
  readonly commands: readonly string[];
  readonly modes: readonly string[];
}

const LEAST_OF_FUNCTION = 3;

/** The words that may stand where the line ends, and the beginning of them that is typed already. */
export function completions(line: string, vocabulary: Vocabulary): [string[], string] {
  const tables = unique(vocabulary.names.map(({ table }) => table));
  const dot = /^\s*(\.\w*)(?:\s+(\S*))?$/.exec(line);
  if (dot !== null) {
    const [, command = "", argument] = dot;
    if (argument === undefined) return [beginningWith(vocabulary.commands, command), command];
    const choices = command === ".mode" ? vocabulary.modes : command === ".schema" ? tables : [];
    return [beginningWith(choices, argument), argument];
  }
  const typed = /[\w.]*$/.exec(line)?.[0] ?? "";
  const point = typed.lastIndexOf(".");
  const columnsOf = vocabulary.names.filter(({ table }) => isSame(table, typed.slice(0, point)));
  if (point !== -1 && columnsOf.length > 0) {
    const columns = columnsOf.map(({ column }) => `${typed.slice(0, point)}.${quoted(column)}`);
    return [beginningWith(columns, typed), typed];
  }
  // After FROM and JOIN only tables make sense.
  if (/\b(?:from|join|describe|summarize)\s+[\w.]*$/i.test(line))
    return [beginningWith(tables, typed), typed];
  if (typed === "") return [[], ""];
  const isSmall = typed === typed.toLowerCase();
  // There are more functions than anybody looks through.
  const known = vocabulary.words.filter((word) => !word.endsWith("(") || typed.length >= LEAST_OF_FUNCTION);
  const words = known.map((word) => (isSmall ? word.toLowerCase() : word));
  const columns = unique(vocabulary.names.map(({ column }) => quoted(column)));
  return [beginningWith(unique([...columns, ...tables, ...words]), typed), typed];
}

function beginningWith(words: readonly string[], start: string): string[] {
  return words.filter((word) => isSame(word.slice(0, start.length), start));
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function unique(words: readonly string[]): string[] {
  return [...new Set(words)];
}

function quoted(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
