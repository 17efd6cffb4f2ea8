/**
 * The SQL of a merging aggregation, made from the user's syntax tree: keys become `_k0 …`, partial columns
 * `_p0_0 …`, finished aggregates `_r0 …`, and the user's own select list, HAVING and ORDER BY run over those.
 */

import { StreamkitError } from "../base/error.ts";
import { type Column, type Database, DuckdbError } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import {
  bareSelect,
  expressionText,
  fromClause,
  selectText,
  type Tree,
  type TreeNode,
  textIn,
} from "../duckdb/syntax.ts";
import { hasUnnamedStruct } from "../duckdb/type-text.ts";
import { isByType, isOrdered, mergingOf } from "./aggregates.ts";
import type { Merging } from "./merging.ts";
import { underscored } from "./own-names.ts";
import { aggregateCallsOf, columnRef, type GroupNames, rewriteOverGroups } from "./post-aggregation.ts";
import { freeName, OP_COLUMN, type OwnColumns, PLAIN_COLUMNS } from "./stream.ts";
import {
  type Catalog,
  directionOf,
  hasColumn,
  indexOfExpression,
  isColumn,
  modifiersOf,
  ordersOf,
  selectListOf,
} from "./syntax-facts.ts";
import { nameOf } from "./windows.ts";

export interface AggregateSql {
  readonly keyCount: number;
  /** The key columns of partial rows, and what a person calls them. */
  readonly keyNames: readonly Sql[];
  readonly keyColumns: readonly Column[];
  /** An aggregate of partial rows: how many values they hold. */
  readonly size: Sql;
  /** Whether a partial row holds more the more rows it stands for. */
  readonly holdsValues: boolean;
  /** The partial rows of the batch's input. */
  partial(batchId: number): Sql;
  /** Partial rows, one a key, from the partial rows in `from`. */
  combined(from: Sql): Sql;
  /** The user's answer from partial rows. */
  answer(from: Sql): Sql;
  /** The keys, from partial rows, of groups whose answer surely fails; undefined where none can. */
  failing(from: Sql): Sql | undefined;
  /**
   * What changed, with `_op`: rows of the keys in `touched` (all keys if undefined) now, and deletions of
   * those that HAVING no longer lets through. `before` is the state without the batch.
   */
  changes(everything: Sql, before: Sql, touched: Sql | undefined): Sql;
}

export interface AggregateRequest {
  readonly select: TreeNode;
  /** The columns of the user's own query. */
  readonly columns: readonly Column[];
  readonly keys: readonly TreeNode[];
  /** The FROM item with the query's input view in the stream's place. */
  readonly from: TreeNode;
  /** From the names of the key columns to the end of a row's window; undefined without a window. */
  readonly windowEnd: ((keyNames: readonly Sql[]) => Sql) | undefined;
  readonly timeColumn: string | undefined;
  /** From a row's window_start to its time; undefined where a window is too long for that to be of use. */
  readonly offsetUs: Sql | undefined;
  readonly catalog: Catalog;
  /** What the input's own columns are called. */
  readonly own: OwnColumns;
  /** As a former version made its state: without lists of values but those of `count(DISTINCT …)`. */
  readonly isLegacy: boolean;
  /** Where the windows are sessions: those of several batches may turn out to be one. */
  readonly session?: SessionKeys;
}

/** Which keys hold a session's key, start and end; a row that comes later than `gap` begins another one. */
interface SessionKeys {
  readonly key: number;
  readonly start: number;
  readonly end: number;
  readonly gap: Sql;
}

interface Aggregate {
  readonly node: TreeNode;
  readonly merging: Merging;
  readonly type: string;
  /** Of the aggregates with the same partial columns, the first one's number: theirs are stored once. */
  readonly storedBy: number;
}

