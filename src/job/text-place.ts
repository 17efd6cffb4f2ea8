/**
 * Where a place in a value's text stands in the file. A YAML text may be quoted, folded or a block: its
 * characters are found by the word at the place, counted from the text's start.
 */

/** A word, or one other character. */
const TOKEN = /[\p{L}\p{N}_]+|\S/uy;

/** The offset in `source`, between `from` and `to`, of what stands at `offset` in the value. */
export function offsetInSource(
  source: string,
  { from, to }: { readonly from: number; readonly to: number },
  value: string,
  offset: number,
): number | undefined {
  TOKEN.lastIndex = offset;
  const [token] = TOKEN.exec(value) ?? [];
  if (token === undefined) return undefined;
  const before = occurrences(value.slice(0, offset), token).length;
  const at = occurrences(source.slice(from, to), token)[before];
  return at === undefined ? undefined : from + at;
}

function occurrences(text: string, token: string): readonly number[] {
  const found: number[] = [];
  for (let at = text.indexOf(token); at >= 0; at = text.indexOf(token, at + token.length)) found.push(at);
  return found;
}
