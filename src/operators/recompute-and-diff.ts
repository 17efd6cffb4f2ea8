/**
 * Any SQL whose rows may change: its inputs are kept in stores, and the user's own SQL runs over the keys
 * that a batch touched, before the batch and with it. What differs is emitted: new and changed rows as
 * upserts, rows that ceased to exist as deletions.
 */

import { StreamkitError } from "../base/error.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { OutputMode } from "../job/schema.ts";
import { emptyTable } from "../sql/input.ts";
import { underscored } from "../sql/own-names.ts";
import { formerTable, freeName, OP_COLUMN, relation, type TimeBound } from "../sql/stream.ts";
import { openKeptIfAny } from "./on-error/kept-rows.ts";
import type { Partners } from "./on-error/partners.ts";
import { type Batch, type Explanation, endsInput, type Query } from "./query.ts";
import { closedByAll, type Store } from "./store.ts";

/** A place where the query reads, and which of its columns splits the answer for each split key. */
export interface RecomputedScan {
  readonly store: Store;
  readonly view: string;
  /** Whether the view has the rows' places in the input. */
  readonly hasPlace: boolean;
  readonly splitColumns: readonly string[];
}

export interface RecomputeOptions {
  readonly name: string;
  readonly mode: OutputMode;
  readonly columns: readonly Column[];
  /** What names a row. */
  readonly key: readonly string[];
  readonly sources: readonly string[];
  readonly times: ReadonlyMap<string, TimeBound>;
  readonly stores: readonly Store[];
  readonly places: readonly RecomputedScan[];
  readonly partners: Partners;
  /** The user's SQL over the places' views. */
  readonly answer: Sql;
  /** The static tables that it reads. */
  readonly tables: readonly string[];
  /** The same SQL over the views `formerView` in place of those. */
  readonly formerAnswer: Sql;
  readonly explanation: Explanation;
}