/** Undefined where an aggregate does not merge. */
export async function aggregateSql(
  database: Database,
  request: AggregateRequest,
): Promise<AggregateSql | undefined> {
  const { select, keys, columns } = request;
  const isWindowed = request.windowEnd !== undefined;
  const expression = (node: TreeNode): Promise<Sql> => expressionText(database, select, node);
  const source = await fromClause(database, select, request.from, select["where_clause"] ?? null);
  const aggregates = await aggregatesOf(database, request, source, expression);
  if (aggregates === undefined) return undefined;
  const keyTexts = await Promise.all(keys.map(expression));
  const keyNames = keys.map((_key, index) => id(`_k${index}`));
  const partialName = (aggregate: number, index: number): Sql => id(`_p${aggregate}_${index}`);
  const partialsOf = (aggregate: number): Sql[] =>
    (aggregates[aggregate]?.merging.partials ?? []).map((_partial, index) =>
      partialName(aggregates[aggregate]?.storedBy ?? aggregate, index),
    );
  /** Those whose partial columns are no other's too. */
  const stored = [...aggregates.entries()].filter(([index, { storedBy }]) => storedBy === index);
  const { batch, end } = PLAIN_COLUMNS;

  // Without keys DuckDB gives a row of no rows too: its NULLs would be taken for a first or last value.
  const ofRows = raw(keys.some(hasColumn) ? "" : " HAVING count(*) > 0");
  const partial = (batchId: number): Sql => {
    const items = [
      ...keyTexts.map((text, index) => sql`${text} AS ${keyNames[index] ?? text}`),
      ...stored.flatMap(([aggregate, { merging }]) =>
        merging.partials.map((text, index) => sql`${text} AS ${partialName(aggregate, index)}`),
      ),
      sql`${batchId}::BIGINT AS ${batch}`,
    ];
    const groups = sql`SELECT ${join(items)} ${source} GROUP BY ALL${ofRows}`;
    // From the key, as it is cheaper than one more aggregate of every row.
    return request.windowEnd === undefined
      ? groups
      : sql`SELECT *, ${request.windowEnd(keyNames)} AS ${end} FROM (${groups})`;
  };
  const stateTypes = new Map((await database.describe(partial(0))).map(({ name, type }) => [name, type]));
  if ([...stateTypes.values()].some(hasUnnamedStruct)) return undefined;
  const asStored = (value: Sql, name: Sql): Sql =>
    sql`CAST(${value} AS ${raw(stateTypes.get(name.text.slice(1, -1)) ?? "VARCHAR")}) AS ${name}`;
  const groupBy = keys.length === 0 ? raw("") : sql` GROUP BY ${join(keyNames)}`;
  const { session } = request;
  const combined = (from: Sql): Sql => {
    const items = [
      ...(session === undefined ? keyNames : sessionItems(keyNames, session)),
      ...stored.flatMap(([aggregate, { merging }]) => {
        const names = partialsOf(aggregate);
        return merging.combine(names).map((value, index) => asStored(value, names[index] ?? value));
      }),
      sql`max(${batch}) AS ${batch}`,
      ...(isWindowed ? [sql`max(${end}) AS ${end}`] : []),
    ];
    if (session !== undefined)
      return sql`SELECT ${join(items)} FROM (${numberedSessions(from, keyNames, session)}) AS parts
        GROUP BY ${keyNames[session.key] ?? raw("ALL")}, _session`;
    return sql`SELECT ${join(items)} FROM ${from} AS parts${groupBy}`;
  };
  const finished = (from: Sql): Sql => {
    const results = aggregates.map(
      ({ merging, type }, index) =>
        sql`CAST(${merging.finish(partialsOf(index))} AS ${raw(type)}) AS ${id(`_r${index}`)}`,
    );
    const given = [...keyNames, ...results];
    return sql`SELECT ${given.length === 0 ? [raw("NULL AS _none")] : given} FROM (${combined(from)})`;
  };

  const nodes = aggregates.map(({ node }) => node);
  const rewrite = (tree: Tree): Tree =>
    rewriteOverGroups(tree, { keys, aggregates: nodes }, request.catalog, MERGED);
  const items = selectListOf(select).map((item, index) => ({
    ...(rewrite(item) as TreeNode),
    alias: columns[index]?.name ?? "",
  }));
  const answerOf = (list: readonly TreeNode[], where: Tree): Promise<Sql> =>
    selectText(database, {
      ...bareSelect(select, list, MERGED_TABLE),
      where_clause: where,
      modifiers: modifiersOf(select).map((modifier) =>
        textIn(modifier, "type").startsWith("LIMIT") ? modifier : (rewrite(modifier) as TreeNode),
      ),
    });
  const taken = underscored(columns.map((column) => column.name));
  const flag = freeName("_having", taken);
  const flaggedKeys = keys.map((_key, index) => id(freeName(`_k${index}`, taken)));
  const having = select["having"] === null ? null : rewrite(select["having"] ?? null);
  const answerText = await answerOf(items, having);
  const failingText = await failingCondition();
  const flagged = having === null ? undefined : await flaggedTexts(having);

  async function flaggedTexts(condition: Tree): Promise<Sql> {
    const keyItems = keys.map((_key, index) => ({
      ...columnRef(`_k${index}`),
      alias: flaggedKeys[index]?.text.slice(1, -1) ?? "",
    }));
    return answerOf([...items, { ...(condition as TreeNode), alias: flag }, ...keyItems], null);
  }

  async function failingCondition(): Promise<Sql | undefined> {
    const values = items.filter((item) => !["COLUMN_REF", "CONSTANT"].includes(textIn(item, "class")));
    const failing = async (nodes: readonly TreeNode[]): Promise<Sql> =>
      sql`TRY(row(${await Promise.all(nodes.map(expression))})) IS NULL`;
    if (having === null) return values.length === 0 ? undefined : failing(values);
    const condition = await expression(having as TreeNode);
    const ofValues = values.length === 0 ? raw("false") : await failing(values);
    return sql`${await failing([having as TreeNode])} OR (TRY(${condition}) AND ${ofValues})`;
  }

  const withMerged = (merged: Sql, answer: Sql): Sql => sql`WITH _merged AS (${merged}) ${answer}`;
  const sizes = stored.flatMap(([aggregate, { merging }]) =>
    merging.size === undefined ? [] : sql`coalesce(sum(${merging.size(partialsOf(aggregate))}), 0)`,
  );
  const result: AggregateSql = {
    keyCount: keys.length,
    keyNames,
    keyColumns: keys.map((key, index) => ({
      name:
        columns[indexOfExpression(selectListOf(select), key)]?.name ??
        nameOf(key) ??
        keyTexts[index]?.text ??
        "",
      type: stateTypes.get(`_k${index}`) ?? "VARCHAR",
    })),
    size: join([raw("count(*)"), ...sizes], " + "),
    holdsValues: sizes.length > 0,
    partial,
    combined,
    answer: (from) => withMerged(finished(from), answerText),
    failing: (from) =>
      failingText === undefined
        ? undefined
        : withMerged(finished(from), sql`SELECT ${keyNames} FROM _merged WHERE ${failingText}`),
    changes(everything, before, touched) {
      const only = (from: Sql): Sql =>
        touched === undefined ? from : sql`(FROM ${from} AS parts ${semiJoin(keyNames, touched)})`;
      if (flagged === undefined) {
        const answer = withMerged(finished(only(everything)), answerText);
        return sql`SELECT *, 'upsert' AS ${id(OP_COLUMN)} FROM (${answer})`;
      }
      // Without keys there is a row even of no state: nobody was given that one.
      const ofState = keys.length > 0 ? raw("") : sql`WHERE EXISTS (FROM ${before})`;
      const sameKey = flaggedKeys.map((name) => sql`now.${name} IS NOT DISTINCT FROM old.${name}`);
      const isShown = id(flag);
      return sql`SELECT now.* EXCLUDE (${[isShown, ...flaggedKeys]}),
          CASE WHEN now.${isShown} THEN 'upsert' ELSE 'delete' END AS ${id(OP_COLUMN)}
        FROM (${withMerged(finished(only(everything)), flagged)}) AS now
        LEFT JOIN (SELECT * FROM (${withMerged(finished(only(before)), flagged)}) ${ofState}) AS old
        ON ${sameKey.length === 0 ? raw("true") : join(sameKey, " AND ")}
        WHERE now.${isShown} OR old.${isShown}`;
    },
  };
  await mustBind(database, result.answer(sql`(${partial(0)})`));
  return result;
}

