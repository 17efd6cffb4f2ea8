/** Formats over bare lines: `lines` takes each as it is, `regex` takes it apart with named groups. */

import { StreamkitError } from "../base/error.ts";
import type { Column } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import { namesAlike } from "./column-names.ts";
import type { Format, Shape } from "./format.ts";
import { innerFeedsOf } from "./inner-feeds.ts";
import { linesOf } from "./lines.ts";
import { firstMisfit, misfitInText, strictText } from "./values/columns.ts";
import { misfitReason } from "./values/misfit.ts";
import { quickReader, strictReader, type ValueReader } from "./values/strict.ts";

export const linesFormat: Format = {
  name: "lines",
  summary: "each line as one VARCHAR column `line`",
  columns: () => [{ name: "line", type: "VARCHAR" }],
  read: (path, shape) => sql`SELECT line FROM (${eventsOf(path, shape)})`,
  mayJoinLines: false,
  blank: "record",
  dropsByteOrderMark: false,
  otherEncoding: "latin1",
};

const NO_MATCH = "The line does not match the pattern";

export const regexFormat: Format = {
  name: "regex",
  summary: "a pattern with named groups; the groups are the columns, with the schema's types",
  columns: groupColumns,
  read: (path, shape) => readGroups(path, shape, quickReader(shape.timezone)),
  exact: { read: (path, shape) => readGroups(path, shape, strictReader(shape.timezone)) },
  findUnfit(_database, path, shape, take) {
    const reader = strictReader(shape.timezone);
    const misfits = groupColumns(shape).map((column) => misfitInText(groupText(column), column, reader));
    const names = captureNames(patternOf(shape)).map((name) => sql`${name}`);
    return take(sql`
      SELECT index, coalesce(fault, ${misfitReason("misfit")}) AS reason FROM (
        SELECT index, CASE WHEN NOT matches THEN ${NO_MATCH} END AS fault,
          CASE WHEN matches THEN ${firstMisfit(misfits)} END AS misfit
        FROM (SELECT index, regexp_matches(line, ${patternOf(shape)}) AS matches,
            regexp_extract(line, ${patternOf(shape)}, [${names}]) AS part
          FROM (${eventsOf(path, shape)})))
      WHERE fault IS NOT NULL OR misfit IS NOT NULL`);
  },
  mayJoinLines: false,
  blank: "white space",
  dropsByteOrderMark: false,
  otherEncoding: "latin1",
};

function readGroups(path: string, shape: Shape, reader: ValueReader): Sql {
  const columns = groupColumns(shape).map(
    (column) => sql`${strictText(groupText(column), column, reader)} AS ${id(column.name)}`,
  );
  const names = captureNames(patternOf(shape)).map((name) => sql`${name}`);
  return sql`SELECT ${join(columns)} FROM (
    SELECT CASE WHEN regexp_matches(line, ${patternOf(shape)}) THEN
      regexp_extract(line, ${patternOf(shape)}, [${names}])
      ELSE error(${NO_MATCH}) END AS part
    FROM (${eventsOf(path, shape)}) WHERE regexp_matches(line, ${String.raw`[^\s\v]`}))`;
}

/** What a group has found; nothing is NULL. */
function groupText({ name }: Column): Sql {
  return sql`nullif(part.${id(name)}, '')`;
}

/** Lines, or events of several. */
function eventsOf(path: string, { holdsInnerFeeds }: Shape): Sql {
  if (holdsInnerFeeds !== true) return linesOf(path);
  return sql`SELECT index, ${innerFeedsOf(raw("line"))} AS line FROM (${linesOf(path)})`;
}

function patternOf(shape: Shape): string {
  if (shape.pattern === undefined) throw new StreamkitError("job", "format regex needs its pattern");
  return plainGroups(shape.pattern);
}

/** RE2 writes a named group `(?P<name>…)`; people also write `(?<name>…)`. */
function plainGroups(pattern: string): string {
  return pattern.replace(/\(\?P?<([A-Za-z_]\w*)>/g, "(?P<$1>");
}

/**
 * A name for each capture group, in the pattern's order, as `regexp_extract` counts them: unnamed ones count
 * too.
 */
function captureNames(pattern: string): string[] {
  const groups = [...pattern.matchAll(/\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?P<([A-Za-z_]\w*)>|\((?!\?)/g)];
  return groups
    .filter(([text]) => text.startsWith("("))
    .map((match, index) => match[1] ?? `_unnamed_${index}`);
}

function groupColumns(shape: Shape): readonly Column[] {
  const typeOf = new Map(shape.columns.map(({ name, type }) => [name, type]));
  const names = captureNames(patternOf(shape)).filter((name) => !name.startsWith("_unnamed_"));
  if (names.length === 0) throw new StreamkitError("job", "The pattern has no named group (?<name>…)");
  const alike = namesAlike(names);
  if (alike !== undefined)
    throw new StreamkitError(
      "job",
      `The pattern has the groups "${alike[0]}" and "${alike[1]}", which are one column to SQL: rename one`,
    );
  const unknown = shape.columns.find(({ name }) => !names.includes(name));
  if (unknown !== undefined)
    throw new StreamkitError("job", `The pattern has no group "${unknown.name}": found ${names.join(", ")}`);
  return names.map((name) => ({ name, type: typeOf.get(name) ?? "VARCHAR" }));
}
