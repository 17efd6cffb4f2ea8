/**
 * W3C's extended log format, as IIS, CloudFront and others write it. Lines that begin with `#` are no
 * records; the `#Fields:` line before a record names its values, and there may be several in a file. Where a
 * segment begins in the middle of a file, its source says which one was before it.
 *
 * https://www.w3.org/TR/WD-logfile.html
 */

import { id, join, raw, type Sql, sql } from "../../duckdb/sql.ts";
import type { Format, Shape } from "../format.ts";
import { linesOf, unlessMarked } from "../lines.ts";
import type { Variable } from "./layout/layout.ts";
import { type LogColumn, logColumns, logValues, type TextValues } from "./layout/log-columns.ts";
import { required } from "./layout/token-values.ts";
import { CLOUDFRONT_FIELDS, IIS_FIELDS, W3C_COLUMNS } from "./w3c-fields.ts";

const IS_RECORD = raw('coalesce(len("values") = place.fields, false)');
const EXTRA = { name: "extra", type: "JSON" };
const DATE_AND_TIME: Variable = {
  text: "date time",
  at: 0,
  names: ["ts"],
  type: { time: { strptime: "%Y-%m-%d %H:%M:%S" } },
};
const FRACTION = String.raw`\.\d+$`;

/** `usual` are the fields of a log that has no `#Fields` line. */
function extendedFormat(name: string, summary: string, usual: readonly string[] | undefined): Format {
  const known = W3C_COLUMNS.map((each, at) => ({
    variable: { ...each, text: each.names[0] ?? "", at },
    ...each,
  }));
  const variables = [DATE_AND_TIME, ...known.map(({ variable }) => variable)];
  const columns = logColumns({ parts: variables, escapes: "none", more: "none" }).map(withFraction);
  const texts: TextValues = {
    text(variable) {
      if (variable === DATE_AND_TIME)
        return sql`${valueAt("date")} || ' ' || split_part(${valueAt("time")}, '.', 1)`;
      const text = valueAt(variable.names[0] ?? "");
      return variable.names[0] === "agent" ? spaced(text) : text;
    },
  };
  const records = (path: string, { header }: Shape): Sql => recordsOf(path, header ?? usual);
  return {
    name,
    summary,
    columns: () => [...columns.map((column) => ({ name: column.name, type: column.type })), EXTRA],
    read: (
      path,
      shape,
    ) => sql`SELECT ${logValues(columns, { ...texts, zone: shape.timezone })}, ${extra()} AS extra
      FROM (${records(path, shape)})
      WHERE ${required(IS_RECORD, "The values are not those of #Fields")}`,
    findUnfit(_database, path, shape, take) {
      const problems = columns.flatMap(({ problem }) => problem?.({ ...texts, zone: shape.timezone }) ?? []);
      // A #Fields line is no line of the records' numbers.
      return take(sql`SELECT number AS index, CASE
          WHEN place IS NULL THEN ${`No #Fields line is before it, which format ${name} needs`}
          WHEN len("values") <> place.fields
            THEN len("values") || ' values where #Fields names ' || place.fields
          ELSE coalesce(${[...problems, raw("NULL")]}) END AS reason
        FROM (${records(path, shape)}) WHERE reason IS NOT NULL`);
    },
    mayJoinLines: false,
    blank: "comment",
    dropsByteOrderMark: true,
    plain: unlessMarked,
    otherEncoding: "latin1",
  };
}

export const w3cFormat: Format = extendedFormat(
  "w3c",
  "W3C's extended log format, by its #Fields lines; other fields stand in `extra`",
  undefined,
);
export const iisFormat: Format = extendedFormat("iis", "IIS's log, in W3C's extended format", IIS_FIELDS);
export const cloudfrontFormat: Format = extendedFormat(
  "cloudfront",
  "CloudFront's access log, in W3C's extended format",
  CLOUDFRONT_FIELDS,
);

/** Fractions of a second, which a few servers write. */
function withFraction(column: LogColumn): LogColumn {
  if (column.name !== "ts") return column;
  const digits = sql`nullif(regexp_extract(${valueAt("time")}, ${FRACTION}), '')`;
  const fraction = sql`coalesce(CAST(${digits} AS DOUBLE), 0)`;
  return {
    ...column,
    value: (line) =>
      sql`${column.value(line)} + to_microseconds(CAST(round(${fraction} * 1000000) AS BIGINT))`,
  };
}

/** What stands in a column's field, without quotes; NULL where there is no such field. */
function valueAt(name: string): Sql {
  const value = sql`"values"[place.${id(name)}]`;
  return sql`nullif(CASE WHEN starts_with(${value}, '"') THEN replace(${value}[2:-2], '""', '"')
    ELSE ${value} END, '')`;
}

/** IIS writes `+` for a space, CloudFront `%20`. */
function spaced(text: Sql): Sql {
  return sql`CASE WHEN contains(${text}, ' ') THEN ${text}
    WHEN contains(${text}, '%20') THEN url_decode(${text})
    ELSE replace(${text}, '+', ' ') END`;
}

function extra(): Sql {
  return sql`CASE WHEN len(place.others) > 0
    THEN to_json(map(place.others, list_select("values", place.others_at))) END`;
}

/**
 * SELECT number (among the records, from 0), "values" and `place`: where in them each column stands, how many
 * there are, and which are no column's. `place` is NULL where no `#Fields` line is before the record.
 */
function recordsOf(path: string, fields: readonly string[] | undefined): Sql {
  const first =
    fields === undefined ? raw("NULL::VARCHAR[]") : sql`[${fields.map((field) => sql`${field}`)}]`;
  const written = sql`trim(line[9:], ' ' || chr(9))`;
  // Without names, it is what a source writes where no line of fields was before.
  const names = sql`CASE WHEN ${written} = '' THEN coalesce(${first}, [])
    ELSE string_split_regex(${written}, '[ \\t]+') END`;
  const plain = sql`string_split(line, CASE WHEN contains(line, chr(9)) THEN chr(9) ELSE ' ' END)`;
  const quoted = sql`regexp_extract_all(line, '(?:^|[ \\t])("(?:[^"]|"")*"|[^ \\t]*)', 1)`;
  // Both windows go line by line: they keep the order, which a join or a sorted window would not.
  return sql`WITH w3c_names AS (SELECT index, ${names} AS names
      FROM (${linesOf(path)}) WHERE starts_with(line, '#Fields:') UNION ALL SELECT -1, ${first})
    SELECT row_number() OVER () - 1 AS number, place,
      CASE WHEN contains(line, '"') AND len(${plain}) <> place.fields THEN ${quoted}
        ELSE ${plain} END AS "values"
    FROM (SELECT line, (SELECT list(place ORDER BY index) FROM (${placesOf()}))[section + 1] AS place
      FROM (SELECT line, count(*) FILTER (starts_with(line, '#Fields:'))
          OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS section
        FROM (${linesOf(path)}))
      WHERE line <> '' AND NOT starts_with(line, '#'))`;
}

/** SELECT index, place of each `#Fields` line; a column's place is NULL where it is not among the names. */
function placesOf(): Sql {
  const columns = [
    { name: "date", fields: ["date"] },
    { name: "time", fields: ["time"] },
    ...W3C_COLUMNS.map(({ names, fields }) => ({ name: names[0] ?? "", fields })),
  ];
  const places = columns.map(({ name, fields }) => {
    const found = fields.map((field) => sql`list_position(lower_names, ${field})`);
    return sql`${id(name)} := coalesce(${found})`;
  });
  const taken = columns.map(({ name }) => sql`first.${id(name)}`);
  const others = sql`list_filter(range(1, len(names) + 1),
    lambda spot: list_position(names, names[spot]) = spot
      AND NOT coalesce(list_contains([${taken}], spot), false))`;
  return sql`SELECT index, struct_insert(first, fields := len(names),
      others_at := others_at, others := list_select(names, others_at)) AS place
    FROM (SELECT *, ${others} AS others_at
      FROM (SELECT *, struct_pack(${join(places)}) AS first
        FROM (SELECT *, list_transform(names, lambda name: lower(name)) AS lower_names FROM w3c_names)))
    WHERE len(names) > 0
    UNION ALL SELECT index, NULL FROM w3c_names WHERE coalesce(len(names), 0) = 0`;
}
