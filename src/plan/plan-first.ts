/**
 * De-duplication: `QUALIFY row_number() OVER (PARTITION BY key ORDER BY ts) = 1`. A key's first row is given
 * out when the watermark has passed it: an earlier one can't come any more. Then only the key is kept.
 */

import { id, type Sql, sql } from "../duckdb/sql.ts";
import { bareSelect, selectText, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { emitOnClose, named, viewOf } from "../operators/emit-on-close.ts";
import { keptRowsView } from "../operators/on-error/kept-rows.ts";
import { keptSuspects } from "../operators/on-error/suspects.ts";
import { restOfWindows } from "../operators/on-error/without.ts";
import type { Query } from "../operators/query.ts";
import { openStoredScan, storedScansOf } from "../operators/stored-scans.ts";
import type { AnalyzedQuery } from "../sql/analyzed-query.ts";
import { timesThrough } from "../sql/event-times.ts";
import { timesInFrom } from "../sql/join-bounds.ts";
import { meaningOf } from "../sql/lineage.ts";
import { whyNotRowWise } from "../sql/query-analysis.ts";
import { numberScans, scanNumberOf, withRelations } from "../sql/scan-numbering.ts";
import { columnHolding, hasMadeRows } from "../sql/syntax-facts.ts";
import { firstOfKey } from "./top-of-key.ts";

/** Undefined where the query is of another shape. */
export async function planFirst(analyzed: AnalyzedQuery): Promise<Query | undefined> {
  const { database, name, flat, written, columns, catalog, sources } = analyzed;
  const rank = firstOfKey(flat);
  if (rank === undefined || whyNotRowWise({ ...flat, qualify: null }, catalog) !== undefined)
    return undefined;
  const { tree, places } = await storedScansOf({ ...analyzed, query: name, select: flat });
  const [place] = places;
  // Nothing renames or hides the stream's own columns.
  const from = tree["from_table"] as TreeNode;
  const isStream =
    scanNumberOf(from) !== undefined && ((from["column_name_alias"] ?? []) as readonly string[]).length === 0;
  if (place === undefined || places.length > 1 || place.window !== undefined || !isStream) return undefined;
  const [by] = rank["orders"] as readonly TreeNode[];
  const times = [...place.input.times].map(([column]) => column);
  const time = meaningOf(
    (by?.["expression"] ?? {}) as TreeNode,
    timesInFrom(from, () => times),
  );
  const bound = [...place.input.times].find(([column]) => column.toLowerCase() === time?.column);
  const isEarliest =
    ["ORDER_DEFAULT", "ASCENDING"].includes(textIn(by, "type")) &&
    ["ORDER_DEFAULT", "NULLS LAST"].includes(textIn(by, "null_order"));
  if (bound === undefined || !isEarliest) return undefined;
  const held = (rank["partitions"] as readonly TreeNode[]).map((key) => columnHolding(flat, columns, key));
  const keys = [...new Set(held)];
  if (keys.length === 0 || !keys.every((key) => key !== undefined)) return undefined;
  const end = sql`${id(bound[0])}::TIMESTAMP + INTERVAL 1 MICROSECOND`;
  const store = await openStoredScan(
    analyzed,
    place,
    { sources, late: bound[1], bound: bound[1], end },
    bound[0],
  );
  const view = viewOf(store);
  return emitOnClose({
    name,
    columns,
    sources,
    times: timesThrough(tree, () => new Map([bound]), columns),
    stores: [store],
    rest: restOfWindows(flat),
    suspects: await keptSuspects(database, tree, catalog, keptRowsView(name), analyzed.own),
    streams: new Map([[store.name, place.input.name]]),
    overClosing: named(
      await selectText(
        database,
        withRelations(numberScans(written, catalog).tree, () => view),
      ),
      columns,
    ),
    once: keys,
    ...(hasMadeRows(flat) ? { seen: await seenKeys(analyzed, tree, rank, held, view) } : {}),
    explanation: {
      execution: "the first row of each key, when no earlier one can come",
      state: `rows ahead of the watermark, and every key of ${keys.join(", ")} given out`,
      until: `the watermark of ${sources.join(", ")} passes ${bound[0]}; the keys for ever`,
      why: "of a key, only its first row is in the answer",
    },
  });
}

/** The keys of the rows that close: a row that `unnest` gives no row for is first all the same. */
function seenKeys(
  { database }: AnalyzedQuery,
  tree: TreeNode,
  rank: TreeNode,
  held: readonly (string | undefined)[],
  view: string,
): Promise<Sql> {
  const partitions = rank["partitions"] as readonly TreeNode[];
  const keys = partitions.flatMap((key, index) => {
    const alias = held[index] ?? "";
    return held.indexOf(alias) === index ? [{ ...key, alias }] : [];
  });
  const rows = {
    ...bareSelect(tree, keys, tree["from_table"] as TreeNode),
    where_clause: tree["where_clause"] ?? null,
  };
  return selectText(
    database,
    withRelations(rows, () => view),
  );
}
