/**
 * Queries that bring rows of several places together. A row that is fine until it meets another one may be
 * the cause all the same: what is looked at first is what the query says of one place alone.
 */

import type { Database } from "../../duckdb/database.ts";
import { id, join, type Sql, sql } from "../../duckdb/sql.ts";
import { nodesOf, type TreeNode } from "../../duckdb/syntax.ts";
import { relationOf } from "../../sql/query-analysis.ts";
import { scanNumberOf } from "../../sql/scan-numbering.ts";
import { CHECKPOINT, relation, type Stream } from "../../sql/stream.ts";
import type { Catalog } from "../../sql/syntax-facts.ts";
import type { Store } from "../store.ts";
import type { StoredScan } from "../stored-scans.ts";
import type { LateRows } from "./batch-rows.ts";
import type { KeptStore } from "./kept-rows.ts";
import { placeSuspects } from "./suspects.ts";

/** A place of a query whose store holds rows, and its rows with which the query surely fails. */
interface Partner {
  readonly store: Store;
  readonly input: Stream;
  readonly alias: string;
  /** The condition, on rows that go by the alias. */
  readonly suspects: Sql;
}

export interface Partners {
  /** Rows of the batch that are blamed before others. */
  readonly late: readonly LateRows[];
  /** State rows: those that may be the cause by themselves, or all. */
  kept(which: "suspects" | "all"): readonly KeptStore[];
  /** The former, among rows of a store that are given. */
  among(rowsOf: (store: Store) => Sql): readonly KeptStore[];
}

/** `tree` is marked and in resolved names. */
export async function partnersOf(
  database: Database,
  catalog: Catalog,
  tree: TreeNode,
  places: readonly StoredScan[],
  storeOf: (place: StoredScan) => Store,
): Promise<Partners> {
  const partners: Partner[] = [];
  for (const [scan, place] of places.entries()) {
    const item = [...nodesOf(tree)].find((node) => scanNumberOf(node) === scan);
    if (place.kind !== "rows" || item === undefined) continue;
    const alias = relationOf(item);
    const suspects = await placeSuspects(database, tree, alias, catalog);
    if (suspects !== undefined) partners.push({ store: storeOf(place), input: place.input, alias, suspects });
  }
  const rowStores = [...new Set(places.map(storeOf))].filter(({ holdsRows }) => holdsRows === true);
  const streamOf = (store: Store): string =>
    places.find((place) => storeOf(place) === store)?.input.name ?? "";
  const among: Partners["among"] = (rowsOf) =>
    rowStores.flatMap((store) => {
      const rowName = [store.own.batch, store.own.order];
      const conditions = partners
        .filter((partner) => partner.store === store)
        .map(
          ({ alias, suspects }) =>
            sql`SELECT ${rowName} FROM ${rowsOf(store)} AS ${id(alias)} WHERE ${suspects}`,
        );
      if (conditions.length === 0) return [];
      const rows = sql`(FROM ${rowsOf(store)} AS parts
        WHERE (${rowName}) IN (${join(conditions, " UNION ALL ")}))`;
      return [{ store, stream: streamOf(store), rows }];
    });
  const stateOf = (store: Store): Sql => id(CHECKPOINT, store.state.table);
  return {
    late: partners.map(({ store, input, alias, suspects }) => ({
      table: input.table ?? input.name,
      numbers: sql`SELECT ${store.own.order} FROM ${id(relation.input(store.name))} AS ${id(alias)}
        WHERE ${suspects}`,
    })),
    kept: (which) =>
      which === "suspects"
        ? among(stateOf)
        : rowStores.map((store) => ({ store, stream: streamOf(store), rows: stateOf(store) })),
    among,
  };
}
