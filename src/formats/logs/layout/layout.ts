/**
 * What a line of a log is made of: literal text and variables, in order. A server's `log_format` is parsed
 * into a layout (`nginx.ts`, `apache.ts`), and a layout is a format (`layout-format.ts`).
 */

import { StreamkitError } from "../../../base/error.ts";

/** How the text of a variable's value becomes a value. */
export type VariableType = "VARCHAR" | "INTEGER" | "BIGINT" | "DOUBLE" | "request" | Time;

interface Time {
  /**
   * `clf`: `17/May/2015:10:05:03 +0000`; `iso`: ISO 8601 with an offset; the others: a number of these since
   * 1970; `any`: one of them, as it comes; or a format of DuckDB's strptime.
   */
  readonly time: "clf" | "iso" | "any" | "s" | "ms" | "us" | { readonly strptime: string };
}

/** `17/May/2015:10:05:03 +0000`, as far as the line's other parts can be told from it. */
export const CLF_TIME = String.raw`[^ \]"]+ [^ \]"]+`;

/** A word that is not `-`. */
const WORD = "(?:[^ -][^ ]*|-[^ ]+)";
/** A name may hold spaces. With a `-` among its words it is none: there are values too many before it. */
export const USER = `(?:-|${WORD}(?: +${WORD})*?)?`;

export interface Variable {
  /** As the format has it: `$request_time`, `%{Referer}i`. */
  readonly text: string;
  /** Where it stands in the format's text, from 1. */
  readonly at: number;
  /** The names that its column may have: the first one that no other column has. */
  readonly names: readonly string[];
  readonly type: VariableType;
  /** RE2 of its text in a line, where that is of a known form; it has no groups. */
  readonly pattern?: string;
  /** Whether its text may hold spaces where it stands outside of quotes. */
  readonly maySpace?: boolean;
  /** Where it stands outside of quotes, in the place of `pattern`. */
  readonly unquotedPattern?: string;
}

export type Part = string | Variable;

/**
 * How values are escaped. `quotes`: only a quote and a backslash, in quotes, are taken back, other escapes
 * stay as they are. `nginx` and `apache`: `\xHH` too; `json`: as in a string of JSON; `none`: not at all.
 */
export type Escapes = "quotes" | "nginx" | "apache" | "json" | "none";

export interface Layout {
  readonly parts: readonly Part[];
  readonly escapes: Escapes;
  /** What may stand behind the last part: values that are quoted, numbers or `-`; anything; or nothing. */
  readonly more: "none" | "values" | "anything";
  /** So many of the last tokens may be missing. */
  readonly optionalTokens?: number;
}

export function isVariable(part: Part): part is Variable {
  return typeof part !== "string";
}

export function variablesOf({ parts }: Layout): readonly Variable[] {
  return parts.filter(isVariable);
}

/** A `log_format` that can't be used. Code `job`; `at` counts characters from 1. */
export function logFormatError(at: number | undefined, message: string): StreamkitError {
  return new StreamkitError("job", at === undefined ? message : `character ${at}: ${message}`, {
    cause: { option: ["log_format"] },
  });
}

/** The layout's parts, literals put together. Throws code `job` where a line can't be taken apart again. */
export function checkedParts(parts: readonly Part[]): readonly Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (typeof part === "string" && typeof last === "string") joined[joined.length - 1] = last + part;
    else if (part !== "") joined.push(part);
  }
  if (!joined.some(isVariable)) throw logFormatError(undefined, "it has no variable");
  joined.forEach((part, index) => {
    const next = joined[index + 1];
    if (isVariable(part) && next !== undefined && isVariable(next) && part.pattern === undefined)
      throw logFormatError(
        next.at,
        `nothing stands between ${part.text} and ${next.text}, so it can't be known where one ends`,
      );
  });
  return joined;
}
