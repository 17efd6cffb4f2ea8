/**
 * The columns that a FROM clause gives, and which of them a reference means. DuckDB's binder is asked, over
 * relations of the same names whose columns have a type of their own each: the type tells the column.
 */

import { type Column, type Database, DuckdbError } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import { bareSelect, parseSelect, selectText, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { relationOf } from "./query-analysis.ts";
import type { StarColumn } from "./syntax-facts.ts";

/** What DuckDB calls a subquery without a name. */
export const UNNAMED = "unnamed_subquery";

/**
 * A column, as DuckDB has its name, or a field of it in lower case: DuckDB takes `s.k` and `s.K` for two
 * keys of a GROUP BY.
 */
interface ColumnMeant {
  readonly relation: string;
  readonly column: string;
  readonly fields: readonly string[];
}

export interface Scope {
  /** Undefined for what is no column of the FROM clause for sure. */
  columnOf(parts: readonly string[]): ColumnMeant | undefined;
  /** What `*`, `t.*` or COLUMNS(…) gives; undefined where it can't stand alone. */
  starColumns(star: TreeNode): readonly StarColumn[] | undefined;
}

interface Item {
  readonly from: TreeNode;
  readonly relation: string;
  readonly columns: readonly string[];
}

/** Throws a DuckdbError where the columns of an item are not known. */
export async function openScope(
  database: Database,
  from: TreeNode,
  references: readonly (readonly string[])[],
  stars: readonly TreeNode[],
): Promise<Scope> {
  const items: Item[] = [];
  for (const item of itemsOf(from)) items.push(await itemOf(database, from, item));
  const probe = probeOf(from, items);
  const texts = new Map(references.map((parts) => [keyOf(parts), parts]));
  const found = new Map<string, ColumnMeant>();
  const ask = async (all: readonly (readonly string[])[]): Promise<readonly (ColumnMeant | undefined)[]> => {
    const columns = await database.describe(sql`SELECT ${all.map((parts) => id(...parts))} FROM ${probe}`);
    return columns.map(({ type }) => columnOfType(type, items));
  };
  const whole = [...texts.values()];
  const together = whole.length === 0 ? [] : await ask(whole).catch(unbound);
  for (const [index, parts] of whole.entries()) {
    const meant = together === undefined ? await longestOf(parts, ask) : together[index];
    if (meant !== undefined) found.set(keyOf(parts), meant);
  }
  const given = new Map<TreeNode, readonly StarColumn[]>();
  for (const star of stars) {
    const columns = await database.describe(await starText(database, star, probe)).catch(unbound);
    if (columns !== undefined)
      given.set(
        star,
        columns.map((column) => starColumn(column, items)),
      );
    else {
      const fields = await fieldsOf(database, star, from);
      if (fields !== undefined) given.set(star, fields);
    }
  }
  return { columnOf: (parts) => found.get(keyOf(parts)), starColumns: (star) => given.get(star) };
}

/** The star over the probe; what it replaces is no column any more. */
async function starText(database: Database, star: TreeNode, probe: Sql): Promise<Sql> {
  const template = await parseSelect(database, "SELECT NULL");
  const [nothing] = template["select_list"] as readonly TreeNode[];
  const replaced = (star["replace_list"] as readonly TreeNode[]).map((entry) => ({
    ...entry,
    value: nothing ?? null,
  }));
  const bare = bareSelect(template, [{ ...star, replace_list: replaced }], { type: "EMPTY" });
  return sql`${await selectText(database, bare)} FROM ${probe}`;
}

/** What is no star of relations may be one of a STRUCT: its fields are no columns, but have their places. */
async function fieldsOf(
  database: Database,
  star: TreeNode,
  from: TreeNode,
): Promise<readonly StarColumn[] | undefined> {
  const template = await parseSelect(database, "SELECT NULL");
  const text = await selectText(database, bareSelect(template, [star], from));
  const columns = await database.describe(text).catch(unbound);
  return columns?.map(({ name }) => ({ name, relation: null, column: null }));
}

/** Of an outer join with USING, the column that both sides give is of neither. */
function starColumn({ name, type }: Column, items: readonly Item[]): StarColumn {
  const meant = columnOfType(type, items);
  if (meant !== undefined) return { name, relation: meant.relation, column: meant.column };
  return type === "VARCHAR" ? { name, relation: "", column: name } : { name, relation: null, column: null };
}

/** The column that a reference begins with: `s.k` is the field `k` of `s`, if no relation `s` has a `k`. */
async function longestOf(
  parts: readonly string[],
  ask: (all: readonly (readonly string[])[]) => Promise<readonly (ColumnMeant | undefined)[]>,
): Promise<ColumnMeant | undefined> {
  for (let length = parts.length; length > 0; length -= 1) {
    const [meant] = (await ask([parts.slice(0, length)]).catch(unbound)) ?? [];
    if (meant !== undefined)
      return { ...meant, fields: parts.slice(length).map((field) => field.toLowerCase()) };
  }
  return undefined;
}

function unbound(error: unknown): undefined {
  if (!(error instanceof DuckdbError)) throw error;
}

function keyOf(parts: readonly string[]): string {
  return parts.map((part) => part.toLowerCase()).join("\0");
}

function itemsOf(from: TreeNode): readonly TreeNode[] {
  if (from["type"] !== "JOIN") return [from];
  return [...itemsOf(from["left"] as TreeNode), ...itemsOf(from["right"] as TreeNode)];
}

async function itemOf(database: Database, from: TreeNode, item: TreeNode): Promise<Item> {
  const relation = relationOf(item);
  const columns = await describeItem(database, item).catch((error: unknown) => {
    // What names columns of the items before it can't stand alone.
    if (!(error instanceof DuckdbError) || relation === "") throw error;
    return describeItem(database, from, relation);
  });
  return { from: item, relation, columns };
}

async function describeItem(database: Database, from: TreeNode, relation = ""): Promise<readonly string[]> {
  const template = await parseSelect(database, "SELECT *");
  const [star] = template["select_list"] as readonly TreeNode[];
  const text = await selectText(database, bareSelect(template, [{ ...star, relation_name: relation }], from));
  return (await database.describe(text)).map(({ name }) => name);
}

function probeOf(from: TreeNode, items: readonly Item[]): Sql {
  if (from["type"] !== "JOIN") {
    const index = items.findIndex((item) => item.from === from);
    const columns = (items[index]?.columns ?? []).map(
      (name, column) => sql`NULL::${raw(typeOf(index, column))} AS ${id(name)}`,
    );
    const relation = items[index]?.relation ?? "";
    return sql`(SELECT ${join(columns)}) AS ${id(relation === "" ? UNNAMED : relation)}`;
  }
  const [left, right] = [from["left"], from["right"]].map((side) => {
    const text = probeOf(side as TreeNode, items);
    return (side as TreeNode)["type"] === "JOIN" ? sql`(${text})` : text;
  }) as [Sql, Sql];
  const type = textIn(from, "join_type").replace("OUTER", "FULL");
  const using = (from["using_columns"] ?? []) as readonly string[];
  if (textIn(from, "ref_type") === "NATURAL") return sql`${left} NATURAL ${raw(type)} JOIN ${right}`;
  if (textIn(from, "ref_type") === "POSITIONAL") return sql`${left} POSITIONAL JOIN ${right}`;
  if (using.length > 0)
    return sql`${left} ${raw(type)} JOIN ${right} USING (${using.map((name) => id(name))})`;
  return sql`${left} ${raw(type)} JOIN ${right} ON true`;
}

/** A type that no column of the user's can have here, as all of them are in the probe. */
function typeOf(item: number, column: number): string {
  return `ENUM('${item}_${column}')`;
}

function columnOfType(type: string, items: readonly Item[]): ColumnMeant | undefined {
  const [, item, column] = /^ENUM\('(\d+)_(\d+)'\)$/.exec(type) ?? [];
  const { relation, columns } = items[Number(item)] ?? {};
  const name = columns?.[Number(column)];
  return relation === undefined || relation === "" || name === undefined
    ? undefined
    : { relation, column: name, fields: [] };
}
