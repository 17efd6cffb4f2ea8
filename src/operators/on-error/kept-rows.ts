/**
 * What a store keeps, as units that can be hidden from the query: single rows, or all that ends at a time.
 */

import type { Database } from "../../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { rowsWithTry } from "../../duckdb/try.ts";
import { rowJson } from "../../formats/json-rows.ts";
import { endOf, PLAIN_COLUMNS } from "../../sql/stream.ts";
import type { Store } from "../store.ts";
import type { StepUnits } from "./aside.ts";
import { asideTable, putInto } from "./letters.ts";

/** Of our own table of kept rows; a store may call its columns otherwise. */
const { batch, order } = PLAIN_COLUMNS;

/** A store of rows, what of it is looked at, and the stream that the rows are of. */
export interface KeptStore {
  readonly store: Store;
  readonly stream: string;
  /** FROM text of state rows. */
  readonly rows: Sql;
}

/**
 * The rows of stores, one store after the other. A row is known by its batch and its place there, whatever
 * windows it is in. `slot` tells several choices of rows of a batch apart. `suspects`: rows `[_b, _o]` of the
 * only store that surely fail, from the relation `keptRowsView`.
 */
export async function openKeptRows(
  database: Database,
  slot: string,
  stores: readonly KeptStore[],
  suspects?: Sql,
): Promise<StepUnits> {
  const only = stores[0]?.rows ?? raw("");
  const kept = `_kept_${slot}`;
  const aside = `_aside_kept_${slot}`;
  const own = stores.map(({ store, stream, rows }, index) => {
    const columns = store.columns.filter(({ name }) => !/^window_(?:start|end)$/i.test(name));
    return sql`SELECT ${index} AS store, ${store.own.batch} AS ${batch}, ${store.own.order} AS ${order},
      ${stream} AS stream,
      ${rowJson(columns)} AS line FROM ${rows} AS parts`;
  });
  await database.run(sql`${asideTable(aside)};
    CREATE OR REPLACE TEMP TABLE ${id(kept)} AS SELECT *, row_number() OVER () - 1 AS position FROM
      (SELECT store, ${batch}, ${order}, any_value(stream) AS stream, any_value(line) AS line
       FROM (${join(own, " UNION ALL ")}) GROUP BY ALL ORDER BY store, ${batch}, ${order})`);
  const { rows } = await database.row(sql`SELECT count(*) AS rows FROM ${id(kept)}`);
  const count = Number(rows);
  const isAside = sql`position IN (SELECT position FROM ${id(aside)})`;
  return {
    noun: "The kept row",
    count,
    aside,
    described: sql`SELECT position, stream, NULL::BIGINT AS number, line FROM ${id(kept)}`,
    putAside: (found) => putInto(database, aside, found),
    ...(suspects === undefined
      ? {}
      : {
          async suspects() {
            await database.run(sql`CREATE OR REPLACE TEMP VIEW ${id(keptRowsView(slot))} AS FROM ${only}`);
            const found = await rowsWithTry(
              database,
              sql`SELECT position FROM ${id(kept)} SEMI JOIN (${suspects}) AS failing
                ON [${batch}, ${order}] = failing._row ORDER BY position`,
            );
            return found.map(({ position }) => Number(position));
          },
        }),
    async show(from, to) {
      const isHidden =
        from === 0 && to === count ? isAside : sql`(position < ${from} OR position >= ${to} OR ${isAside})`;
      for (const [index, { store }] of stores.entries())
        store.hideRows(
          slot,
          sql`SELECT ${batch}, ${order} FROM ${id(kept)} WHERE store = ${index} AND ${isHidden}`,
        );
    },
  };
}

/** The same; undefined where no store holds rows. */
export async function openKeptIfAny(
  database: Database,
  slot: string,
  stores: readonly KeptStore[],
): Promise<StepUnits | undefined> {
  return stores.length === 0 ? undefined : openKeptRows(database, slot, stores);
}

/** The relation in which suspects are looked for. */
export function keptRowsView(slot: string): string {
  return `_kept_rows_${slot}`;
}

/** The windows, by the time when they end, that close in a batch; of what has no such time, all in one. */
export async function openClosingWindows(
  database: Database,
  query: string,
  stores: readonly KeptStore[],
): Promise<StepUnits> {
  const ends = `_ends_${query}`;
  const aside = `_aside_ends_${query}`;
  const found = stores.map(
    ({ store, rows }) => sql`SELECT ${endOf(store.own.end)} AS window_end FROM ${rows} AS parts`,
  );
  await database.run(sql`${asideTable(aside)};
    CREATE OR REPLACE TEMP TABLE ${id(ends)} AS SELECT window_end, row_number() OVER () - 1 AS position
    FROM (SELECT DISTINCT window_end FROM (${join(found, " UNION ALL ")}) ORDER BY window_end)`);
  const { rows } = await database.row(sql`SELECT count(*) AS rows FROM ${id(ends)}`);
  const isAside = sql`position IN (SELECT position FROM ${id(aside)})`;
  return {
    noun: "The windows",
    count: Number(rows),
    aside,
    described: sql`SELECT position, NULL AS stream, NULL::BIGINT AS number,
      ${rowJson([{ name: "window_end", type: "TIMESTAMP" }])} AS line FROM ${id(ends)}`,
    putAside: (reasons) => putInto(database, aside, reasons),
    async show(from, to) {
      for (const { store } of stores)
        store.hideEnds(sql`SELECT window_end FROM ${id(ends)}
          WHERE position < ${from} OR position >= ${to} OR ${isAside}`);
    },
  };
}