/** The names of keys and finished aggregates in `_merged`. */
const MERGED: GroupNames = { relation: "_merged", key: "_k", aggregate: "_r" };
const MERGED_TABLE: TreeNode = {
  type: "BASE_TABLE",
  schema_name: "",
  table_name: "_merged",
  catalog_name: "",
  at_clause: null,
};

/** The start and end of what turned out to be one session; they take the place of their keys. */
function sessionItems(keyNames: readonly Sql[], { key, start, end }: SessionKeys): Sql[] {
  return keyNames.map((name, index) => {
    if (index === key) return name;
    return sql`${raw(index === start ? "min" : index === end ? "max" : "any_value")}(${name}) AS ${name}`;
  });
}

/** Sessions of single batches, with the same number `_session` where less than the gap is between them. */
function numberedSessions(from: Sql, keyNames: readonly Sql[], { key, start, end, gap }: SessionKeys): Sql {
  const name = (index: number): Sql => keyNames[index] ?? raw("NULL");
  const inOrder = sql`PARTITION BY ${name(key)} ORDER BY ${name(start)}`;
  const before = sql`max(${name(end)} - ${gap}) OVER (${inOrder}
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)`;
  return sql`SELECT *, CASE WHEN ${name(start)} IS NULL THEN -1
      ELSE sum(_is_first) OVER (${inOrder} ROWS UNBOUNDED PRECEDING) END AS _session
    FROM (SELECT *, CASE WHEN ${name(start)} - ${before} < ${gap} THEN 0 ELSE 1 END AS _is_first
      FROM ${from} AS parts) AS parts`;
}

