/**
 * Aggregates of which only their values tell: the values themselves are the partial, as lists. That is less
 * than the rows, which have other columns too.
 */

import { join, raw, type Sql, sql } from "../duckdb/sql.ts";
import { andFilter, type Merging, part, type Rule } from "./merging.ts";

/** Values that are told apart by what they are alone, without an order or parts of their own. */
const PLAIN_TYPE =
  /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|BOOLEAN|VARCHAR|DATE|TIMESTAMP|UUID|DOUBLE|FLOAT|DECIMAL.*)$/;

const FLOAT_TYPE = /^(?:DOUBLE|FLOAT)$/;

/** The values themselves are the partial: fewer than the rows, as often as they repeat. */
const distinctValues = ({
  arguments: [value, more],
  filter,
  valueType,
}: Parameters<Rule>[0]): Omit<Merging, "finish"> | undefined => {
  if (value === undefined || more !== undefined || !PLAIN_TYPE.test(valueType ?? "")) return undefined;
  const and = andFilter(filter);
  // NaN is one value, but lists hold it as often as it was put there.
  const isNan = FLOAT_TYPE.test(valueType ?? "") ? sql`isnan(${value})` : raw("false");
  return {
    partials: [
      sql`list(DISTINCT ${value}) FILTER (${value} IS NOT NULL AND NOT ${isNan}${and})`,
      sql`coalesce(bool_or(${isNan}) FILTER (${value} IS NOT NULL${and}), false)`,
    ],
    combine: ([values, nan]) => [
      sql`list_distinct(flatten(list(${part(values)})))`,
      sql`bool_or(${part(nan)})`,
    ],
    size: ([values]) => lengthOf(values),
  };
};

export const distinctCount: Rule = (call) => {
  const values = distinctValues(call);
  return (
    values && {
      ...values,
      finish: ([list, nan]) => sql`${lengthOf(list)} + coalesce(${part(nan)}, false)::BIGINT`,
    }
  );
};

/** The same sketch of the values as of the rows: a value that comes again changes nothing in it. */
export const approximateCount: Rule = (call) => {
  const values = call.keepsValues ? distinctValues(call) : undefined;
  const type = call.valueType ?? "";
  return (
    values && {
      ...values,
      finish: ([list, nan]) => {
        const withNan = sql`list_append(coalesce(${part(list)}, []), 'nan'::${raw(type)})`;
        const all = FLOAT_TYPE.test(type)
          ? sql`CASE WHEN ${part(nan)} THEN ${withNan} ELSE ${part(list)} END`
          : part(list);
        return sql`coalesce(list_aggr(${all}, 'approx_count_distinct'), 0)`;
      },
    }
  );
};

/** Aggregates that ask for their values in no order, and may have parameters. */
export const ofValues: Rule = ({ name, arguments: [value, ...parameters], filter, keepsValues }) => {
  if (value === undefined || !keepsValues) return undefined;
  const and = andFilter(filter);
  const given = parameters.map((parameter) => sql`, ${parameter}`);
  return {
    partials: [sql`list(${value}) FILTER (${value} IS NOT NULL${and})`],
    combine: ([values]) => [sql`flatten(list(${part(values)}))`],
    finish: ([values]) => sql`list_aggr(${part(values)}, ${name}${join(given, "")})`,
    size: ([values]) => lengthOf(values),
  };
};

function lengthOf(list: Sql | undefined): Sql {
  return sql`coalesce(len(${part(list)}), 0)`;
}
