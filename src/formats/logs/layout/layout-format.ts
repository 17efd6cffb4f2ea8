/**
 * A layout as a format. A log line is nearly CSV: the fast reader takes it so, 20 times as fast as a pattern.
 * Patterns are for segments in which a line is not, and for layouts that never are. For a line that both
 * take, both give the same row.
 */

import { isUtf8 } from "node:buffer";
import { raw, type Sql, sql } from "../../../duckdb/sql.ts";
import type { Format, Shape } from "../../format.ts";
import { BYTE_ORDER_MARK, hasLoneReturn, unlessMarked } from "../../lines.ts";
import { withKeptEscapes } from "./escapes.ts";
import { found, foundValues } from "./found-values.ts";
import type { Layout } from "./layout.ts";
import { type LineValues, logColumns, logValues } from "./log-columns.ts";
import { withoutMoreValues } from "./more-values.ts";
import { readFast, required } from "./token-values.ts";
import { type Token, tokenCount, tokensOf } from "./tokens.ts";

export interface LogFormat {
  readonly name: string;
  readonly summary: string;
  readonly layout: Layout;
  /** What to do about lines of another form; the way to find their format, if left out. */
  readonly wayOut?: string;
}

export function layoutFormat({ name, summary, layout, wayOut = WAY_OUT }: LogFormat): Format {
  const columns = logColumns(layout);
  const tokens = tokensOf(layout);
  const foundIn = ({ timezone }: Shape): LineValues => ({
    ...foundValues(layout, tokens),
    zone: timezone,
  });
  const tolerant = (path: string, shape: Shape): Sql =>
    sql`SELECT ${logValues(columns, foundIn(shape))} FROM (${found(path, layout, tokens)})
      WHERE ${required(sql`is_whole OR is_loose`, anotherForm(name, wayOut))}`;
  const fast =
    tokens === undefined
      ? { plain: unlessMarked }
      : {
          read: (path: string, { timezone }: Shape): Sql => readFast(path, columns, tokens, timezone),
          readTolerantly: tolerant,
          // The reader looks at the encoding of those values only that somebody asks for.
          plain: (bytes: Buffer) =>
            bytes.includes(BYTE_ORDER_MARK) || hasLoneReturn(bytes) || !isUtf8(bytes)
              ? undefined
              : withKeptEscapes(withoutMore(bytes, layout, tokens), layout.escapes),
        };
  return {
    name,
    summary,
    columns: () => columns.map(({ name: column, type }) => ({ name: column, type })),
    fallibleColumns: columns.filter(({ problem }) => problem !== undefined).map((column) => column.name),
    read: tolerant,
    ...fast,
    findUnfit(_database, path, shape, take) {
      const line = foundIn(shape);
      const problems = columns.flatMap(({ problem }) => problem?.(line) ?? []);
      const another = whyNone({ name, layout, wayOut }, tokens);
      const reason = sql`CASE WHEN NOT (is_whole OR is_loose) THEN ${another}
        ELSE coalesce(${[...problems, raw("NULL")]}) END`;
      return take(
        sql`SELECT index, ${reason} AS reason FROM (${found(path, layout, tokens)}) WHERE reason IS NOT NULL`,
      );
    },
    mayJoinLines: tokens !== undefined,
    blank: "empty",
    dropsByteOrderMark: true,
    otherEncoding: "latin1",
  };
}

function withoutMore(bytes: Buffer, { more }: Layout, tokens: readonly Token[]): Buffer {
  return more === "values" ? withoutMoreValues(bytes, tokens.length) : bytes;
}

const WAY_OUT =
  "format nginx or apache takes the server's own log_format; `streamkit formats FILE` says what fits";

function anotherForm(name: string, wayOut: string): string {
  return `The line has another form than format ${name}: ${wayOut}`;
}

/** Where a count tells what is the matter, it is told. */
function whyNone(
  { name, layout, wayOut }: Required<Omit<LogFormat, "summary">>,
  tokens: readonly Token[] | undefined,
): Sql {
  if (tokens === undefined) return sql`${anotherForm(name, wayOut)}`;
  const count = tokenCount(raw("line"));
  const expected = tokens.length;
  const least = expected - (layout.optionalTokens ?? 0);
  return sql`CASE WHEN ${count} BETWEEN ${least} AND ${expected} THEN ${anotherForm(name, wayOut)}
    ELSE ${count} || CASE WHEN ${count} = 1 THEN ' value' ELSE ' values' END
      || ${` where ${expected} are expected by format ${name}: ${wayOut}`} END`;
}