function semiJoin(keyNames: readonly Sql[], touched: Sql): Sql {
  const same = keyNames.map((name) => sql`parts.${name} IS NOT DISTINCT FROM touched.${name}`);
  return sql`SEMI JOIN ${touched} AS touched ON ${same.length === 0 ? raw("true") : join(same, " AND ")}`;
}

async function aggregatesOf(
  database: Database,
  { select, catalog, own, timeColumn, offsetUs, session, isLegacy }: AggregateRequest,
  source: Sql,
  expression: (node: TreeNode) => Promise<Sql>,
): Promise<Aggregate[] | undefined> {
  const isSession = session !== undefined;
  const clauses = [select["select_list"], select["having"], select["modifiers"]] as Tree;
  const nodes = aggregateCallsOf(clauses, catalog);
  const aggregates: Aggregate[] = [];
  for (const node of nodes) {
    const [column] = await database.describe(sql`SELECT ${await expression(node)} ${source}`);
    const type = column?.type ?? "VARCHAR";
    // Of sessions of one batch that turn out to be one, nobody knows which had the first row.
    if (isSession && isOrdered(textIn(node, "function_name").toLowerCase())) return undefined;
    const [first] = node["children"] as readonly TreeNode[];
    const name = textIn(node, "function_name").toLowerCase();
    const [value] =
      first !== undefined && isByType(node, name)
        ? await database.describe(sql`SELECT ${await expression(first)} ${source}`)
        : [];
    const merging: Merging | undefined = mergingOf(node, {
      name,
      arguments: await Promise.all((node["children"] as readonly TreeNode[]).map(expression)),
      orders: await Promise.all(
        ordersOf(node).map(async (item) => ({
          value: await expression(item["expression"] as TreeNode),
          direction: directionOf(item),
        })),
      ),
      filter: node["filter"] === null ? undefined : await expression(node["filter"] as TreeNode),
      type,
      valueType: value?.type,
      offsetUs: isColumn(rankOf(node) ?? {}, [timeColumn ?? ""]) ? offsetUs : undefined,
      order: own.order,
      keepsValues: timeColumn !== undefined && !isLegacy,
      mergesOrdered: !isLegacy,
    });
    if (merging === undefined) return undefined;
    const same = isLegacy ? -1 : aggregates.findIndex((known) => isStoredAlike(known.merging, merging));
    aggregates.push({ node, merging, type, storedBy: same < 0 ? aggregates.length : same });
  }
  return aggregates;
}

/** What a call ranks its rows by, from the least to the greatest, where that is one expression. */
function rankOf(call: TreeNode): TreeNode | undefined {
  const [order, ...more] = ordersOf(call);
  if (order === undefined) return (call["children"] as readonly TreeNode[])[1];
  const isRising = more.length === 0 && directionOf(order).startsWith("ASC");
  return isRising ? (order["expression"] as TreeNode) : undefined;
}

function isStoredAlike(a: Merging, b: Merging): boolean {
  const textOf = ({ partials, combine }: Merging): string =>
    join([...partials, ...combine(partials.map((_partial, index) => raw(`${index}`)))], "\n").text;
  return textOf(a) === textOf(b);
}

/**
 * A tree that DuckDB can't bind after our rewrite is a fault of ours: found at plan time, not in the stream.
 */
async function mustBind(database: Database, query: Sql): Promise<void> {
  try {
    await database.describe(query);
  } catch (error) {
    if (!(error instanceof DuckdbError)) throw error;
    throw new StreamkitError("bug", `The query can't be taken apart: ${error.message}`, { cause: error });
  }
}
