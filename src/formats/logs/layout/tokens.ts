/**
 * Layouts that are nearly CSV: values with one space between them, some in quotes, a time in brackets. Such
 * lines are taken by the fast CSV reader, or by a pattern that takes each of them the same way.
 */

import { raw, type Sql, sql, stringStruct } from "../../../duckdb/sql.ts";
import { MAX_LINE_BYTES } from "../../json.ts";
import { withoutQuoteEscapes } from "./escapes.ts";
import { isVariable, type Layout, type Part, type Variable } from "./layout.ts";
import { escapedForRegex } from "./strftime.ts";

/** A value of the line, and what it is made of. */
export interface Token {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly isQuoted: boolean;
  /** Of a time `17/May/2015:10:05:03 +0000` outside of quotes: two values, with what stands around them. */
  readonly half?: { readonly of: Variable; readonly is: "day" | "zone"; readonly around: string };
}

/** Undefined where the layout has another shape. */
export function tokensOf({ parts, escapes }: Layout): readonly Token[] | undefined {
  if (escapes === "none") return undefined;
  const tokens: Omit<Token, "name">[] = [];
  let current: Part[] = [];
  let isQuoted = false;
  let isClosed = false;
  const end = (): boolean => {
    const isWhole = (current.length > 0 || isClosed) && isQuoted === isClosed;
    const found = isWhole ? tokensOfWord(current, isQuoted) : undefined;
    if (found !== undefined) tokens.push(...found);
    [current, isQuoted, isClosed] = [[], false, false];
    return found !== undefined;
  };
  for (const part of parts) {
    if (isVariable(part)) {
      if (isClosed) return undefined;
      current.push(part);
      continue;
    }
    for (const letter of part) {
      if (letter === "\\" || letter === "\n" || letter === "\r") return undefined;
      if (letter === " " && (!isQuoted || isClosed)) {
        if (!end()) return undefined;
      } else if (isClosed) return undefined;
      else if (letter === '"' && isQuoted) isClosed = true;
      else if (letter === '"' && current.length === 0) isQuoted = true;
      else current = withLetter(current, letter);
    }
  }
  if (!end()) return undefined;
  // DuckDB's reader takes times of one form; several times of that form are told apart by the pattern alone.
  if (tokens.filter(({ half }) => half?.is === "day").length > 1) return undefined;
  return tokens.map((token, index) => ({ ...token, name: `t${index}` }));
}

function withLetter(parts: readonly Part[], letter: string): Part[] {
  const last = parts.at(-1);
  return typeof last === "string" ? [...parts.slice(0, -1), last + letter] : [...parts, letter];
}

/** A word of the layout as one value; two where it is a time with its zone. */
function tokensOfWord(parts: readonly Part[], isQuoted: boolean): Omit<Token, "name">[] | undefined {
  const time = parts.find((part) => isVariable(part) && isClf(part)) as Variable | undefined;
  if (isQuoted || time === undefined) return [{ parts, isQuoted }];
  const [before = "", after = ""] = [parts[parts.indexOf(time) - 1], parts[parts.indexOf(time) + 1]];
  const isPlain = typeof before === "string" && typeof after === "string";
  if (!isPlain || parts.filter(isVariable).length > 1 || before.includes("%")) return undefined;
  return (["day", "zone"] as const).map((is) => ({
    parts: [],
    isQuoted: false,
    half: { of: time, is, around: is === "day" ? before : after },
  }));
}

function isClf({ type }: Variable): boolean {
  return typeof type === "object" && type.time === "clf";
}

export const DAY_FORMAT = "%d/%b/%Y:%H:%M:%S";

/** SELECT of the tokens, by the fast reader. */
export function readTokens(path: string, tokens: readonly Token[]): Sql {
  const day = tokens.find(({ half }) => half?.is === "day");
  const types = stringStruct(tokens.map((token) => [token.name, token === day ? "TIMESTAMP" : "VARCHAR"]));
  return sql`SELECT * FROM read_csv(${path}, auto_detect = false, header = false, columns = ${types},
    delim = ' ', quote = '"', escape = '\\', timestampformat = ${`${day?.half?.around ?? ""}${DAY_FORMAT}`},
    strict_mode = true, max_line_size = ${MAX_LINE_BYTES})`;
}

/** What the reader passes over behind the last value. */
const REST = '(?: (?:"")?)*';
/** What the reader takes for one value: quoted, or up to the next space. */
const TOKEN = String.raw`("(?:[^"\\]|\\.)*"|(?:[^ "][^ ]*)?)`;

/** What may be cut off there, so that the reader does not see it. */
const MORE_VALUES = String.raw`(?: (?:"(?:[^"\\]|\\.)*"|-|\d+(?:\.\d+)?)?)*`;

/** The line that the reader takes is the first group, its tokens are the others. */
export function tokenPattern(tokens: readonly Token[], { more }: Pick<Layout, "more">): string {
  return `^(${tokens.map(() => TOKEN).join(" ")}${more === "values" ? MORE_VALUES : REST})$`;
}

/** How many values a line has, as the reader counts them. */
export function tokenCount(line: Sql): Sql {
  const values = String.raw`(?:^| )(?:"(?:[^"\\]|\\.)*"|[^ ]*)`;
  return sql`len(regexp_extract_all(rtrim(${line}), ${values}))`;
}

/** As the reader gives it, a token that the pattern has found: NULL for nothing, quoted or not. */
export function foundToken(struct: Sql, { name }: Token, takesEscapes: boolean): Sql {
  const text = sql`${struct}.${raw(name)}`;
  const inner = sql`${text}[2:-2]`;
  return sql`nullif(CASE WHEN ${text}[1] = '"' THEN ${takesEscapes ? withoutQuoteEscapes(inner) : inner}
    ELSE ${text} END, '')`;
}

/** A token that is one variable and nothing else. */
function isAlone({ parts, half }: Token): boolean {
  return half === undefined && parts.length === 1 && isVariable(parts[0] ?? "");
}

/** The pattern of a token of several parts; its groups are its variables. */
function partsPattern({ parts, isQuoted }: Token): string {
  const pieces = parts.map((part) => {
    if (!isVariable(part)) return escapedForRegex(part);
    return `(${part.pattern ?? (isQuoted || part.maySpace === true ? "(?s:.*?)" : "[^ ]*?")})`;
  });
  return `^${pieces.join("")}$`;
}

/** The variables' texts in a token of several parts, as one struct. */
export function splitToken(token: Token, text: Sql, nameOf: (variable: Variable) => string): Sql {
  const names = token.parts.filter(isVariable).map((variable) => sql`${nameOf(variable)}`);
  return sql`regexp_extract(${text}, ${partsPattern(token)}, [${names}])`;
}

/** Whether a token has the layout's own text where it should; undefined where there is none. */
export function tokenCheck(token: Token, text: Sql): Sql | undefined {
  if (token.half !== undefined || isAlone(token)) return undefined;
  const [only] = token.parts;
  if (only === undefined) return sql`${text} IS NULL`;
  if (token.parts.length === 1 && !isVariable(only)) return sql`${text} = ${only}`;
  return sql`regexp_matches(${text}, ${partsPattern(token)})`;
}
