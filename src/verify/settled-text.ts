/**
 * A query's text for the batch: where it orders rows inside of an aggregate, rows that tie are in the input's
 * order, as in the stream. Every other text is run as it is.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { parseSelect, replaceNodes, selectText, type TreeNode } from "../duckdb/syntax.ts";
import { named } from "../operators/emit-on-close.ts";
import { overInput } from "../operators/stored-scans.ts";
import { isAggregate } from "../sql/functions/classes.ts";
import { inInputOrder } from "../sql/input-order.ts";
import { withoutCtes } from "../sql/lineage.ts";
import { numberScans, scanNumberOf } from "../sql/scan-numbering.ts";
import { rowNumber } from "../sql/stream.ts";
import type { Catalog } from "../sql/syntax-facts.ts";

/**
 * `rowsOf`: by the name of a source, or of a query before this one, its rows with their places, in the
 * column `place`.
 */
export async function settledText(
  database: Database,
  text: string,
  rowsOf: ReadonlyMap<string, Sql>,
  place: string,
): Promise<Sql> {
  if (!/\border\s+by\b/i.test(text)) return raw(text);
  const names = new Map([...rowsOf.keys()].map((name) => [name.toLowerCase(), name]));
  const catalog: Catalog = {
    streamOf: (name) => names.get(name.toLowerCase()),
    tableOf: () => undefined,
    isAggregate,
  };
  const { tree, scans } = numberScans(withoutCtes(await parseSelect(database, text), catalog), catalog);
  const ordered = inInputOrder(tree, catalog, () => true, place);
  if (ordered.scans.size === 0) return raw(text);
  for (const [name, rows] of rowsOf)
    if ([...ordered.scans].some((scan) => scans[scan]?.stream === name))
      await database.run(sql`CREATE OR REPLACE VIEW ${id(placedOf(name))} AS ${rows}`);
  const settled = replaceNodes(ordered.tree, (node) => {
    const scan = scanNumberOf(node);
    const place = scan === undefined ? undefined : scans[scan];
    if (scan === undefined || place === undefined) return undefined;
    return ordered.scans.has(scan) ? overInput(place.from, placedOf(place.stream)) : place.from;
  }) as TreeNode;
  const columns = await database.describe(raw(text));
  return named(await selectText(database, settled), columns);
}

/** The rows of a table with their places, in the column `place`. */
export function placedRows(table: Sql, columns: readonly Column[], place: string): Sql {
  return sql`SELECT *, ${rowNumber(columns)} AS ${id(place)} FROM ${table}`;
}

/** Internal relations start with an underscore, which no name in a job may. */
function placedOf(stream: string): string {
  return `_placed_${stream}`;
}
