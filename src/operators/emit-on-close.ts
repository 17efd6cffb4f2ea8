/**
 * Any SQL whose rows are final when windows close, or when the input ends: its inputs are kept in stores, and
 * the user's own SQL runs over what closes. Right whenever each row of the answer depends on one window only.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { insertInto } from "../duckdb/insert.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import { definitionsOf, emptyTable } from "../sql/input.ts";
import { CHECKPOINT, relation, type Stream, type TimeBound } from "../sql/stream.ts";
import { type KeptStore, openClosingWindows, openKeptRows } from "./on-error/kept-rows.ts";
import type { Partners } from "./on-error/partners.ts";
import type { Rest } from "./on-error/without.ts";
import type { Batch, Explanation, Query } from "./query.ts";
import { closedByAll, type Store } from "./store.ts";

export interface EmitOnCloseOptions {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly sources: readonly string[];
  readonly times: ReadonlyMap<string, TimeBound>;
  readonly stores: readonly Store[];
  /** By store: the stream that its rows are of. */
  readonly streams: ReadonlyMap<string, string>;
  /** Rows `[_b, _o]` of the only store that surely fail, from the relation `keptRowsView`. */
  readonly suspects: Sql | undefined;
  readonly rest: Rest;
  /** Of a query that reads several places. */
  readonly partners?: Partners;
  /** The user's SQL over the relations that `viewOf` names. */
  readonly overClosing: Sql;
  /** The stores whose rows it also reads with their places in the input, through `placedViewOf`. */
  readonly placed?: ReadonlySet<string>;
  /** Columns whose values are given out once: a second row of the same is not. */
  readonly once?: readonly string[];
  /** Where a row may give no row of the answer: the values of what closes, under the names in `once`. */
  readonly seen?: Sql;
  readonly explanation: Explanation;
}

export function emitOnClose(options: EmitOnCloseOptions): Query {
  const { name, columns, stores } = options;
  const empty = emptyTable(name, columns);
  const partnersAmong = (batch: Batch): readonly KeptStore[] =>
    options.partners?.among((store) => store.closingRows(batch)) ?? [];
  const given = givenOut(name, options.once ?? [], options.overClosing, options.seen);
  let hasClosed = false;
  const output: Stream = {
    name,
    columns,
    mode: "append",
    sources: options.sources,
    times: options.times,
  };

  async function answerWhatCloses(database: Database, batch: Batch): Promise<number> {
    const closing: (Sql | undefined)[] = [];
    for (const store of stores) closing.push(await store.closing(database, batch));
    hasClosed = closing.some((one) => one !== undefined);
    if (!hasClosed) {
      await database.run(empty);
      return 0;
    }
    const views = stores.flatMap((store, index) => {
      const rows = closing[index] ?? sql`(FROM ${store.added} WHERE false)`;
      const view = sql`CREATE OR REPLACE TEMP VIEW ${id(viewOf(store))} AS ${store.answer(rows)}`;
      if (options.placed?.has(store.name) !== true) return [view];
      const placed = id(placedViewOf(store));
      return [view, sql`CREATE OR REPLACE TEMP VIEW ${placed} AS ${store.answer(rows, true)}`];
    });
    return database.runCounting(sql`${join(views, ";\n")};
      ${given?.see ?? raw("")}
      CREATE OR REPLACE TEMP TABLE ${id(name)} AS ${given?.notYet ?? options.overClosing}`);
  }
  return {
    output,
    key: [],
    rest: options.rest,
    states: [...stores.map(({ state }) => state), ...(given === undefined ? [] : [given.state])],
    explanation: options.explanation,
    setup: join(
      [...stores.map(({ setup }) => setup), empty, ...(given === undefined ? [] : [given.setup(columns)])],
      ";\n",
    ),
    async execute(database, batch, aside) {
      await aside.overRows({
        async run() {
          for (const store of stores) await store.add(database, batch);
        },
      });
      const kept = (which: readonly Store[]): readonly KeptStore[] =>
        which.map((store) => ({
          store,
          stream: options.streams.get(store.name) ?? "",
          rows: store.closingRows(batch),
        }));
      const rowStores = stores.filter(({ holdsRows }) => holdsRows === true);
      return aside.overUnits({
        run: () => answerWhatCloses(database, batch),
        units: [
          ...(partnersAmong(batch).length === 0
            ? []
            : [() => openKeptRows(database, `${name}$suspects`, partnersAmong(batch))]),
          ...(rowStores.length === 0
            ? []
            : [() => openKeptRows(database, name, kept(rowStores), options.suspects)]),
          () => openClosingWindows(database, name, kept(stores)),
        ],
      });
    },
    closedAtEnd: (database) => closedByAll(stores, database),
    commit: (batch) => [
      ...stores.flatMap((store) => store.commit(batch)),
      ...(given === undefined || !hasClosed ? [] : [given.remember]),
    ],
  };
}

/** The keys that were given out, in a table of the checkpoint; undefined for a query without such. */
function givenOut(query: string, keys: readonly string[], answer: Sql, seen: Sql | undefined) {
  if (keys.length === 0) return undefined;
  const table = relation.state(`${query}$given`);
  const names = keys.map((key) => id(key));
  const seenTable = id(`_seen_${query}`);
  const same = names.map((key) => sql`answer.${key} IS NOT DISTINCT FROM given.${key}`);
  return {
    state: { table, definition: sql`SELECT DISTINCT ${names} FROM (${answer})`.text, rules: {} },
    setup: (columns: readonly Column[]): Sql => {
      const own = columns.filter(({ name }) => keys.includes(name));
      return sql`CREATE TABLE IF NOT EXISTS ${id(CHECKPOINT, table)} (${definitionsOf(own)})`;
    },
    notYet: sql`FROM (${answer}) AS answer
      ANTI JOIN ${id(CHECKPOINT, table)} AS given ON ${join(same, " AND ")}`,
    see: seen === undefined ? undefined : sql`CREATE OR REPLACE TEMP TABLE ${seenTable} AS ${seen};`,
    remember: insertInto(
      id(CHECKPOINT, table),
      sql`SELECT DISTINCT ${names} FROM ${seen === undefined ? id(query) : seenTable}`,
    ),
  };
}

/** The relation through which the query reads what closes of a store. */
export function viewOf({ name }: Pick<Store, "name">): string {
  return `${relation.closing(name)}$view`;
}

/** The same with the rows' places in the input. */
export function placedViewOf(store: Pick<Store, "name">): string {
  return `${viewOf(store)}$placed`;
}

/** The user's own SQL over a subquery keeps the names that the user's columns have. */
export function named(query: Sql, columns: readonly Column[]): Sql {
  return sql`FROM (${query}) AS answer (${columns.map((column) => id(column.name))})`;
}

export const NEVER = raw("NULL::TIMESTAMP");