export function recomputeAndDiff(options: RecomputeOptions): Query {
  const { name, mode, columns, key, stores, places, partners } = options;
  const mostSplits = mode === "complete" ? 0 : (places[0]?.splitColumns.length ?? 0);
  /** Of a static table that has changed, any key may be touched. */
  let splits = mostSplits;
  let allRows = ({ store }: RecomputedScan): Sql => store.before();
  const touched = id(`_touched_${name}`);
  const [old, current] = [id(`_old_${name}`), id(`_new_${name}`)];
  const empty = emptyTable(name, [...columns, { name: OP_COLUMN, type: "VARCHAR" }]);
  const splitName = (index: number): Sql => id(`s${index}`);

  const touchedKeys = (): Sql => {
    const parts = places
      .filter(({ store }) => store.addedRows() > 0)
      .map(({ store, splitColumns }) => {
        const items = splitColumns
          .slice(0, splits)
          .map((column, index) => sql`${store.columnOf(column)} AS ${splitName(index)}`);
        return sql`SELECT ${join(items)} FROM ${store.added}`;
      });
    return sql`CREATE OR REPLACE TEMP TABLE ${touched} AS
      SELECT DISTINCT * FROM (${join(parts, " UNION ALL ")})`;
  };
  /** The kept rows of the touched keys, read once for both answers. */
  const keptRows = (place: RecomputedScan): Sql => (splits === 0 ? allRows(place) : id(`${place.view}$kept`));
  const readKept = (): Sql => {
    const tables = places.map(
      (place) => sql`CREATE OR REPLACE TEMP TABLE ${keptRows(place)} AS FROM ${onlyTouched(place)}`,
    );
    return join(tables, ";\n");
  };
  const onlyTouched = ({ store, splitColumns }: RecomputedScan): Sql => {
    const same = splitColumns
      .slice(0, splits)
      .map(
        (column, index) => sql`parts.${store.columnOf(column)} IS NOT DISTINCT FROM t.${splitName(index)}`,
      );
    return sql`(FROM ${store.before()} AS parts SEMI JOIN ${touched} AS t ON ${join(same, " AND ")})`;
  };
  const answerOf = (table: Sql, answer: Sql, rowsOf: (place: RecomputedScan) => Sql): Sql => {
    const views = places.map(
      (place) =>
        sql`CREATE OR REPLACE TEMP VIEW ${id(place.view)} AS
          ${place.store.answer(rowsOf(place), place.hasPlace)}`,
    );
    return sql`${join(views, ";\n")};
      CREATE OR REPLACE TEMP TABLE ${table} AS ${answer}`;
  };
  const withAdded = (place: RecomputedScan): Sql =>
    sql`(SELECT * FROM ${keptRows(place)} UNION ALL SELECT * FROM ${place.store.added})`;
  const names = columns.map((column) => id(column.name));
  const keys = key.map((column) => id(column));
  const changes = (): Sql => {
    const sameKey = keys.map((column) => sql`a.${column} IS NOT DISTINCT FROM b.${column}`);
    const on = sameKey.length === 0 ? raw("true") : join(sameKey, " AND ");
    const upserts =
      mode === "complete"
        ? sql`SELECT ${join(names)} FROM ${current}`
        : changedRows(columns, on, current, old);
    // In the answer's own order, where it has one.
    return sql`CREATE OR REPLACE TEMP TABLE ${id(name)} AS
      SELECT *, 'delete' AS ${raw(OP_COLUMN)} FROM ${old} AS a ANTI JOIN ${current} AS b ON ${on}
      UNION ALL SELECT *, 'upsert' AS ${raw(OP_COLUMN)} FROM (${upserts})`;
  };

  const refuseDoubleKeys = async (database: Database): Promise<void> => {
    const groups = keys.length === 0 ? raw("") : sql`GROUP BY ${join(keys)}`;
    const [double] = await database.rows(
      sql`SELECT ${rowText(keys)} AS key, count(*) AS rows FROM ${current} ${groups}
        HAVING count(*) > 1 LIMIT 1`,
    );
    if (double === undefined) return;
    throw new StreamkitError(
      "input",
      `Query ${name}: ${String(double["rows"])} rows have the same key (${key.join(", ")}): ` +
        `${String(double["key"])}. Name columns under key: that tell rows apart`,
    );
  };
  return {
    output: { name, columns, mode, sources: options.sources, times: options.times },
    key,
    states: stores.map(({ state }) => state),
    tables: options.tables,
    explanation: options.explanation,
    setup: join([...stores.map(({ setup }) => setup), empty], ";\n"),
    execute: (database, batch, aside) =>
      aside.overRows({
        run: () => rerun(database, batch),
        late: partners.late,
        kept: (which) => openKeptIfAny(database, `${name}$${which}`, partners.kept(which)),
      }),
    closedAtEnd: (database) => closedByAll(stores, database),
    commit: (batch) => stores.flatMap((store) => store.commit(batch)),
  };

  async function rerun(database: Database, batch: Batch): Promise<number> {
    for (const store of stores) {
      await store.add(database, batch);
      // What closes is not asked for here, but may be forgotten.
      if (store.resolved !== undefined && store.bound !== undefined) await store.closing(database, batch);
    }
    // Of no rows at all there is an answer too, where nothing is grouped.
    const hasOtherTables = options.tables.some((table) => batch.changedTables.has(table));
    splits = hasOtherTables ? 0 : mostSplits;
    // What has closed stays as it was given out.
    allRows = ({ store }) => (hasOtherTables ? store.openBefore(batch) : store.before());
    const isAnswerOfNothing =
      splits === 0 && stores.every((store) => store.isEmpty()) && endsInput(batch, options.sources);
    if (stores.every((store) => store.addedRows() === 0) && !isAnswerOfNothing && !hasOtherTables) {
      await database.run(empty);
      return 0;
    }
    if (splits > 0) await database.run(sql`${touchedKeys()}; ${readKept()}`);
    const hadRows = stores.map((store) => sql`EXISTS (FROM ${store.before()})`);
    const before = sql`FROM (${hasOtherTables ? options.formerAnswer : options.answer})
      WHERE ${join(hadRows, " OR ")}`;
    if (hasOtherTables) await database.run(formerViews(options.tables));
    await database.run(answerOf(old, before, keptRows));
    await database.run(answerOf(current, options.answer, withAdded));
    await refuseDoubleKeys(database);
    return database.runCounting(changes());
  }
}

/** Rows of `now` that `before` does not have, in their order. A key names one row of each. */
function changedRows(columns: readonly Column[], sameKey: Sql, now: Sql, before: Sql): Sql {
  const names = columns.map(({ name }) => id(name));
  const differ = names.map((column) => sql`a.${column} IS DISTINCT FROM b.${column}`);
  const isThere = id(freeName("_is_there", underscored(columns.map(({ name }) => name))));
  return sql`SELECT ${names.map((column) => sql`a.${column}`)}
    FROM ${now} AS a LEFT JOIN (SELECT *, true AS ${isThere} FROM ${before}) AS b ON ${sameKey}
    WHERE b.${isThere} IS NULL OR ${join(differ, " OR ")}`;
}

function rowText(keys: readonly Sql[]): Sql {
  if (keys.length === 0) return raw("'the whole answer'");
  return join(
    keys.map((key) => sql`coalesce(${key}::VARCHAR, 'NULL')`),
    " || ', ' || ",
  );
}

/** The view of a static table as the batch before saw it. */
export function formerView(table: string): string {
  return `_former_${table}`;
}

function formerViews(tables: readonly string[]): Sql {
  const views = tables.map(
    (table) => sql`CREATE OR REPLACE TEMP VIEW ${id(formerView(table))} AS FROM ${formerTable(table)}`,
  );
  return join(views, ";\n");
}

/** The view of a query's place. */
export function placeView(query: string, place: number): string {
  return `${relation.closing(query)}$place${place}`;
}
