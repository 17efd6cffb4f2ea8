/**
 * Access logs whose entries are objects of JSON: parts of an entry are the variables, and the whole of it
 * stands in the column `extra`.
 */

import { raw, type Sql, sql } from "../../duckdb/sql.ts";
import type { Format } from "../format.ts";
import { linesOf, unlessMarked } from "../lines.ts";
import type { Variable } from "./layout/layout.ts";
import { logColumns, logValues, type TextValues } from "./layout/log-columns.ts";
import { required } from "./layout/token-values.ts";

export interface EntryField extends Omit<Variable, "text" | "at"> {
  /** SQL of its text, from the struct `entry`. */
  readonly from: Sql;
}

interface EntryFormat {
  readonly name: string;
  readonly summary: string;
  /** What is taken out of an entry, as `json_transform` has it. */
  readonly structure: object;
  readonly fields: readonly EntryField[];
  /** What an access log's entry has, and others of the same logger have not. */
  readonly isEntry: Sql;
  readonly otherwise: string;
}

export function entryFormat({ name, summary, structure, fields, isEntry, otherwise }: EntryFormat): Format {
  const variables = fields.map((field, at): Variable => ({ ...field, text: field.names[0] ?? "", at }));
  const columns = logColumns({ parts: variables, escapes: "none", more: "none" });
  const texts: TextValues = {
    text: (variable) => sql`nullif(${fields[variables.indexOf(variable)]?.from ?? raw("NULL")}, '')`,
  };
  const transformed = sql`json_transform(line, ${JSON.stringify(structure)})`;
  const entries = (path: string): Sql => sql`SELECT index, line, is_json,
      CASE WHEN is_json AND json_type(line) = 'OBJECT' THEN ${transformed} END AS entry
    FROM (SELECT index, line, json_valid(line) AS is_json
      FROM (${linesOf(path)}) WHERE regexp_matches(line, ${String.raw`[^\s\v]`}))`;
  return {
    name,
    summary,
    columns: () => [...columns.map((column) => ({ name: column.name, type: column.type })), EXTRA],
    read: (
      path,
      { timezone: zone },
    ) => sql`SELECT ${logValues(columns, { ...texts, zone })}, CAST(line AS JSON) AS extra
      FROM (${entries(path)}) WHERE ${required(sql`coalesce(${isEntry}, false)`, otherwise)}`,
    findUnfit(_database, path, { timezone: zone }, take) {
      const problems = columns.flatMap(({ problem }) => problem?.({ ...texts, zone }) ?? []);
      return take(sql`SELECT index, CASE WHEN NOT is_json THEN 'Malformed JSON'
          WHEN NOT coalesce(${isEntry}, false) THEN ${otherwise}
          ELSE coalesce(${[...problems, raw("NULL")]}) END AS reason
        FROM (${entries(path)}) WHERE reason IS NOT NULL`);
    },
    isJson: true,
    mayJoinLines: false,
    blank: "white space",
    dropsByteOrderMark: true,
    plain: unlessMarked,
    otherEncoding: "refuse",
  };
}

const EXTRA = { name: "extra", type: "JSON" };
