/** The values of a line from its tokens: as the fast reader gives them, or a pattern. */

import { StreamkitError } from "../../../base/error.ts";
import { id, join, raw, type Sql, sql } from "../../../duckdb/sql.ts";
import { isVariable, type Variable } from "./layout.ts";
import { type LineValues, type LogColumn, logValues } from "./log-columns.ts";
import { escapedForRegex } from "./strftime.ts";
import { readTokens, splitToken, type Token, tokenCheck } from "./tokens.ts";

/** Tokens of several parts, which are taken apart into a struct of their own beside them. */
export interface Mixed {
  readonly tokens: readonly Token[];
  readonly variables: readonly Variable[];
}

export function mixedOf(tokens: readonly Token[]): Mixed {
  const mixed = tokens.filter((token) => token.half === undefined && token.parts.length > 1);
  return { tokens: mixed, variables: mixed.flatMap(({ parts }) => parts.filter(isVariable)) };
}

/** `, … AS parts_t3`, to stand behind the tokens. */
export function partsOfMixed({ tokens, variables }: Mixed, textOf: (token: Token) => Sql): Sql {
  const nameOf = (variable: Variable): string => `v${variables.indexOf(variable)}`;
  const parts = tokens.map(
    (token) => sql`, ${splitToken(token, textOf(token), nameOf)} AS ${id(`parts_${token.name}`)}`,
  );
  return join(parts, "");
}

/** A variable's text, found by the token that holds it. */
export function tokenText(tokens: readonly Token[], mixed: Mixed, textOf: (token: Token) => Sql) {
  return (variable: Variable): Sql => {
    const token = tokens.find(({ parts }) => parts.includes(variable));
    if (token === undefined) throw new StreamkitError("bug", `No token holds ${variable.text}`);
    if (!mixed.tokens.includes(token)) return textOf(token);
    return sql`nullif(${id(`parts_${token.name}`)}.${id(`v${mixed.variables.indexOf(variable)}`)}, '')`;
  };
}

/** SELECT of the columns by the fast reader: it fails where a line has another form. */
export function readFast(
  path: string,
  columns: readonly LogColumn[],
  tokens: readonly Token[],
  timezone: string | undefined,
): Sql {
  const mixed = mixedOf(tokens);
  const textOf = (token: Token): Sql => id(token.name);
  const [day, zone] = ["day", "zone"].map((is) => tokens.find(({ half }) => half?.is === is));
  const checks = tokens.flatMap((token) => tokenCheck(token, textOf(token)) ?? []);
  const line: LineValues = {
    zone: timezone,
    text: tokenText(tokens, mixed, textOf),
    readTime: (variable) =>
      day !== undefined && zone !== undefined && variable === day.half?.of ? readTime(day, zone) : undefined,
  };
  const where =
    checks.length === 0 ? raw("") : sql` WHERE ${required(join(checks, " AND "), "Another form")}`;
  const read = readTokens(path, tokens);
  const from = mixed.tokens.length === 0 ? read : sql`SELECT *${partsOfMixed(mixed, textOf)} FROM (${read})`;
  return sql`SELECT ${logValues(columns, line)} FROM (${from})${where}`;
}

/** What the reader has read: `[17/May/2015:10:05:03` as a time, `infinity` and the like as that of 1900. */
function readTime(day: Token, zone: Token): Sql {
  const [time, text] = [id(day.name), id(zone.name)];
  const after = zone.half?.around ?? "";
  const offset = `[+-](0\\d|1[0-4])[0-5]\\d${escapedForRegex(after)}`;
  return sql`CASE WHEN NOT ${time} > TIMESTAMP '1900-01-01' OR ${time} IS NULL
      THEN error('The time can''t be read')
    WHEN ${text} = ${`+0000${after}`} THEN ${time}
    WHEN regexp_full_match(${text}, ${offset})
      THEN ${time} - to_minutes(CAST(${text}[1] || '1' AS INTEGER)
        * (CAST(${text}[2:3] AS INTEGER) * 60 + CAST(${text}[4:5] AS INTEGER)))
    ELSE error('The time zone can''t be read') END`;
}

/** A condition of rows that must hold: the statement fails where it does not. */
export function required(condition: Sql, reason: string): Sql {
  return sql`CASE WHEN ${condition} THEN true ELSE CAST(error(${reason}) AS BOOLEAN) END`;
}
