/** The values of a line by patterns: by that of the reader's tokens, or else by the layout's own. */

import { join, raw, type Sql, sql } from "../../../duckdb/sql.ts";
import { linesOf } from "../../lines.ts";
import { withoutQuoteEscapes } from "./escapes.ts";
import { type Layout, variablesOf } from "./layout.ts";
import type { TextValues } from "./log-columns.ts";
import { layoutPattern } from "./pattern.ts";
import { mixedOf, partsOfMixed, tokenText } from "./token-values.ts";
import { foundToken, type Token, tokenCheck, tokenPattern } from "./tokens.ts";

/**
 * SELECT index, line, is_whole, is_loose and what the values of `foundValues` are found in. `is_whole`: the
 * reader would take the line's tokens; `is_loose`: the layout's pattern does.
 */
export function found(path: string, layout: Layout, tokens: readonly Token[] | undefined): Sql {
  const names = variablesOf(layout).map((_variable, index) => sql`${`v${index}`}`);
  const pattern = layoutPattern(layout, tokens);
  const loose = sql`regexp_extract(line, ${pattern}, ['all', ${names}])`;
  if (tokens === undefined)
    return sql`SELECT *, loose.all <> '' AS is_loose
      FROM (SELECT index, line, false AS is_whole, ${loose} AS loose FROM (${linesOf(path)}))`;
  const mixed = mixedOf(tokens);
  const textOf = textOfToken(layout);
  const checks = tokens.flatMap(
    (token) => tokenCheck(token, textOf(token)) ?? halfCheck(token, textOf(token)) ?? [],
  );
  return sql`SELECT *${partsOfMixed(mixed, textOf)}, NOT is_whole AND loose.all <> '' AS is_loose FROM (
    SELECT *, CASE WHEN NOT is_whole THEN ${loose} END AS loose FROM (
      SELECT *, coalesce(${join([sql`token.all <> ''`, ...checks], " AND ")}, false) AS is_whole FROM (
        SELECT index, line, regexp_extract(line, ${tokenPattern(tokens, layout)},
          ['all', ${tokens.map(({ name }) => sql`${name}`)}]) AS token FROM (${linesOf(path)}))))`;
}

function textOfToken(layout: Layout): (token: Token) => Sql {
  return (token) => foundToken(raw("token"), token, layout.escapes === "quotes");
}

/** The values of the rows of `found`. */
export function foundValues(layout: Layout, tokens: readonly Token[] | undefined): TextValues {
  const variables = variablesOf(layout);
  const looseText = (index: number, isQuoted: boolean): Sql => {
    const text = sql`loose.${raw(`v${index}`)}`;
    return sql`nullif(${isQuoted && layout.escapes === "quotes" ? withoutQuoteEscapes(text) : text}, '')`;
  };
  if (tokens === undefined) return { text: (variable) => looseText(variables.indexOf(variable), false) };
  const textOf = textOfToken(layout);
  const text = tokenText(tokens, mixedOf(tokens), textOf);
  return {
    text(variable) {
      const halves = tokens.filter(({ half }) => half?.of === variable);
      const isQuoted = tokens.some((token) => token.isQuoted && token.parts.includes(variable));
      const whole =
        halves.length === 0
          ? text(variable)
          : join(
              halves.map((token) => halfText(token, textOf(token))),
              " || ' ' || ",
            );
      const loose = looseText(variables.indexOf(variable), isQuoted);
      return sql`CASE WHEN is_whole THEN ${whole} ELSE ${loose} END`;
    },
  };
}

/** Whether one half of a time has the layout's own text around it. */
function halfCheck({ half }: Token, text: Sql): Sql | undefined {
  if (half === undefined || half.around === "") return undefined;
  return half.is === "day"
    ? sql`starts_with(${text}, ${half.around})`
    : sql`ends_with(${text}, ${half.around})`;
}

function halfText({ half }: Token, text: Sql): Sql {
  const length = half?.around.length ?? 0;
  if (length === 0) return text;
  return half?.is === "day" ? sql`${text}[${length + 1}:]` : sql`${text}[:${-length - 1}]`;
}
