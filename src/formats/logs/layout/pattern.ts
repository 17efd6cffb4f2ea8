/** A layout as one pattern: for layouts that the fast reader can't take, and for lines that it refuses. */

import { isVariable, type Layout, type Variable } from "./layout.ts";
import { escapedForRegex } from "./strftime.ts";
import type { Token } from "./tokens.ts";

const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;

/** Values that stand behind those that the layout names. */
const MORE: Readonly<Record<Layout["more"], string>> = {
  none: " *",
  values: String.raw`(?: +(?:${QUOTED}|-|\d+(?:\.\d+)?))* *`,
  anything: "(?: .*)?",
};

/** The whole line is the first group; the layout's variables are the others, in order. */
export function layoutPattern(layout: Layout, tokens: readonly Token[] | undefined): string {
  const words = tokens === undefined ? [textPattern(layout)] : wordPatterns(layout, tokens);
  const optional = layout.optionalTokens ?? 0;
  const first = words.slice(0, words.length - optional).join(" ");
  const rest = words.slice(words.length - optional).reduceRight((inner, word) => `(?: ${word}${inner})?`, "");
  return `^(${first}${rest}${MORE[layout.more]})$`;
}

function wordPatterns(layout: Layout, tokens: readonly Token[]): string[] {
  return tokens.flatMap(({ parts, isQuoted, half }, index) => {
    if (half?.is === "zone") return [];
    if (half === undefined) {
      const inner = textPattern({ ...layout, parts }, isQuoted);
      return [isQuoted ? `"${inner}"` : inner];
    }
    const around = [half.around, tokens[index + 1]?.half?.around ?? ""].map(escapedForRegex);
    return [around.join(`(${half.of.pattern ?? ".*?"})`)];
  });
}

/** What ends a variable is the text behind it, or a space. */
function textPattern({ parts, escapes }: Layout, startsQuoted = false): string {
  let isQuoted = startsQuoted;
  const pieces = parts.map((part, index) => {
    if (isVariable(part)) {
      const next = parts[index + 1];
      const end = typeof next === "string" ? next[0] : " ";
      return `(${valuePattern(part, isQuoted && escapes !== "none", end === " ")})`;
    }
    if ((part.match(/"/g) ?? []).length % 2 === 1) isQuoted = !isQuoted;
    return escapedForRegex(part);
  });
  return pieces.join("");
}

function valuePattern(variable: Variable, isQuoted: boolean, endsWithSpace: boolean): string {
  const { maySpace, unquotedPattern } = variable;
  const pattern = isQuoted ? variable.pattern : (unquotedPattern ?? variable.pattern);
  if (pattern !== undefined) return pattern;
  if (isQuoted) return String.raw`(?:[^"\\]|\\.)*?`;
  return endsWithSpace && maySpace !== true ? "[^ ]*" : ".*?";
}
