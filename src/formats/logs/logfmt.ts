/** logfmt: `level=info msg="it works" took=1.5 ok`: quoted values have JSON's escapes, a bare key is true. */

import { id, join, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { type KeyedColumn, keyOf } from "../column-names.ts";
import type { Format, Shape } from "../format.ts";
import { linesOf, unlessMarked } from "../lines.ts";
import { firstMisfit, misfitInText, strictText } from "../values/columns.ts";
import { misfitReason } from "../values/misfit.ts";
import { quickReader, strictReader, type ValueReader } from "../values/strict.ts";
import { required } from "./layout/token-values.ts";

const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;
const PAIR = String.raw`([^\s="]+)(?:=(?:${QUOTED}|[^\s"]*))?`;
/** At least one pair has a value: a text of words alone is no logfmt. */
const LINE = String.raw`^\s*(?:${PAIR}\s+)*[^\s="]+=(?:${QUOTED}|[^\s"]*)(?:\s+${PAIR})*\s*$`;
const NO_LOGFMT = 'The line is no logfmt: pairs like level=info msg="some words" are expected';

export const logfmtFormat: Format = {
  name: "logfmt",
  summary: 'pairs like level=info msg="some words"; columns by schema, or found from the first lines',
  columnsInInput: true,
  columns: ({ columns }) => columns,
  read: (path, shape) => readPairs(path, shape, quickReader(shape.timezone)),
  exact: { read: (path, shape) => readPairs(path, shape, strictReader(shape.timezone)) },
  findUnfit(_database, path, { columns, timezone }, take) {
    const reader = strictReader(timezone);
    const misfits = columns.map((column) => misfitInText(columnText(column), column, reader));
    return take(sql`SELECT index, coalesce(fault, ${misfitReason("misfit")}) AS reason FROM (
        SELECT index, CASE WHEN NOT is_logfmt THEN ${NO_LOGFMT} END AS fault,
          CASE WHEN is_logfmt THEN ${firstMisfit(misfits)} END AS misfit
        FROM (${pairsOf(path)}))
      WHERE fault IS NOT NULL OR misfit IS NOT NULL`);
  },
  mayJoinLines: false,
  blank: "white space",
  dropsByteOrderMark: true,
  plain: unlessMarked,
  otherEncoding: "latin1",
};

function readPairs(path: string, { columns }: Shape, reader: ValueReader): Sql {
  const values = columns.map(
    (column) => sql`${strictText(columnText(column), column, reader)} AS ${id(column.name)}`,
  );
  return sql`SELECT ${join(values, ",\n")} FROM (${pairsOf(path)})
    WHERE ${required(raw("is_logfmt"), NO_LOGFMT)}`;
}

/** Of an empty text, a text alone is a value. */
function columnText(column: KeyedColumn): Sql {
  const value = valueOf(keyOf(column));
  return column.type === "VARCHAR" ? value : sql`nullif(${value}, '')`;
}

/** SELECT index, is_logfmt, keys and pairs of each line. */
function pairsOf(path: string): Sql {
  return sql`SELECT index, regexp_matches(line, ${LINE}) AS is_logfmt,
      regexp_extract_all(line, ${PAIR}, 1) AS keys, regexp_extract_all(line, ${PAIR}) AS pairs
    FROM (${linesOf(path)}) WHERE regexp_matches(line, ${String.raw`[^\s\v]`})`;
}

/** The text of a key's first value; NULL where the key is missing. */
function valueOf(name: string): Sql {
  return valueOfPair(sql`pairs[list_position(keys, ${name})]`, sql`${name}`);
}

function valueOfPair(pair: Sql, key: Sql): Sql {
  const value = sql`substr(${pair}, length(${key}) + 2)`;
  const plain = sql`regexp_replace(${value}[2:-2], ${String.raw`\\(["\\])`}, ${String.raw`\1`}, 'g')`;
  return sql`CASE WHEN ${pair} = ${key} THEN 'true'
    WHEN starts_with(${value}, '"') THEN CASE WHEN contains(${value}, ${"\\"})
      THEN coalesce(TRY(CAST(${value} AS JSON) ->> '$'), ${plain}) ELSE ${value}[2:-2] END
    ELSE ${value} END`;
}

const JSON_NUMBER = String.raw`-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?`;

/** SELECT json: the lines as objects, in which numbers and true and false are such, and nothing is null. */
export function logfmtAsJson(path: string): Sql {
  const value = sql`CASE WHEN regexp_full_match(text, ${`${JSON_NUMBER}|true|false`}) THEN text
    WHEN text = '' THEN 'null' ELSE CAST(to_json(text) AS VARCHAR) END`;
  return sql`SELECT '{' || string_agg(to_json(key) || ':' || ${value}, ',' ORDER BY place) || '}' AS json
    FROM (SELECT index, place, key, ${valueOfPair(raw("pair"), raw("key"))} AS text
      FROM (SELECT index, unnest(keys) AS key, unnest(pairs) AS pair, generate_subscripts(keys, 1) AS place
        FROM (${pairsOf(path)}) WHERE is_logfmt))
    GROUP BY index ORDER BY index`;
}
