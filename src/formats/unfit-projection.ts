/**
 * Lines that are whole records, and that the source's `select:` fails on: found all at once, as DuckDB's TRY
 * is NULL where an expression fails. The reader itself stays the judge.
 */

import { type Database, DuckdbError } from "../duckdb/database.ts";
import { raw, type Sql, sql } from "../duckdb/sql.ts";
import { expressionText, parseSelect, replaceNodes, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { rowsWithTry } from "../duckdb/try.ts";
import { type Attributes, attributeJoin } from "./attributes.ts";
import { MAX_OWN_REASONS, SHARED_REASON } from "./shared-reason.ts";

interface Projection {
  readonly records: Sql;
  readonly attributes: Attributes | undefined;
  readonly select: Sql;
}

/** Reasons that lines of a segment have of their own: how many there are, and the first. */
export interface OwnReasons {
  count: number;
  first: string | undefined;
}

interface Asking {
  readonly own: OwnReasons;
  /** What the reader says of a line. */
  readonly refusalOf: (line: number) => Promise<string | undefined>;
}

/**
 * By line. `lines` are those that are written. Empty
 * where it can't be told, or where a line turns out to be fine.
 */
export async function unfitByProjection(
  database: Database,
  projection: Projection,
  lines: readonly number[],
  { own, refusalOf }: Asking,
): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  for (const index of await failingRows(database, projection, lines.length)) {
    const line = lines[index];
    if (line === undefined) return new Map();
    const reason = own.count < MAX_OWN_REASONS ? await refusalOf(line) : `${SHARED_REASON}${own.first ?? ""}`;
    if (reason === undefined) return new Map();
    own.count += 1;
    own.first ??= reason;
    found.set(line, reason);
  }
  return found;
}

/** Numbers of records, from 0. */
async function failingRows(
  database: Database,
  { records, attributes, select }: Projection,
  count: number,
): Promise<readonly number[]> {
  if (select.text.trim() === "*" || count === 0) return [];
  try {
    const tree = await parseSelect(database, sql`SELECT ${select} FROM records`.text);
    const texts: Sql[] = [];
    for (const node of computed(tree)) texts.push(await expressionText(database, tree, node));
    if (texts.length === 0) return [];
    const from = sql`FROM (${raw(records.text)})${attributeJoin(attributes)}`;
    const numbered = sql`(SELECT *, row_number() OVER () - 1 AS _number ${from})`;
    const { rows } = await database.row(sql`SELECT count(*) AS rows FROM ${numbered}`);
    if (Number(rows) !== count) return [];
    const failing = await rowsWithTry(
      database,
      sql`SELECT _number FROM ${numbered} WHERE TRY(row(${texts})) IS NULL ORDER BY _number`,
    );
    return failing.map((row) => Number(row["_number"]));
  } catch (error) {
    // The search has no say in what is wrong.
    if (error instanceof DuckdbError) return [];
    throw error;
  }
}

/** The expressions of a select list that do more than name a column, also in `* REPLACE (…)`. */
function computed(select: TreeNode): readonly TreeNode[] {
  const found: TreeNode[] = [];
  replaceNodes(select["select_list"] ?? [], (node) => {
    const kind = textIn(node, "class");
    if (kind === "" || kind === "STAR") return undefined;
    if (kind !== "COLUMN_REF" && kind !== "CONSTANT") found.push(node);
    return node;
  });
  return found;
}
