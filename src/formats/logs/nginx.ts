/**
 * nginx's `log_format`, as it stands in its configuration: the format's text alone, its quoted pieces, or the
 * whole directive with name, `escape=` and semicolon.
 *
 * https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format
 */

import {
  checkedParts,
  type Escapes,
  type Layout,
  logFormatError,
  type Part,
  type Variable,
} from "./layout/layout.ts";
import { nginxVariable } from "./nginx-variables.ts";

/** What is known of variables that nginx itself does not have. */
export type MoreKnown = Readonly<Record<string, Partial<Variable>>>;

/** Throws code `job` with the position of what is wrong. */
export function nginxLayout(text: string, known: MoreKnown = {}): Layout {
  const directive = directiveOf(text);
  const written = directive ?? { pieces: [{ text, at: 1 }], escapes: "nginx" };
  const parts = checkedParts(written.pieces.flatMap((piece) => partsOf(piece, known)));
  const [first] = parts;
  if (typeof first === "string" && /^\s*\{\s*"/.test(first))
    throw logFormatError(
      undefined,
      "it writes JSON: `format: json` reads such lines, its columns are named by their keys",
    );
  return { parts, escapes: written.escapes, more: "none" };
}

/** A piece of the format's text, and where it begins. */
interface Piece {
  readonly text: string;
  readonly at: number;
}

interface Directive {
  readonly pieces: readonly Piece[];
  readonly escapes: Escapes;
}

const SPACE = String.raw`(?:\s|#[^\n]*\n)*`;
const QUOTED = /'(?:[^'\\]|\\[^])*'|"(?:[^"\\]|\\[^])*"/y;
const HEAD = new RegExp(
  `^${SPACE}(?<directive>log_format\\s+)?(?:(?<name>[\\w.-]+)\\s+)?(?:escape=(?<escape>\\S+)\\s+)?(?=['"])`,
);

/** Undefined where the text is the format itself. */
function directiveOf(text: string): Directive | undefined {
  const head = HEAD.exec(text);
  if (head === null) return refusedHead(text);
  const { directive, name, escape } = head.groups ?? {};
  // Only single quotes say without the directive's name that they belong to the configuration.
  const isPlain = directive === undefined && name === undefined && escape === undefined;
  if (directive === undefined && (text[head[0].length] === '"' || (isPlain && !/'\s*;?\s*$/.test(text))))
    return undefined;
  const pieces: Piece[] = [];
  let at = head[0].length;
  const space = new RegExp(SPACE, "y");
  const skip = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  for (;;) {
    skip(space);
    const start = at;
    const piece = skip(QUOTED);
    if (piece === undefined) break;
    pieces.push({ text: unquoted(piece), at: start + 2 });
  }
  skip(/;/y);
  skip(space);
  if (at < text.length) throw logFormatError(at + 1, `a quoted piece is expected, found "${text.slice(at)}"`);
  return { pieces, escapes: escapesOf(escape, text) };
}

/** The directive without quotes, as nginx itself takes it only for formats without a space. */
function refusedHead(text: string): undefined {
  const head = /^\s*log_format\s+/.exec(text);
  if (head === null) return undefined;
  throw logFormatError(head[0].length + 1, "the format's text is expected in quotes behind log_format NAME");
}

function escapesOf(escape: string | undefined, text: string): Escapes {
  switch (escape) {
    case undefined:
    case "default":
      return "nginx";
    case "json":
    case "none":
      return escape;
    default:
      throw logFormatError(
        text.indexOf("escape=") + 1,
        `escape= is default, json or none, found "${escape}"`,
      );
  }
}

/** What nginx makes of a quoted word of its configuration. */
function unquoted(piece: string): string {
  const LETTERS: Readonly<Record<string, string>> = { t: "\t", r: "\r", n: "\n" };
  return piece
    .slice(1, -1)
    .replaceAll(/\\(["'\\trn])/g, (_escape, letter: string) => LETTERS[letter] ?? letter);
}

function partsOf({ text, at }: Piece, known: MoreKnown): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(/\$(?:\{([^}]*)\}?|(\w*))/g)) {
    const name = match[1] ?? match[2] ?? "";
    const position = at + match.index;
    const isWhole = match[1] === undefined || match[0].endsWith("}");
    if (!isWhole || !/^\w+$/.test(name))
      throw logFormatError(position, `a variable like $remote_addr is expected, found "${match[0]}"`);
    parts.push(text.slice(end, match.index), {
      ...nginxVariable(name),
      ...known[name],
      text: match[0],
      at: position,
    });
    end = match.index + match[0].length;
  }
  const rest = text.slice(end);
  const directive = /%(?:>?[a-z]\b|\{[\w-]+\}[a-z])/i.exec(text);
  if (directive !== null && parts.length === 0)
    throw logFormatError(at + directive.index, `"${directive[0]}" is Apache's: \`format: apache\` takes it`);
  return [...parts, rest];
}
