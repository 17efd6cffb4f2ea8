/**
 * Lines at the bottom of a terminal that are drawn over in place, and words that scroll by above them. What
 * does not change is not written again, so that nothing flickers.
 */

import type { ByteOutput } from "../runtime/stdio.ts";
import { widthOf } from "./text.ts";

export interface Region {
  /** Draws these lines in the place of those drawn before: fewer than the terminal has rows. */
  show(lines: readonly string[]): void;
  /** One line above the region. */
  say(line: string): void;
  /** Takes the lines away. */
  erase(): void;
  /** Leaves the lines where they are: what is written from now on stands below. */
  leave(): void;
}

const ESCAPE = "\u001b[";
const ERASE_BELOW = `${ESCAPE}0J`;
const ERASE_LINE_END = `${ESCAPE}K`;
/** Bold, dim and plain: the only codes that lines hold. */
const STYLES = /\u001b\[\d*m/g;

export const DEFAULT_SIZE = { columns: 80, rows: 24 };

/** The terminal's size now; the usual one where it does not tell. */
export function sizeOf({ size }: Pick<ByteOutput, "size">): {
  readonly columns: number;
  readonly rows: number;
} {
  const told = size?.();
  return {
    columns: told?.columns !== undefined && told.columns > 0 ? told.columns : DEFAULT_SIZE.columns,
    rows: told?.rows !== undefined && told.rows > 0 ? told.rows : DEFAULT_SIZE.rows,
  };
}

/** Regions by their terminal, while they have lines on it. */
const drawn = new Map<ByteOutput, Region>();

/** Says it above whatever is drawn; false where nothing is drawn, and nothing was said. */
export function saidAbove(line: string): boolean {
  for (const region of drawn.values()) {
    region.say(line);
    return true;
  }
  return false;
}

export function openRegion(output: ByteOutput): Region {
  let lines: readonly string[] = [];
  let size = sizeOf(output);

  const toFirstLine = (): string => {
    const now = sizeOf(output);
    // A terminal that was made narrower has broken the lines that are longer than it is.
    const rows =
      now.columns >= size.columns
        ? lines.length
        : lines.reduce((sum, line) => sum + rowsOf(line, now.columns), 0);
    return up(Math.min(rows, now.rows - 1));
  };
  const erased = (): string => (lines.length === 0 ? "" : `${toFirstLine()}${ERASE_BELOW}`);
  const all = (of: readonly string[]): string => of.map((line) => `${line}\n`).join("");

  const region: Region = {
    show(next) {
      const now = sizeOf(output);
      const isResized = now.columns !== size.columns || now.rows !== size.rows;
      if (isResized) output.write(`${erased()}${all(next)}`);
      else output.write(changes(lines, next));
      lines = next;
      size = now;
      if (lines.length > 0) drawn.set(output, region);
      else drawn.delete(output);
    },
    say(line) {
      output.write(`${erased()}${line}\n${all(lines)}`);
      size = sizeOf(output);
    },
    erase() {
      output.write(erased());
      region.leave();
    },
    leave() {
      lines = [];
      drawn.delete(output);
    },
  };
  return region;
}

/** From below `before` to below `after`, over the lines that differ alone. */
function changes(before: readonly string[], after: readonly string[]): string {
  let text = "";
  /** The line that the cursor is at, from the region's first. */
  let at = before.length;
  const goTo = (line: number): void => {
    if (line < at) text += up(at - line);
    else if (line > at) text += "\n".repeat(line - at);
    at = line;
  };
  after.forEach((line, index) => {
    if (index < before.length && before[index] === line) return;
    goTo(index);
    text += `${line}${ERASE_LINE_END}\n`;
    at = index + 1;
  });
  if (after.length < before.length) {
    goTo(after.length);
    text += ERASE_BELOW;
  } else goTo(after.length);
  return text;
}

function up(lines: number): string {
  return lines > 0 ? `${ESCAPE}${lines}A\r` : "";
}

function rowsOf(line: string, columns: number): number {
  return Math.max(1, Math.ceil(widthOf(line.replaceAll(STYLES, "")) / columns));
}
