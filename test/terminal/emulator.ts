/** A terminal small enough to be trusted: what is written to it becomes a screen and what scrolled off it. */

import type { ByteOutput } from "../../src/runtime/stdio.ts";

export interface Emulator extends ByteOutput {
  readonly isTerminal: true;
  /** The screen's lines without blanks at their ends, and without empty lines below the last one. */
  screen(): string[];
  /** The same with what has scrolled off before it. */
  everything(): string[];
  /** Narrower: lines are broken, as terminals that reflow do. */
  resize(columns: number, rows: number): void;
  /** How many cells were written since the last call. */
  takeWritten(): number;
}

const ESCAPE = "\u001b";

export function emulator(columns: number, rows: number, isStyled = false): Emulator {
  let size = { columns, rows };
  /** All lines, of which the last `rows` are on the screen. */
  let lines: string[][] = [[]];
  let row = 0;
  let column = 0;
  let written = 0;

  const top = (): number => Math.max(0, lines.length - size.rows);
  const put = (grapheme: string): void => {
    const width = Bun.stringWidth(grapheme);
    if (column + width > size.columns) lineFeed();
    const line = (lines[row] ??= []);
    while (line.length < column) line.push(" ");
    line[column] = grapheme;
    for (let cell = 1; cell < width; cell += 1) line[column + cell] = "";
    column += width;
    written += width;
  };
  const lineFeed = (): void => {
    row += 1;
    column = 0;
    if (row === lines.length) lines.push([]);
  };
  const obey = (code: string, number: number): void => {
    switch (code) {
      case "A":
        row = Math.max(top(), row - number);
        return;
      case "K":
        lines[row]?.splice(column);
        return;
      case "J":
        lines[row]?.splice(column);
        lines.splice(row + 1);
        return;
      case "m":
        if (!isStyled) throw new Error("a style where none may be");
        return;
      default:
        throw new Error(`unknown code ${code}`);
    }
  };
  const write = (bytes: Uint8Array | string): void => {
    const text = typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes);
    for (let at = 0; at < text.length; ) {
      const code = new RegExp(`^${ESCAPE}\\[(\\d*)([A-Za-z])`).exec(text.slice(at, at + 12));
      if (code !== null) {
        obey(code[2] ?? "", Number(code[1] === "" ? 1 : code[1]));
        at += code[0].length;
        continue;
      }
      const [first] = new Intl.Segmenter().segment(text.slice(at, at + 24));
      const grapheme = first?.segment ?? "";
      at += grapheme.length;
      if (grapheme === "\n" || grapheme === "\r\n") lineFeed();
      else if (grapheme === "\r") column = 0;
      else if (/\p{Cc}/u.test(grapheme)) throw new Error(`a control character: ${JSON.stringify(grapheme)}`);
      else put(grapheme);
    }
  };
  const texts = (of: readonly string[][]): string[] => {
    const all = of.map((line) =>
      Array.from(line, (cell) => cell ?? " ")
        .join("")
        .trimEnd(),
    );
    while (all.at(-1) === "") all.pop();
    return all;
  };
  return {
    isTerminal: true,
    isStyled,
    size: () => size,
    write,
    send: async (bytes) => write(bytes),
    screen: () => texts(lines.slice(top())),
    everything: () => texts(lines),
    takeWritten() {
      const now = written;
      written = 0;
      return now;
    },
    resize(nextColumns, nextRows) {
      const before = lines.slice(0, row).flatMap((line) => broken(line, nextColumns)).length;
      lines = lines.flatMap((line) => broken(line, nextColumns));
      row = before;
      size = { columns: nextColumns, rows: nextRows };
    },
  };
}

function broken(line: readonly string[], columns: number): string[][] {
  const parts: string[][] = [];
  for (let start = 0; start < line.length; start += columns) parts.push(line.slice(start, start + columns));
  return parts.length === 0 ? [[]] : parts;
}
