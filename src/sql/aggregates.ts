/**
 * Aggregates that merge: a batch's rows become partial columns, and partial columns of many batches merge
 * into the aggregate's value with ordinary aggregates. What is not in this list needs its rows kept.
 *
 * Rows that tie are in the source's order: `_o` orders the rows of a batch, `_b` the batches. So `arg_min`
 * and `arg_max` take the first of them, as when DuckDB reads the whole input in one thread, and `last(x ORDER
 * BY t)` the last.
 */

import { join, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { TreeNode } from "../duckdb/syntax.ts";
import { type AggregateCall, andFilter, filtered, type Merging, part, type Rule } from "./merging.ts";
import { MAX_BATCH_ROWS, PLAIN_COLUMNS } from "./stream.ts";
import { approximateCount, distinctCount, ofValues } from "./value-lists.ts";

/** A little more than a day: times the rows of a batch it is still a BIGINT. */
export const MAX_OFFSET_US = 1e11;

const { batch } = PLAIN_COLUMNS;
const finishFirst = ([value]: readonly Sql[]): Sql => part(value);

const added: Rule = (call) => ({
  partials: [plainCall(call)],
  combine: ([partial]) => [sumOf(part(partial), call.type)],
  finish: finishFirst,
});

/**
 * The sum of partial sums. DuckDB 1.5 checks a sum of 128 bits for overflow as it adds rows, but not where it
 * adds what several threads or relations gave: there it wraps, which a sum of doubles tells.
 */
function sumOf(partial: Sql, type: string): Sql {
  const sum = sql`sum(${partial})`;
  const scale = /^(?:HUGEINT|DECIMAL\(38, ?(\d+)\))$/.exec(type);
  if (scale === null) return sum;
  const least = raw(`1e${38 - Number(scale[1] ?? 0)}`);
  return sql`CASE WHEN abs(${sum}::DOUBLE - sum(${partial}::DOUBLE)) >= ${least}
    THEN error('Overflow in a sum of ' || ${type}) ELSE ${sum} END`;
}

const counted: Rule = (call) => ({
  partials: [plainCall(call)],
  combine: ([partial]) => [sql`sum(${part(partial)})`],
  finish: ([partial]) => sql`coalesce(${part(partial)}, 0)`,
});

/** Aggregates that merge with themselves. */
const repeated: Rule = (call) =>
  call.arguments.length !== 1
    ? undefined
    : {
        partials: [plainCall(call)],
        combine: ([partial]) => [sql`${raw(call.name)}(${part(partial)})`],
        finish: finishFirst,
      };

const average: Rule = ({ arguments: [value], filter }) =>
  value === undefined
    ? undefined
    : {
        partials: [sql`sum(${value})${filtered(filter)}`, sql`count(${value})${filtered(filter)}`],
        combine: ([total, count]) => [sql`sum(${part(total)})`, sql`sum(${part(count)})`],
        finish: ([total, count]) => sql`${part(total)}::DOUBLE / ${part(count)}`,
      };

const extreme =
  (direction: "ASC" | "DESC"): Rule =>
  ({ arguments: [value, by, more], filter, offsetUs, order }) => {
    if (value === undefined || by === undefined || more !== undefined) return undefined;
    const and = andFilter(filter);
    const counts = sql`${value} IS NOT NULL AND ${by} IS NOT NULL${and}`;
    const best = raw(direction === "ASC" ? "min" : "max");
    const later = raw(direction === "ASC" ? "+" : "-");
    // An infinite time has no offset, and shares its window with its like only.
    const rank = sql`CASE WHEN ${by} IS NOT NULL
      THEN coalesce(${offsetUs ?? raw("0")}, 0) * ${MAX_BATCH_ROWS} ${later} ${order} END`;
    const ranked = [
      sql`arg_${best}(${value}, ${rank})${filtered(filter)}`,
      sql`${best}(CASE WHEN ${value} IS NOT NULL THEN ${by} END)${filtered(filter)}`,
    ];
    return {
      partials:
        offsetUs !== undefined
          ? ranked
          : [
              sql`first(${value} ORDER BY ${by} ${raw(direction)} NULLS LAST, ${order}) FILTER (${counts})`,
              sql`${best}(${by}) FILTER (${counts})`,
            ],
      combine: ([bestValue, bestBy]) => [
        sql`first(${part(bestValue)} ORDER BY ${part(bestBy)} ${raw(direction)} NULLS LAST, ${batch})
            FILTER (${part(bestBy)} IS NOT NULL)`,
        sql`${best}(${part(bestBy)})`,
      ],
      finish: finishFirst,
    };
  };

/** `first` and `last` take NULLs too, so a filter could leave a batch without a row to speak of. */
const positional =
  (name: "first" | "last"): Rule =>
  (call) => {
    const [value] = call.arguments;
    if (call.orders.length > 0) return inOrder(name, call);
    return value === undefined || call.filter !== undefined
      ? undefined
      : {
          partials: [sql`${raw(name)}(${value} ORDER BY ${call.order})`],
          combine: ([partial]) => [sql`${raw(name)}(${part(partial)} ORDER BY ${batch})`],
          finish: finishFirst,
        };
  };

/** `first` and `last` of an order, with the value and its place in that order as partial columns. */
function inOrder(name: "first" | "last", call: AggregateCall): Merging | undefined {
  const { filter, order, orders, offsetUs, mergesOrdered } = call;
  const [value, more] = call.arguments;
  const [by] = orders;
  if (!mergesOrdered || value === undefined || more !== undefined || by === undefined) return undefined;
  const best = raw(name === "first" ? "min" : "max");
  const items = orders.map((item) => sql`${item.value} ${raw(item.direction)}`);
  const found =
    offsetUs === undefined
      ? sql`${raw(name)}(${value} ORDER BY ${[...items, order]})`
      : sql`arg_${best}_null(${value}, coalesce(${offsetUs}, 0) * ${MAX_BATCH_ROWS} + ${order})`;
  // A sort key is never NULL, unlike the time of a row in the window of those without one.
  const sortKey = orders.flatMap((item) => [item.value, sql`${item.direction}`]);
  const place =
    offsetUs === undefined || filter !== undefined
      ? sql`${best}(create_sort_key(${sortKey}))`
      : sql`${best}(${by.value})`;
  const ofRows = (at: Sql): Sql => filtered(filter && sql`${at} IS NOT NULL`);
  return {
    partials: [sql`${found}${filtered(filter)}`, sql`${place}${filtered(filter)}`],
    combine: ([one, at]) => [
      sql`${raw(name)}(${part(one)} ORDER BY ${part(at)}, ${batch})${ofRows(part(at))}`,
      sql`${best}(${part(at)})`,
    ],
    finish: finishFirst,
  };
}

const anyValue: Rule = ({ arguments: [value], filter, order }) =>
  value === undefined
    ? undefined
    : {
        partials: [sql`any_value(${value} ORDER BY ${order})${filtered(filter)}`],
        combine: ([partial]) => [sql`any_value(${part(partial)} ORDER BY ${batch})`],
        finish: finishFirst,
      };

const RULES: Readonly<Record<string, Rule>> = {
  count: counted,
  count_star: counted,
  // Of NULLs alone it is NULL, unlike other counts.
  count_if: added,
  countif: added,
  sum: added,
  min: repeated,
  max: repeated,
  bool_and: repeated,
  bool_or: repeated,
  bit_and: repeated,
  bit_or: repeated,
  bit_xor: repeated,
  avg: average,
  mean: average,
  arg_min: extreme("ASC"),
  argmin: extreme("ASC"),
  min_by: extreme("ASC"),
  arg_max: extreme("DESC"),
  argmax: extreme("DESC"),
  max_by: extreme("DESC"),
  first: positional("first"),
  arbitrary: positional("first"),
  last: positional("last"),
  any_value: anyValue,
  approx_count_distinct: approximateCount,
  median: ofValues,
  mad: ofValues,
  quantile: ofValues,
  quantile_cont: ofValues,
  quantile_disc: ofValues,
};

/** Whether an aggregate's value depends on the order of rows. */
export function isOrdered(name: string): boolean {
  return /^(?:arg_?(?:min|max)|(?:min|max)_by|first|last|arbitrary|any_value)$/.test(name);
}

/** Whether it depends on the type of a call's first argument how it merges. */
export function isByType(node: TreeNode, name: string): boolean {
  return node["distinct"] === true || name === "approx_count_distinct";
}

/** How a call merges; undefined where it does not. `node` is the call's syntax tree. */
export function mergingOf(node: TreeNode, call: AggregateCall): Merging | undefined {
  if (node["export_state"] === true) return undefined;
  const isPositional = /^(?:first|last|arbitrary)$/.test(call.name);
  if (call.orders.length > 0 && !isPositional) return undefined;
  if (node["distinct"] === true) return call.name === "count" ? distinctCount(call) : undefined;
  // The average of times and intervals is no quotient of numbers.
  if (RULES[call.name] === average && call.type !== "DOUBLE") return undefined;
  return RULES[call.name]?.(call);
}

function plainCall({ name, arguments: args, filter }: AggregateCall): Sql {
  return sql`${raw(name)}(${join(args)})${filtered(filter)}`;
}
