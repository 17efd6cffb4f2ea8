/** Text in the cells of a terminal: how wide it is, how it is cut, and values that can do it no harm. */

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** First and last code points of characters that take two cells (East Asian wide and fullwidth). */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x17000, 0x18cff],
  [0x1b000, 0x1b2ff],
  [0x20000, 0x3fffd],
];

/** One character in ASCII's printable range takes one cell each. */
const PLAIN = /^[ -~]*$/;

/** Cells that the text takes; it holds no control characters. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += widthOfGrapheme(segment);
  return width;
}

function widthOfGrapheme(grapheme: string): number {
  const codePoint = grapheme.codePointAt(0) ?? 0;
  if (/^[\p{Mn}\p{Me}\p{Cf}]+$/u.test(grapheme)) return 0;
  if (/\p{Emoji_Presentation}|\ufe0f/u.test(grapheme)) return 2;
  // Voiced marks of halfwidth kana are cells of their own.
  const marks = /[\uff9e\uff9f]/.test(grapheme.slice(1)) ? 1 : 0;
  return (WIDE.some(([first, last]) => codePoint >= first && codePoint <= last) ? 2 : 1) + marks;
}

/** The text in so many cells at most; what is cut off is told by `…`. */
export function cutTo(text: string, maxCells: number): string {
  if (widthOf(text) <= maxCells) return text;
  if (maxCells < 1) return "";
  let kept = "";
  let width = 0;
  for (const { segment } of segmenter.segment(text)) {
    width += widthOfGrapheme(segment);
    if (width > maxCells - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

export function padEnd(text: string, cells: number): string {
  return text + " ".repeat(Math.max(0, cells - widthOf(text)));
}

export function padStart(text: string, cells: number): string {
  return " ".repeat(Math.max(0, cells - widthOf(text))) + text;
}

/** Control characters, and those that turn the direction of text or end a line: a terminal obeys them. */
const OBEYED = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Sentences that name what others wrote: their own line feeds and tabs stay. */
export function shownWords(words: string): string {
  return words.replaceAll(OBEYED, (found) => (found === "\n" || found === "\t" ? found : shownText(found)));
}

/** A value as it can be shown: `\n`, `\u001b` and the like in the place of what a terminal would obey. */
export function shownText(value: string): string {
  return value.replaceAll(
    OBEYED,
    (found) => SHORT[found] ?? `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
