/**
 * Java's .properties, with the line that each entry stands on: comments, continued lines, the three
 * separators and escapes, as java.util.Properties reads them.
 */

export interface Property {
  readonly key: string;
  readonly value: string;
  /** Counted from 1. */
  readonly line: number;
}

/** Of a key that comes twice the last entry counts, as in Java. */
export function parseProperties(text: string): readonly Property[] {
  const properties = new Map<string, Property>();
  for (const { logical, line } of logicalLines(text)) {
    const { key, value } = splitEntry(logical);
    properties.delete(key);
    properties.set(key, { key, value, line });
  }
  return [...properties.values()];
}

/** Without blank lines and comments; a line that ends in a backslash goes on in the next one. */
function* logicalLines(text: string): Generator<{ readonly logical: string; readonly line: number }> {
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  for (let index = 0; index < lines.length; index += 1) {
    const line = index + 1;
    let logical = trimmedStart(lines[index] ?? "");
    if (logical === "" || logical.startsWith("#") || logical.startsWith("!")) continue;
    while (isContinued(logical)) {
      index += 1;
      logical = logical.slice(0, -1) + trimmedStart(lines[index] ?? "");
    }
    yield { logical, line };
  }
}

function trimmedStart(line: string): string {
  return line.replace(/^[ \t\f]+/, "");
}

/** An even number of backslashes is escaped ones. */
function isContinued(line: string): boolean {
  return (/\\*$/.exec(line)?.[0].length ?? 0) % 2 === 1;
}

function splitEntry(line: string): { readonly key: string; readonly value: string } {
  const key = /^(?:\\[^]|[^\\ \t\f=:])*/.exec(line)?.[0] ?? "";
  const rest = line.slice(key.length).replace(/^[ \t\f]*[=:]?[ \t\f]*/, "");
  return { key: unescaped(key), value: unescaped(rest) };
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|([^]))/g, (_whole, code?: string, letter = "") =>
    code === undefined
      ? (ESCAPES[String(letter)] ?? String(letter))
      : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
