/**
 * Apache's `LogFormat`, as it stands in its configuration: the format's text alone, with `\"` or plain
 * quotes, or the whole directive with its name.
 *
 * https://httpd.apache.org/docs/current/mod/mod_log_config.html#formats
 */

import { apacheVariable } from "./apache-variables.ts";
import { checkedParts, type Layout, logFormatError, type Part } from "./layout/layout.ts";

/** Throws code `job` with the position of what is wrong. */
export function apacheLayout(written: string): Layout {
  const { text, positions } = formatText(written);
  const at = (index: number): number => positions[index] ?? written.length;
  const parts: Part[] = [];
  let end = 0;
  // Modifiers choose requests by status, or the original or final one of an internal redirect.
  for (const match of text.matchAll(/%(?:%|(!?\d{3}(?:,\d{3})*)?([<>]?)(?:\{([^}]*)\})?(\^..|[A-Za-z])?)/g)) {
    const [whole, , redirect = "", argument, letter] = match;
    parts.push(text.slice(end, match.index));
    end = match.index + whole.length;
    if (whole === "%%") {
      parts.push("%");
      continue;
    }
    const known = letter === undefined ? undefined : apacheVariable(letter, argument, redirect);
    if (known === undefined)
      throw logFormatError(
        at(match.index),
        `"${whole === "%" ? text.slice(match.index, match.index + 2) : whole}" is no directive of Apache's ` +
          "LogFormat: %h, %t, %r, %>s, %{Referer}i and the like are expected",
      );
    if ("problem" in known) throw logFormatError(at(match.index), `${whole}: ${known.problem}`);
    const variable = { ...known, text: whole, at: at(match.index) };
    // `%t` writes its own brackets.
    parts.push(...(letter === "t" && argument === undefined ? ["[", variable, "]"] : [variable]));
  }
  parts.push(text.slice(end));
  const variable = /\$\{?\w+/.exec(text);
  if (variable !== null && !parts.some((part) => typeof part !== "string"))
    throw logFormatError(at(variable.index), `"${variable[0]}" is nginx's: \`format: nginx\` takes it`);
  return { parts: checkedParts(parts), escapes: "apache", more: "none" };
}

/** The format's own text, and where each of its characters stands in what was written, from 1. */
function formatText(written: string): { readonly text: string; readonly positions: readonly number[] } {
  const directive = /^\s*(?:LogFormat\s+)?(?:"((?:[^"\\]|\\[^])*)"|'([^']*)')(?:\s+\S+)?\s*$/.exec(written);
  // A format may begin with a quote of its own, as in `"%r" %b`.
  const isQuoted = directive !== null && !/^\s*"[^\\"]*"\s+\S*%/.test(written);
  const body = isQuoted ? (directive[1] ?? directive[2] ?? "") : written;
  if (!isQuoted && /^\s*LogFormat\s/.test(written))
    throw logFormatError(
      /^\s*LogFormat\s+/.exec(written)?.[0].length,
      "the format's text is expected in quotes behind LogFormat, and at most a name behind it",
    );
  const start = isQuoted ? written.indexOf(body) : 0;
  const positions: number[] = [];
  let text = "";
  for (let index = 0; index < body.length; index += 1) {
    positions.push(start + index + 1);
    const isEscape = body[index] === "\\" && /["\\tn]/.test(body[index + 1] ?? "");
    if (isEscape) index += 1;
    const letter = body[index] ?? "";
    text += isEscape && letter === "t" ? "\t" : isEscape && letter === "n" ? "\n" : letter;
  }
  return { text, positions };
}
