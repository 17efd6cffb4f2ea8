/** Dead letters in words for a person, as they come. */

import { counted } from "../base/units.ts";
import type { LetterKind } from "../engine/batch-progress.ts";

/** Control characters of a line would do things to a terminal. */
function plain(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, " ");
}

/** Dead letters of one kind: `words` says what so many of them are. */
export interface LetterTally {
  readonly kind: string;
  readonly count: number;
  words(count: number): string;
}

/** `offsetName`: what a place in the source's input is called: `byte`, or a topic's `offset`. */
export function letterWords(
  { source, query, kind, count, reason, origin, byteOffset, line }: LetterKind,
  offsetName: string,
): LetterTally {
  const offset = byteOffset === null ? "" : `, ${offsetName} ${byteOffset}`;
  const place = origin === null ? "" : ` (${origin}${offset})`;
  const isLine = query === null && origin !== null;
  const what = (number: number): string => {
    if (isLine) return `${source}: ${counted(number, "line")} could not be read`;
    const unit =
      source === null ? counted(number, "group or window", "groups or windows") : counted(number, "row");
    return `${query ?? source}: ${unit} ${number === 1 ? "was" : "were"} put aside`;
  };
  const example = isLine || line === null ? "" : `: ${line}`;
  return {
    kind: JSON.stringify([source, query, kind]),
    count,
    words: (number) => plain(`${what(number)}${number === 1 ? ": " : ", like: "}${reason}${example}${place}`),
  };
}
